import { assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "node:test";
import { ConfigError } from "../../../src/config/mod.ts";
import { constantOf, isVariableName, VariableTable } from "../../../src/variables/mod.ts";
import { factsOf } from "../../support/facts.ts";

const PLACE = { file: "f", line: 7 };
const CLAIM = { method: "plain", login: "anna@example.com", clientHost: undefined, envelope: undefined };

describe("a text with variables", () => {
  for (
    const [text, value] of [
      ["", ""],
      ["plain", "plain"],
      ["$remote_addr", "198.51.100.7"],
      ["$REMOTE_addr", "198.51.100.7"],
      ["${remote_addr}AAA", "198.51.100.7AAA"],
      ["a$remote_addr:${remote_port}z", "a198.51.100.7:40001z"],
      ["$auth_user$auth_domain", "anna@example.comexample.com"],
      ["$ssl_cipher", ""],
      ["[$ssl_cipher]", "[]"],
      ["{$protocol}", "{imap}"],
      ["100%", "100%"],
    ] as const
  ) {
    it(`makes "${value}" of "${text}"`, () => {
      const table = new VariableTable();
      const template = table.compile(text, PLACE);
      table.link();
      assertEquals(template(factsOf({ claim: CLAIM })), value);
      assertEquals(template.text, text);
    });
  }

  for (
    const [text, problem] of [
      ["$", "invalid variable name in f:7"],
      ["a$", "invalid variable name in f:7"],
      ["$ x", "invalid variable name in f:7"],
      ["$-", "invalid variable name in f:7"],
      ["${", "invalid variable name in f:7"],
      ["${}", "invalid variable name in f:7"],
      ["$$pid", "invalid variable name in f:7"],
      ["${pid", 'the closing bracket in "pid" variable is missing in f:7'],
      ["${pid-}", 'the closing bracket in "pid" variable is missing in f:7'],
      ["$nothing", 'unknown "nothing" variable in f:7'],
      ["$1", 'unknown "1" variable in f:7'],
      ["$12", 'unknown "1" variable in f:7'],
      ["${remote_adr}", 'unknown "remote_adr" variable in f:7'],
    ] as const
  ) {
    it(`is refused as "${text}"`, () => {
      const table = new VariableTable();
      const refused = () => {
        table.compile(text, PLACE);
        table.link();
      };
      assertThrows(refused, ConfigError, problem);
    });
  }

  it("hints at a variable of nearly the same name", () => {
    const table = new VariableTable();
    table.compile("$remote_adr", PLACE);
    const error = assertThrows(() => table.link(), ConfigError);
    assertEquals(error.hint, 'did you mean "$remote_addr"?');
  });

  it("keeps a name that nobody knows, where that is wanted", () => {
    const table = new VariableTable();
    const template = table.compile("a $price ${price} $protocol", PLACE, { keepsUnknown: true });
    table.link();
    assertEquals(template(factsOf()), "a $price ${price} imap");
    assertEquals(constantOf(template), undefined);
  });

  it("is constant when nothing in it varies", () => {
    const table = new VariableTable();
    const texts = ["", "plain", "a $price", "$pid"].map((text) => table.compile(text, PLACE, { keepsUnknown: true }));
    table.link();
    assertEquals(texts.map(constantOf), ["", "plain", "a $price", undefined]);
  });

  it("takes the groups of a regular expression before variables", () => {
    const table = new VariableTable();
    const parts = table.parts("$1 ${pid} $2", PLACE, { groups: new Map([["pid", 2]]) });
    table.link();
    const captures = ["whole", "one", "two"];
    const texts = parts.map((part) => typeof part === "string" ? part : part.value(factsOf(), captures));
    assertEquals(texts, ["one", " ", "two", " ", "two"]);
  });
});

describe("a variable of one's own", () => {
  it("may be mentioned before it is made, and a later one takes its place", () => {
    const table = new VariableTable();
    const template = table.compile("$Mine", PLACE);
    table.define("mine", { evaluate: () => "first", reads: [] }, PLACE);
    table.define("MINE", { evaluate: ({ protocol }) => protocol, reads: [] }, PLACE);
    table.link();
    assertEquals(template(factsOf({ protocol: "pop3" })), "pop3");
  });

  it("cannot have the name of one that is there, or none", () => {
    const table = new VariableTable();
    const define = (name: string) => () => table.define(name, { evaluate: () => "", reads: [] }, PLACE);
    assertThrows(define("Remote_Addr"), ConfigError, 'the duplicate "remote_addr" variable in f:7');
    assertThrows(define(""), ConfigError, 'invalid variable name "$" in f:7');
  });

  it("cannot be worked out from itself, by whatever detour", () => {
    const table = new VariableTable();
    const reads = (text: string) => table.parts(text, PLACE).filter((part) => typeof part !== "string");
    for (const [name, text] of [["a", "$b"], ["b", "$pid $c"], ["c", "$a"]] as const) {
      table.define(name, { evaluate: () => "", reads: reads(text) }, PLACE);
    }
    assertThrows(() => table.link(), ConfigError, 'cycle while evaluating variable "a" in f:7');
  });

  it("is no cycle for being read in several ways", () => {
    const table = new VariableTable();
    const reads = (text: string) => table.parts(text, PLACE).filter((part) => typeof part !== "string");
    for (const [name, text] of [["a", "$b$c$b"], ["b", "$c"], ["c", "$pid"]] as const) {
      table.define(name, { evaluate: () => "", reads: reads(text) }, PLACE);
    }
    table.link();
  });
});

describe("the name of a variable", () => {
  for (const text of ["$a", "$A_9"]) it(`may be ${text}`, () => assertEquals(isVariableName(text), true));
  for (const text of ["", "$", "a", "$a-b", "${a}", "$a "]) {
    it(`may not be "${text}"`, () => assertEquals(isVariableName(text), false));
  }
});
