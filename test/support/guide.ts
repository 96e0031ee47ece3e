/** The blocks of a guide in `docs/`: configurations, commands, and what these must print. */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** What a guide has under one name. */
export interface Guide {
  /** Its configuration of that name; throws when it has none. */
  config(name: string): string;
  /** The lines of its commands of that name. */
  commands(name: string): readonly string[];
  /** The lines that each of them must print. */
  prints(name: string): readonly string[];
  /** The names of all configurations. */
  readonly configs: readonly string[];
}

/** Reads `docs/FILE`, with what `change` makes of it. */
export function readGuide(file: string, change: (text: string) => string): Guide {
  const text = readFileSync(fileURLToPath(new URL(`../../docs/${file}`, import.meta.url)), "latin1");
  const blocks = [...text.matchAll(/^```(nginx|sh|text) (\S+)\n([^]*?)^```$/gm)];
  const find = (kind: string, name: string) => {
    const found = blocks.find(([, itsKind, itsName]) => itsKind === kind && itsName === name);
    if (found === undefined) throw new Error(`There is no ${kind} "${name}" in ${file}`);
    return change(found[3] ?? "");
  };
  const lines = (kind: string, name: string) => find(kind, name).split("\n").filter((line) => line !== "");
  return {
    config: (name) => find("nginx", name),
    commands: (name) => lines("sh", name),
    prints: (name) => lines("text", name),
    configs: blocks.flatMap(([, kind, name = ""]) => kind === "nginx" ? [name] : []),
  };
}
