import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { inMail, load, memoryFiles, problem, warnings } from "../../support/config.ts";
import { factsOf } from "../../support/facts.ts";

/** What `$to` is for these logins. */
function mapped(lines: string, logins: readonly string[], files: Readonly<Record<string, string>> = {}): string[] {
  const text = inMail(`auth_http_header X $to;\nmap $auth_user $to {\n${lines}\n}`);
  const [server] = load(text, { files: memoryFiles(files) }).servers;
  return logins.map((login) => server?.authHttp?.headers[0]?.value(factsOf({ claim: claim(login) })) ?? "");
}

function claim(login: string) {
  return { method: "plain", login, clientHost: undefined, envelope: undefined };
}

function inMap(...lines: readonly string[]): string {
  return inMail(`map $auth_user $to {`, ...lines, "}");
}

describe("map", () => {
  it("finds texts in any case, and else its default", () => {
    assertEquals(mapped("anna 1; Berta 2; default 3;", ["anna", "ANNA", "berta", "carl", ""]), [
      "1",
      "1",
      "2",
      "3",
      "3",
    ]);
  });

  it("is empty without a default, and finds the empty text", () => {
    assertEquals(mapped('"" none; anna 1;', ["", "anna", "berta"]), ["none", "1", ""]);
  });

  it("leaves octets from 0x80 on alone: they are halves of letters", () => {
    assertEquals(mapped("\xc3\x84 1; \xe3\x84 2;", ["\xc3\x84", "\xe3\x84", "\xe3\xa4"]), ["1", "2", ""]);
  });

  it("takes host names with stars, the longest first, and no dot at the end", () => {
    const lines = "hostnames; *.example.com a; .example.org b; *.mail.example.com c; www.example.* d; x.example.com e;";
    const names = ["a.example.com", "example.com", "example.org", "a.b.example.org", "a.mail.example.com"];
    assertEquals(mapped(lines, names), ["a", "", "b", "b", "c"]);
    assertEquals(mapped(lines, ["WWW.example.net", "www.example.co.uk", "www.example", "X.Example.com."]), [
      "d",
      "d",
      "",
      "e",
    ]);
  });

  it("warns of names that stand above hostnames", () => {
    const warned = (lines: string) => load(inMap(...lines.split(" | "))).warnings.map(({ text }) => text);
    assertEquals(warned("hostnames; | *.example.com a;"), []);
    assertEquals(warned("example.com a; | hostnames;"), []);
    for (const name of ["*.example.com", ".example.com", "www.example.*"]) {
      assertEquals(warned(`${name} a; | hostnames;`), [
        `"hostnames" has no effect on "${name}", which stands above it in f:5`,
      ]);
    }
  });

  it("takes a star for itself without hostnames", () => {
    assertEquals(mapped("*.a 1;", ["x.a", "*.a"]), ["", "1"]);
  });

  it("takes words for texts behind a backslash", () => {
    assertEquals(mapped("\\default 1; \\hostnames 2; \\~a 3;", ["default", "hostnames", "~a", "a"]), [
      "1",
      "2",
      "3",
      "",
    ]);
  });

  it("tries expressions in order, after texts", () => {
    const lines = "~^a 1; ~*^B 2; ~^an 3; anna 4; default 5;";
    assertEquals(mapped(lines, ["anna", "anton", "berta", "Berta", "carl", ""]), ["4", "1", "2", "2", "5", "5"]);
  });

  it("puts what an expression caught into its value", () => {
    const lines = "'~^(?<name>[^@]+)@(.+)$' '$2/${name}/$3'; default '$protocol:$auth_user';";
    assertEquals(mapped(lines, ["anna@example.com", "anna"]), ["example.com/anna/", "imap:anna"]);
  });

  it("has its named groups as variables elsewhere, whatever was asked for before", () => {
    const text = inMail(
      "auth_http_header X '$who at $where';",
      "map $auth_user $to { '~^(?<who>.+)@(?<where>.+)$' 1; ~^(?<who>.+)$ 2; }",
    );
    const [server] = load(text).servers;
    const value = (login: string) => server?.authHttp?.headers[0]?.value(factsOf({ claim: claim(login) }));
    assertEquals([value("anna@example.com"), value("anna"), value("")], ["anna at example.com", "anna at ", " at "]);
  });

  it("may be made of a text of several variables, and of other maps below it", () => {
    const text = inMail(
      "auth_http_header X $a;",
      "map $b-$protocol $a { yes-imap right; default wrong; }",
      "map $remote_addr $b { 198.51.100.7 yes; }",
    );
    assertEquals(load(text).servers[0]?.authHttp?.headers[0]?.value(factsOf()), "right");
  });

  it("reads its lines from files too", () => {
    const files = { "users/a": "anna 1;\n", "users/b": "# nobody\nberta 2;" };
    assertEquals(mapped("include users/*; carl 3;", ["anna", "berta", "carl"], files), ["1", "2", "3"]);
  });

  it("reads 100,000 lines fast", () => {
    const lines = Array.from({ length: 100_000 }, (_, i) => `user${i}@example.com 10.0.0.${i % 200}:143;`).join("\n");
    const started = performance.now();
    assertEquals(mapped(lines, ["user0@example.com", "user99999@example.com", "x"]), [
      "10.0.0.0:143",
      "10.0.0.199:143",
      "",
    ]);
    assertEquals(performance.now() - started < 4000, true);
  });
});

describe("what is wrong with a map", () => {
  for (
    const [text, expected] of [
      [inMail("map a b {}"), 'invalid variable name "b" in f:3'],
      [inMail("map a $ {}"), 'invalid variable name "$" in f:3'],
      [inMail("map a {}"), 'invalid number of arguments in "map" directive in f:3'],
      [inMail("map a $b;"), 'directive "map" has no opening "{" in f:3'],
      [inMail("map a$ $b {}"), "invalid variable name in f:3"],
      [inMail("map ${a $b {}"), 'the closing bracket in "a" variable is missing in f:3'],
      [inMail("map $nothing $b {}"), 'unknown "nothing" variable in f:3'],
      [inMail("map a $remote_addr {}"), 'the duplicate "remote_addr" variable in f:3'],
      [inMail("map $b $b {}"), 'cycle while evaluating variable "b" in f:3'],
      [inMail("map $c $b {}", "map a $c { x $b; }"), 'cycle while evaluating variable "b" in f:4'],
      [inMap("a;"), 'invalid number of the map parameters in f:4\na line is two words and a ";"'],
      [inMap("a b c;"), 'invalid number of the map parameters in f:4\na line is two words and a ";"'],
      [inMap("a 1;", "A 2;"), 'conflicting parameter "A" in f:5'],
      [inMap("default 1;", "default 2;"), "duplicate default map parameter in f:5"],
      [inMap("hostnames;", "a*b 1;"), 'invalid hostname or wildcard "a*b" in f:5'],
      [inMap("hostnames;", "*.*.b 1;"), 'invalid hostname or wildcard "*.*.b" in f:5'],
      [inMap("hostnames;", "a..b 1;"), 'invalid hostname or wildcard "a..b" in f:5'],
      [inMap("hostnames;", ".a.b 1;", "*.a.b 1;"), 'conflicting parameter "*.a.b" in f:6'],
      [inMap("a $;"), "invalid variable name in f:4"],
      [inMap("a $1;"), 'unknown "1" variable in f:4'],
      [inMap("a {"), 'unexpected "{" in f:4'],
      [inMap("a 1"), 'unexpected "}" in f:5\nis a ";" missing before "}"?'],
      [inMap("~( 1;"), 'invalid regular expression "(" in f:4\nit is not well formed'],
      [inMap("~a++ 1;"), 'invalid regular expression "a++" in f:4\npossessive quantifiers are not supported'],
      [inMap("'~(?<remote_addr>a)' 1;"), 'the duplicate "remote_addr" variable in f:3'],
      [inMap("include nothing;"), 'open() "nothing" failed (2: No such file or directory) in f:4'],
      [inMap("volatile;", "map_hash_max_size 5;"), "ok"],
      [inMail("map_hash_max_size 2048; map_hash_bucket_size 128;"), "ok"],
    ] as const
  ) {
    it(expected, () => assertEquals(problem(text), expected));
  }

  it("is found before the block ends", () => {
    assertEquals(
      problem("events {} mail { map a $b { x 1;"),
      'unexpected end of file, expecting "}" in f:1\nthe "map" block of line 1 is not closed',
    );
  });

  it("is worth a word for an expression that some texts may make slow", () => {
    const text =
      'the expression "(a+)+$" repeats what fits in several ways, which some texts may make very slow in f:4';
    assertEquals(warnings(inMap("~(a+)+$ 1;")), [`warn: ${text}`]);
  });
});
