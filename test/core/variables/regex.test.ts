import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { compileRegex, SUBJECT_LIMIT } from "../../../src/variables/regex.ts";

type Row = readonly [pattern: string, fits: readonly string[], fitsNot: readonly string[]];

/** What PCRE, as nginx uses it, makes of these. */
const MEANINGS: readonly Row[] = [
  ["^(a|b)\\1$", ["aa", "bb"], ["ab", "a"]],
  ["^(a)\\12\\18$", ["a\n\x018"], ["aa2a8"]],
  ["^\\101\\40\\377\\1011$", ["A \xffA1"], []],
  ["^[\\1a]$", ["a", "\x01"], ["1"]],
  ["a.c", ["abc", "a\rc", "xa\xffcx"], ["a\nc", "ac", "ABC"]],
  ["^a$", ["a"], ["ab", "ba", "A"]],
  ["(?i)^abc$", ["ABC", "abc"], ["ab"]],
  ["(?s)^a.c$", ["a\nc"], []],
  ["(?m)^b$", ["a\nb\nc"], ["abc"]],
  ["\\Aa\\z", ["a"], ["a\n", "ba"]],
  ["\\Aa\\Z", ["a", "a\n"], ["a\nb"]],
  ["^\\s\\S$", [" x", "\x0b\xa0"], ["\xa0x", "x "]],
  ["^\\h\\H$", ["\tx", "\xa0-"], ["\nx"]],
  ["^\\v\\V$", ["\x0bx", "\x85x"], ["xv"]],
  ["^\\R$", ["\r\n", "\n", "\x85"], ["\n\r"]],
  ["^\\N$", ["x"], ["\n"]],
  ["^\\a\\e\\x41\\x{42}\\x{a}$", ["\x07\x1bAB\n"], []],
  ["^\\@\\-\\_\\/\\.$", ["@-_/."], ["@-_/x"]],
  ["^\\w\\d\\b", ["a1", "_1-"], ["\xe41", "a1a"]],
  ["^[]a]+$", ["]a]"], ["b"]],
  ["^[^]a]$", ["b"], ["]", "a"]],
  ["^[[:alpha:][:digit:]_]+$", ["aZ9_"], ["-", ":", "\xe4"]],
  ["^[[:punct:]]+$", ["!/:@[`{~]\\^"], ["a", " "]],
  ["^[[:upper:]]$", ["A"], ["a"]],
  ["^[\\s\\d]+$", ["1 \t"], ["\xa0", "s"]],
  ["^[a[]+$", ["a[["], ["b"]],
  ["^[\\]]$", ["]"], ["\\"]],
  ["^a{2,3}$", ["aa", "aaa"], ["a", "aaaa"]],
  ["^a{,3}$", ["a{,3}"], []],
  ["^a{x}$", ["a{x}"], ["a"]],
  ["^(?:a|b)+?c", ["abc"], ["c"]],
  ["^a(?=b)(?!bc)", ["ab"], ["abc"]],
  ["(?<=a)b(?<!ab)", [], ["ab"]],
  ["^(a)\\1$", ["aa"], ["ab"]],
  ["", ["", "anything"], []],
];

const REFUSED: readonly [pattern: string, reason: string][] = [
  ["a++", "possessive quantifiers are not supported"],
  ["a{2}+", "possessive quantifiers are not supported"],
  ["(?>a)", '"(?>" is not supported'],
  ["(?R)", '"(?R" is not supported'],
  ["(?1)", '"(?1" is not supported'],
  ["(?|a|b)", '"(?|" is not supported'],
  ["(?(1)a)", '"(?(" is not supported'],
  ["(*UTF8)a", '"(*U" is not supported'],
  ["a(?i)b", '"(?i" is not supported'],
  ["(?x)a b", '"(?x" is not supported'],
  ["\\Ka", '"\\K" is not supported'],
  ["\\Qa\\E", '"\\Q" is not supported'],
  ["\\p{L}", '"\\p" is not supported'],
  ["\\k<a>", '"\\k" is not supported'],
  ["[\\S]", '"\\S" in a class is not supported'],
  ["[[:^alpha:]]", '"[:^alpha:]" is not supported'],
  ["(?<a>x)(?P<A>y)", 'two groups are named "A"'],
  ["a\\", "a \\ stands at its end"],
  ["[a", "a ] is missing"],
  ["^\\1*", '"\\1" refers to no group before it'],
  ["(\\1a)", '"\\1" refers to no group before it'],
  ["(?:a)\\1(b)", '"\\1" refers to no group before it'],
  ["(a)\\91", '"\\91" refers to no group before it'],
  ["(a)\\400", '"\\400" refers to no group before it'],
  ["(a", "it is not well formed"],
  ["a)", "it is not well formed"],
  ["*", "it is not well formed"],
];

describe("regular expressions", () => {
  for (const [pattern, fits, fitsNot] of MEANINGS) {
    it(`mean what they mean in nginx: ${pattern}`, () => {
      const regex = compileRegex(pattern, false);
      if (typeof regex === "string") throw new Error(regex);
      const matches = (subject: string) => regex.match(subject) !== undefined;
      assertEquals(fits.map(matches), fits.map(() => true));
      assertEquals(fitsNot.map(matches), fitsNot.map(() => false));
    });
  }

  for (const [pattern, reason] of REFUSED) {
    it(`are refused rather than misunderstood: ${pattern}`, () => assertEquals(compileRegex(pattern, false), reason));
  }

  it("take any case with ~*", () => {
    const regex = compileRegex("^anna@EXAMPLE", true);
    assertEquals(typeof regex !== "string" && [...regex.match("Anna@example.org") ?? []], ["Anna@example"]);
  });

  it("catch groups by number and by name", () => {
    const regex = compileRegex("^(?<User>[^@]+)@(?P<domain>.+?)(?:\\.(?'tld'org))?$", false);
    if (typeof regex === "string") throw new Error(regex);
    assertEquals([...regex.names], [["user", 1], ["domain", 2], ["tld", 3]]);
    assertEquals([...regex.match("anna@example.org") ?? []], ["anna@example.org", "anna", "example", "org"]);
    assertEquals([...regex.match("anna@example.net") ?? []], ["anna@example.net", "anna", "example.net", undefined]);
  });

  it("are tried on subjects of a limited length", () => {
    const regex = compileRegex("^a+$", false);
    const fits = (length: number) => typeof regex !== "string" && regex.match("a".repeat(length)) !== undefined;
    assertEquals([fits(SUBJECT_LIMIT), fits(SUBJECT_LIMIT + 1)], [true, false]);
  });

  it("are known for risky when they repeat what fits in several ways", () => {
    const isRisky = (pattern: string) => {
      const regex = compileRegex(pattern, false);
      return typeof regex !== "string" && regex.isRisky;
    };
    const risky = [
      "(a+)+",
      "((a*)b)*",
      "(a+){2,}",
      "(?:a|b+)*",
      "(a+){2,40}",
      "(\\w|[-_.])+@",
      "(?:a|b|a)*",
      "(?i)(?:a|A)*",
      "(a|(?:b|a)){2,9}",
    ];
    assertEquals(risky.filter((pattern) => !isRisky(pattern)), []);
    const harmless = [
      "(a+)",
      "(a)+",
      "(a+)?b+",
      "(a+){2}",
      "(a+){1,2}",
      "(a{2})*",
      "[(+]+",
      "([a-z]|[-_.])+@",
      "(foo|far)*",
      "(a|a)",
      "(?:a|A)*",
      "(?i)(?:a|B)*",
    ];
    assertEquals(harmless.filter(isRisky), []);
  });
});
