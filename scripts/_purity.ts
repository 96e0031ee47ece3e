/**
 * What no compiler checks: which folder may import which, and that only adapters know a runtime. The core's compiler
 * configuration has no ambient types and catches the same names a second time.
 */

import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { ROOT } from "./_run.ts";

interface Rule {
  /** What a file must not do, as the message says it. */
  readonly text: string;
  readonly applies: (file: string) => boolean;
  /** Judges one line of code (comments and the contents of strings removed). */
  readonly code?: RegExp;
  /** Judges what one import names: a path in the repository, or the specifier itself. */
  readonly imports?: (file: string, target: string) => boolean;
}

const isCore = (file: string) => file.startsWith("src/") && file !== "src/main.ts";
const isTest = (file: string) => file.startsWith("test/");

const RULES: readonly Rule[] = [
  {
    text: "the core names no runtime (node:, Deno, Bun, process, Buffer)",
    applies: isCore,
    // `process` is a good name for a local as well; the core's compiler configuration finds the global one.
    code: /(?<![\w$.#"'-])(?:Deno|Bun|Buffer)\s*[.[]|\bglobalThis\b/,
    imports: (_file, target) => /^(?:node:|bun|deno|npm:|jsr:|https?:)/.test(target),
  },
  {
    text: "src/ does not import adapters/ (src/main.ts alone does)",
    applies: isCore,
    imports: (_file, target) => target.startsWith("adapters/"),
  },
  {
    text: "the core keeps no time and draws no numbers of its own (Date.now, setTimeout, Math.random)",
    applies: isCore,
    code: /\b(?:Date\.now|Math\.random|performance\.now|setTimeout|setInterval|setImmediate|queueMicrotask)\b/,
  },
  {
    text: "protocols do not import one another",
    applies: (file) => protocolOf(file) !== undefined,
    imports: (file, target) => {
      const other = protocolOf(target);
      return other !== undefined && other !== protocolOf(file);
    },
  },
  {
    text: "adapters import only src/runtime.ts from src/",
    applies: (file) => file.startsWith("adapters/"),
    imports: (_file, target) => target.startsWith("src/") && target !== "src/runtime.ts",
  },
  {
    text: "a test is skipped by { skip: reason } on it(): all three runners count that in the same way",
    applies: isTest,
    code: /\bt\.skip\(|\b(?:describe|it|test)\.(?:skip|only|todo)\b|\bdescribe\([^)]*\bskip\b/,
  },
];

/** One line for each place that breaks a rule. */
export function impurities(): string[] {
  const files = globSync("{src,adapters,test}/**/*.ts", { cwd: ROOT, exclude: (name) => name === "data" }).sort();
  return files.flatMap((file) => judge(file, readFileSync(join(ROOT, file), "utf8")));
}

function judge(file: string, source: string): string[] {
  const rules = RULES.filter((rule) => rule.applies(file));
  const code = withoutComments(source).split("\n");
  const found: string[] = [];
  code.forEach((line, index) => {
    const bare = withoutStrings(line);
    const target = importTarget(file, line);
    for (const rule of rules) {
      const breaks = rule.code?.test(bare) || (target !== undefined && rule.imports?.(file, target));
      if (breaks) found.push(`${file}:${index + 1}: ${rule.text}`);
    }
  });
  return found;
}

function importTarget(file: string, line: string): string | undefined {
  const specifier = /\b(?:from|import)\s*\(?\s*["']([^"']+)["']/.exec(line)?.[1];
  if (specifier === undefined || !specifier.startsWith(".")) return specifier;
  return normalize(join(dirname(file), specifier));
}

/** The protocol a file belongs to; `sasl` and `proxy_protocol` serve all of them. */
function protocolOf(file: string): string | undefined {
  const name = /^src\/protocol\/([^/]+)\//.exec(file)?.[1];
  return name === "sasl" || name === "proxy_protocol" ? undefined : name;
}

/** Blanks comments and keeps the lines where they are. */
function withoutComments(source: string): string {
  const pattern = /("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\[^])*`)|\/\*[^]*?\*\/|\/\/[^\n]*/g;
  return source.replace(pattern, (whole, text: string | undefined) => text ?? whole.replace(/[^\n]/g, " "));
}

function withoutStrings(line: string): string {
  return line.replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/g, '""');
}
