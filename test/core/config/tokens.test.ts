import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { ConfigError } from "../../../src/config/error.ts";
import { Tokenizer, WORD_LIMIT } from "../../../src/config/tokens.ts";
import type { StatementEnd } from "../../../src/config/tokens.ts";

/** All statements of a text, each with how it ended, and the error that ended the reading, if one did. */
function read(text: string, isParameter = false): unknown[] {
  const tokens = new Tokenizer(text, isParameter ? undefined : "f");
  const statements: unknown[] = [];
  try {
    for (let end: StatementEnd = "semicolon"; end !== "end";) {
      const statement = tokens.next();
      end = statement.end;
      if (end !== "end") statements.push([...statement.words, SIGN[end]]);
    }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    statements.push(error.message);
  }
  return statements;
}

const SIGN: Readonly<Record<StatementEnd, string>> = { semicolon: ";", open: "{", close: "}", end: "" };

const RULES: readonly [rule: string, text: string, ...statements: unknown[]][] = [
  ["nothing at all", ""],
  ["blank, tab, CR and LF separate", "a b\tc\rd\ne;", ["a", "b", "c", "d", "e", ";"]],
  ["; and { end a word, too", "a;b{", ["a", ";"], ["b", "{"]],
  ["} closes at the beginning of a word", "a { }", ["a", "{"], ["}"]],
  ["} within a word is plain", "a}b c};", ["a}b", "c}", ";"]],
  ["# begins a comment at the beginning of a word", "a #b;\n c;#d", ["a", "c", ";"]],
  ["# within a word is plain", "a#b;", ["a#b", ";"]],
  ["a comment may hold quotes and braces", "# it's { \"\na;", ["a", ";"]],
  ["a comment ends with the text", "a; # b", ["a", ";"]],
  ["${ opens no block", "a ${b} c${d}{", ["a", "${b}", "c${d}", "{"]],
  ["$ and a brace after a blank", "a $ {", ["a", "$", "{"]],
  ["$ before several braces", "a ${{b;", ["a", "${{b", ";"]],
  ["double quotes", 'a "b c" "";', ["a", "b c", "", ";"]],
  ["single quotes", "a 'b c' '';", ["a", "b c", "", ";"]],
  ["all but its quote is plain in quotes", "a 'b;{}#\"\nc';", ["a", 'b;{}#"\nc', ";"]],
  ["quotes within a word are plain", "a b'c d\"e;", ["a", "b'c", 'd"e', ";"]],
  ["a closing quote may be followed by ; or {", "\"a\";'b'{", ["a", ";"], ["b", "{"]],
  ["a closing quote may be followed by )", 'if ($a = "b") {', ["if", "($a", "=", "b", ")", "{"]],
  ["what follows ) is in the same word", '"a")b;', ["a", ")b", ";"]],
  ["a backslash before a quote or itself goes", String.raw`a \"b\' "\"\\\'";`, ["a", `"b'`, `"\\'`, ";"]],
  ["\\t, \\r and \\n are characters", String.raw`a\tb "\r\n";`, ["a\tb", "\r\n", ";"]],
  ["any other pair stays", String.raw`a\ b \; \{ \$c "\d";`, [String.raw`a\ b`, "\\;", "\\{", "\\$c", "\\d", ";"]],
  ["an escaped backslash escapes nothing", String.raw`a \\n;`, ["a", "\\n", ";"]],
  ["octets from 0x80 on are plain", "\xff\x80 \xa0\x85;", ["\xff\x80", "\xa0\x85", ";"]],
  ["NUL and other control characters are plain", "a\0b\x0b\x0c;", ["a\0b\x0b\x0c", ";"]],
];

const ERRORS: readonly [text: string, ...statements: unknown[]][] = [
  [";", 'unexpected ";" in f:1'],
  ["a;\n;", ["a", ";"], 'unexpected ";" in f:2'],
  ["{", 'unexpected "{" in f:1'],
  ["a {\n{", ["a", "{"], 'unexpected "{" in f:2'],
  ["a\n}", 'unexpected "}" in f:2'],
  ['a "b"c;', 'unexpected "c" in f:1'],
  ['a\n"b\n"}', 'unexpected "}" in f:3'],
  ["a 'b'\"c\";", 'unexpected """ in f:1'],
  ['a "b"#c\n;', 'unexpected "#" in f:1'],
  ["a", 'unexpected end of file, expecting ";" or "}" in f:1'],
  ["a\n\n", 'unexpected end of file, expecting ";" or "}" in f:3'],
  ["a; b # c;", ["a", ";"], 'unexpected end of file, expecting ";" or "}" in f:1'],
  ['a "b', 'unexpected end of file, expecting ";" or "}" in f:1'],
  ["a 'b;\n", 'unexpected end of file, expecting ";" or "}" in f:2'],
  ["a 'b'", 'unexpected end of file, expecting ";" or "}" in f:1'],
  ["a\\", 'unexpected end of file, expecting ";" or "}" in f:1'],
];

describe("tokens", () => {
  for (const [rule, text, ...statements] of RULES) {
    it(rule, () => assertEquals(read(text), statements));
  }

  for (const [text, ...statements] of ERRORS) {
    it(`refuses ${JSON.stringify(text)}`, () => assertEquals(read(text), statements));
  }

  it("ends the -g option with words of its own", () => {
    assertEquals(read("a b", true), ['unexpected end of parameter, expecting ";" in command line']);
  });

  it("reports the line of a statement's end", () => {
    const tokens = new Tokenizer("a\nb\n;\n\nc 'd\ne'\n{\n}\n", "f");
    for (const line of [3, 7, 8, 9]) {
      tokens.next();
      assertEquals(tokens.place, { file: "f", line });
    }
  });
});

describe("tokens of great length", () => {
  const most = "x".repeat(WORD_LIMIT - 1);

  it("may have 4095 octets", () => assertEquals(read(`a ${most};`), [["a", most, ";"]]));
  it("may have 4095 octets in quotes", () => assertEquals(read(`a "${most}";`), [["a", most, ";"]]));

  it("may not have 4096", () => {
    assertEquals(read(`a\n\nx${most}\n\n;`), ['too long parameter "xxxxxxxxxx..." started in f:3']);
  });

  it("may not have 4096 in quotes, which hints at a missing one", () => {
    const text = "too long parameter, probably missing terminating";
    assertEquals(read(`a\n"x${most}\n";`), [`${text} """ character in f:2`]);
    assertEquals(read(`a 'x${most}';`), [`${text} "'" character in f:1`]);
    assertEquals(read(`a '\n${most.repeat(300)}`), [`${text} "'" character in f:1`]);
  });

  it("counts octets as written", () => {
    assertEquals(read(`a ${"\\\\".repeat(2047)};`), [["a", "\\".repeat(2047), ";"]]);
    assertEquals(read(`a ${"\\\\".repeat(2048)};`), ['too long parameter "\\\\\\\\\\\\\\\\\\\\..." started in f:1']);
  });

  it("does not count comments and blanks, unlike nginx", () => {
    assertEquals(read(`a #${most.repeat(3)}\n${" ".repeat(9000)};`), [["a", ";"]]);
  });

  it("has no limit on the number of words", () => {
    assertEquals(read(`${"a ".repeat(100_000)};`), [[..."a".repeat(100_000), ";"]]);
  });
});
