/**
 * Writes `docs/directives.md` from the directive table: `node scripts/directives_doc.ts`. With `--check` it writes nothing
 * and fails when the file is not up to date.
 */

import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import type { AnyDirective, Module } from "../src/config/directive.ts";
import { MODULES } from "../src/config/directives/mod.ts";
import { BUILTINS, ENDINGS } from "../src/variables/mod.ts";

const FILE = new URL("../docs/directives.md", import.meta.url);

const INTRODUCTION = `# Directives

<!-- Written by scripts/directives_doc.ts from src/config/directives/. Change it there. -->

The language is nginx's. A value given in \`mail {}\` holds in each \`server {}\` that gives none itself; lists are replaced as
a whole, never merged. Giving a directive twice in one block is an error, unless it is said below how repeated ones count.

| kind | what it may be |
| --- | --- |
| \`time\` | seconds, or groups of digits and a unit, the largest first: \`w\`, \`d\`, \`h\`, \`m\`, \`s\`, \`ms\`, as in \`1h30m\` |
| \`size\` | octets, or with \`k\` or \`m\` for 2^10 and 2^20 |
| \`number\` | digits |
| \`on \\| off\` and other words | in any case; but as written here where they stand beside values of another kind (\`access_log off\`), and in \`protocol\` |
| \`file\` | a path, absolute or relative to the directory of the main configuration file; that of a log or of the \`pid\` file to the prefix (\`-p\`) |
`;

function main(): number {
  const text = [INTRODUCTION, ...MODULES.map(section), variables()].join("\n");
  if (!process.argv.includes("--check")) {
    writeFileSync(FILE, text);
    return 0;
  }
  if (current() === text) return 0;
  console.error("docs/directives.md is not up to date: run `node scripts/directives_doc.ts`");
  return 1;
}

function current(): string | undefined {
  try {
    return readFileSync(FILE, "utf8");
  } catch {
    return undefined;
  }
}

function section({ title, about, directives }: Module): string {
  const full = directives.filter(({ state }) => state.type === "supported");
  const accepted = directives.filter(({ state }) => state.type === "accepted");
  const refused = directives.filter(({ state }) => state.type === "refused");
  return [
    `## ${title}\n`,
    `${about}\n`,
    ...full.map(description),
    ...table("Accepted without effect", accepted),
    ...table("Refused, with the reason", refused),
  ].join("\n");
}

function variables(): string {
  return [
    VARIABLES,
    "| variable | meaning |",
    "| --- | --- |",
    ...BUILTINS.map(({ name, meaning }) => `| ${code(`$${name}`)} | ${meaning} |`),
    ENDS,
    "| `$session_result` | `$session_fault` | `$status` | when |",
    "| --- | --- | --- | --- |",
    ...Object.entries(ENDINGS).map(([result, { fault, status, meaning }]) =>
      `| ${code(result)} | ${fault === undefined ? "" : code(fault)} | ${status} | ${meaning} |`
    ),
    "",
  ].join("\n");
}

const VARIABLES = `## Variables

A \`$name\` or \`\${name}\` in a text that may have variables. They are worked out when the text is needed, from what is known of
the connection by then; one that has no value, or none yet, is empty, and \`-\` in a log.
`;

const ENDS = `
### The ends of connections

A session that had logged in and whose connection broke has that side's name in \`$session_fault\`.
`;

function description(entry: AnyDirective): string {
  const rows = [
    ["Syntax", usage(entry, syntaxOf(entry))],
    ["Default", defaultOf(entry)],
    ["Context", contextsOf(entry)],
    ["Since", sinceOf(entry)],
    ["Repeated", repeatedOf(entry)],
    ["Deprecated", entry.today ?? ""],
  ];
  const shown = rows.filter(([, value]) => value !== "").map(([key, value]) => `| ${key} | ${value} |`);
  const [first = "", ...rest] = shown;
  return `### ${entry.name}\n\n${first}\n| --- | --- |\n${rest.join("\n")}\n\n${entry.meaning}.\n`;
}

function table(title: string, entries: readonly AnyDirective[]): string[] {
  if (entries.length === 0) return [];
  const rows = entries.map((entry) => {
    const { state } = entry;
    const reason = state.type === "accepted" || state.type === "refused" ? `; ${state.reason}` : "";
    return `| ${usage(entry, syntaxOf(entry))} | ${contextsOf(entry)} | ${
      sinceOf(entry)
    } | ${entry.meaning}${reason} |`;
  });
  return [`### ${title}\n`, "| directive | context | since | meaning |", "| --- | --- | --- | --- |", ...rows, ""];
}

function syntaxOf(entry: AnyDirective): string {
  return entry.type === "simple" ? entry.kind.syntax : entry.syntax;
}

function usage(entry: AnyDirective, args: string): string {
  const words = args === "" ? entry.name : `${entry.name} ${args}`;
  return code(entry.type === "simple" ? `${words};` : `${words} { … }`);
}

function defaultOf(entry: AnyDirective): string {
  if (entry.type === "block") return "";
  return entry.written === undefined ? "none" : usage(entry, entry.written);
}

function repeatedOf(entry: AnyDirective): string {
  if (entry.type === "block") return entry.repeatable ? "as often as wanted" : "";
  return { refused: "", replaces: "the last one counts", adds: "all of them count" }[entry.kind.repeated];
}

function contextsOf(entry: AnyDirective): string {
  return entry.contexts.map(code).join(", ");
}

function sinceOf(entry: AnyDirective): string {
  return entry.since === undefined ? "" : entry.since.replace(/^(?=\d)/, "nginx ");
}

/** Code in a cell of a table, where a bar would begin the next cell. */
function code(text: string): string {
  return `\`${text.replaceAll("|", "\\|")}\``;
}

process.exitCode = main();
