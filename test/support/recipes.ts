/** The configurations in docs/recipes.md, as they stand there. */

import { readFileSync } from "node:fs";

/** A fenced block of the document: a configuration has a name, a file has the path that is written before it. */
const BLOCKS = /^```(?:nginx (\S+))?\n(.*?)^```$/gms;

/** All configurations by their names. */
export function recipes(): ReadonlyMap<string, string> {
  return new Map(
    [...document().matchAll(BLOCKS)].flatMap(([, name, text = ""]) => name === undefined ? [] : [[name, text]]),
  );
}

/** The configuration of that name. */
export function recipe(name: string): string {
  const text = recipes().get(name);
  if (text === undefined) throw new Error(`docs/recipes.md has no recipe "${name}"`);
  return text;
}

/** What the document has for a file. */
export function fileOf(path: string): string {
  const [, ...behind] = document().split(`\n\`${path}\` has `);
  const [, , text] = [...behind.join("").matchAll(BLOCKS)][0] ?? [];
  if (text === undefined) throw new Error(`docs/recipes.md has no text for ${path}`);
  return text;
}

/** What is put in for the document's addresses, ports and paths. */
export interface Surroundings {
  /** By the document's addresses with their ports, such as `192.0.2.11:143`, or without. */
  readonly addresses: Readonly<Record<string, string>>;
  readonly paths: Readonly<Record<string, string>>;
  /** The ports of its `listen` lines, in order; any port where there is none. */
  readonly ports: readonly number[];
}

/** The text with its addresses, ports and paths put in, and nothing else changed. Throws where one is left over. */
export function fitted(text: string, { addresses, paths, ports }: Surroundings): string {
  const left = [...ports];
  return text
    .replace(/\blisten \d+/g, () => ["listen 127.0.0.1", left.shift()].filter((part) => part !== undefined).join(":"))
    .replace(/\b(?:192\.0\.2|198\.51\.100|203\.0\.113)\.\d+(?::\d+|\/\d+)?/g, (address) => pick(addresses, address))
    .replace(/\/etc\/[^\s;]+/g, (path) => pick(paths, path));
}

function pick(values: Readonly<Record<string, string>>, key: string): string {
  const value = values[key];
  if (value === undefined) throw new Error(`nothing stands for ${key}`);
  return value;
}

function document(): string {
  return readFileSync(new URL("../../docs/recipes.md", import.meta.url), "utf8");
}
