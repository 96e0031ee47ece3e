/**
 * Reads the JUnit reports of the three test runners and counts `it` blocks in the same way for all of them. A report
 * differs by runner: Node and Bun nest suites, Deno lists a `describe` and its steps side by side.
 */

export type Result = "passed" | "failed" | "skipped";

export interface TestCase {
  /** All enclosing `describe` names and its own, joined by ` > `. */
  readonly name: string;
  readonly result: Result;
  /** Why it was skipped, where the runner says it (only Node does). */
  readonly reason: string;
}

export type Runner = "node" | "deno" | "bun";

/** The test cases of one report, containers left out. */
export function readReport(runner: Runner, xml: string): TestCase[] {
  const cases = readCases(xml, runner === "bun" || runner === "deno" ? 1 : 0);
  return runner === "deno" ? withoutContainers(cases) : cases;
}

/** Walks the elements; `fileLevels` outer suites stand for files and give no name. */
function readCases(xml: string, fileLevels: number): TestCase[] {
  const cases: TestCase[] = [];
  const suites: string[] = [];
  let open: { name: string; result: Result; reason: string } | undefined;
  for (const [, slash, tag, attributes = "", selfClosing] of xml.matchAll(ELEMENT)) {
    const closes = slash === "/" || selfClosing === "/";
    if (tag === "testsuite") {
      if (slash === "/") suites.pop();
      else if (!closes) suites.push(attribute(attributes, "name"));
    } else if (tag === "testcase") {
      if (slash !== "/") {
        const own = attribute(attributes, "name") || "<anonymous>";
        const name = [...suites.slice(fileLevels), own].join(" > ").replace(/\p{Cc}/gu, escapeControl);
        open = { name, result: "passed", reason: "" };
      }
      if (closes && open !== undefined) {
        cases.push(open);
        open = undefined;
      }
    } else if (open !== undefined && slash !== "/") {
      open.result = tag === "skipped" ? "skipped" : "failed";
      open.reason = tag === "skipped" ? attribute(attributes, "message") : "";
    }
  }
  return cases;
}

/** Deno reports a `describe` as a case of its own: it counts only when it failed and none of its tests did (a hook). */
function withoutContainers(cases: readonly TestCase[]): TestCase[] {
  const containers = new Set<string>();
  const failing = new Set<string>();
  for (const { name, result } of cases) {
    for (let at = name.lastIndexOf(" > "); at > 0; at = name.lastIndexOf(" > ", at - 1)) {
      containers.add(name.slice(0, at));
      if (result === "failed") failing.add(name.slice(0, at));
    }
  }
  return cases.filter(({ name, result }) => !containers.has(name) || (result === "failed" && !failing.has(name)));
}

/** As Deno does it in its report, so that all name a test in the same way. */
function escapeControl(character: string): string {
  const letter = "bfnrtv"["\b\f\n\r\t\v".indexOf(character)];
  return letter === undefined ? `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}` : `\\${letter}`;
}

function attribute(attributes: string, name: string): string {
  const value = new RegExp(`\\s${name}="([^"]*)"`).exec(attributes)?.[1] ?? "";
  return value.replace(/&(#x?[0-9a-fA-F]+|\w+);/g, (whole, entity: string) => decodeEntity(entity) ?? whole);
}

function decodeEntity(entity: string): string | undefined {
  if (!entity.startsWith("#")) return ENTITIES.get(entity);
  const isHex = entity[1] === "x";
  return String.fromCodePoint(Number.parseInt(entity.slice(isHex ? 2 : 1), isHex ? 16 : 10));
}

const ENTITIES = new Map([["lt", "<"], ["gt", ">"], ["amp", "&"], ["quot", '"'], ["apos", "'"]]);

// Node leaves ">" as it is inside attributes, so these are skipped as a whole.
const ELEMENT = /<(\/?)(testsuite|testcase|failure|error|skipped)((?:\s+[\w:-]+="[^"]*")*)\s*(\/?)>/g;
