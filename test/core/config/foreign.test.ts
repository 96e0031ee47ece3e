import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { endOfBlock } from "../../../src/config/skip.ts";
import { load, problem, warnings } from "../../support/config.ts";

/** What stands in `http {}` files of the field, and has braces or quotes in unexpected places. */
const CONTENTS: readonly [what: string, text: string][] = [
  ["nothing", ""],
  ["servers and locations", "server { listen 80; location / { root /srv; } location ~ \\.php$ { deny all; } }"],
  ["if", 'server { if ($http_user_agent ~* "bot|{crawler}") { return 403; } if ($a = "b") { set $c "}"; } }'],
  ["variables in braces", 'proxy_set_header X ${host}${uri}; add_header A "${b}}";'],
  ["regular expressions", "map $uri $new { default 0; ~^/old/(.*)$ /new/$1; \"~^/a{2,3}$\" 1; '~*\\}' 2; }"],
  ["comments", "# it's a } here { \" \nserver { # }\n }"],
  ["comments at the end of words", "server_name a#b; root /c#}d;"],
  ["apostrophes within words", "add_header X don't; root /it's;"],
  ["quotes over lines", "log_format main '$remote_addr }\n'  '\"$request\" {';"],
  ["escapes", String.raw`add_header A "\"}"; root \{a\}; return 200 '\'}';`],
  ["includes", "include /nowhere/*.conf; include missing;"],
  ["types", "types { text/html html htm; application/json json; }"],
  ["a missing ;", "server { listen 80 }"],
  ["an empty statement", "server { ; };"],
  ["a quote that is followed by a word", "root \"/a\"b; root 'c''d';"],
  ["deep nesting", `${"a {".repeat(10_000)}${"}".repeat(10_000)}`],
  ["a word of a megabyte", `root ${"x".repeat(1 << 20)};`],
  ["many words", `root ${"x ".repeat(1 << 19)};`],
  [
    "Lua",
    `content_by_lua_block {
      -- it's a comment with a } and a "
      --[[ a long one
        } ' ]] local t = { a = "}", b = '{\\'', c = [[ } ' ]], d = [==[ ]] } ]==] }
      --[=[ } ]=]
      if t[t["a"]] then ngx.say("don't {") end
    }
    set_by_lua_block $a { return "}" }
    init_by_lua_block{ x = {} }`,
  ],
  ["Lua in quotes", `content_by_lua 'ngx.say("{")'; access_by_lua "if a then b({}) end";`],
  ["Perl", `perl_set $a 'sub { return "}"; }';`],
];

describe("blocks of others", () => {
  for (const [what, text] of CONTENTS) {
    it(`${what} is passed over`, () => {
      assertEquals(endOfBlock(`${text}\n}after`, 0), text.length + 2);
      assertEquals(endOfBlock(text, 0), undefined);
    });
  }

  for (const name of ["http", "stream", "rtmp", "mgmt"]) {
    it(`${name} is left to nginx, with one notice`, () => {
      const text = `events {}\n${name} {\n server {\n server { nonsense; } }\n}\n\nmail {\n}`;
      assertEquals(warnings(text), [
        `notice: the "${name}" block is left to nginx, skipped in f:2`,
        'warn: no "server" is defined, nothing is served in f:7',
      ]);
    });
  }

  it("lines are counted through them", () => {
    assertEquals(problem("http {\n\n'\n' # {\n}\nnonsense;"), 'unknown directive "nonsense" in f:6');
    assertEquals(problem("http {\n a_by_lua_block {\n }\n}\nnonsense;"), 'unknown directive "nonsense" in f:5');
  });

  it("includes in them are not followed", () => {
    assertEquals(load("http { include a; include b/*; }").files.map(({ path }) => path), ["f"]);
  });

  it("a } that is missing in them is missing at the end", () => {
    assertEquals(problem("http {\n server {\n}\n"), 'unexpected end of file, expecting "}" in f:4');
    assertEquals(problem("http {\n root '\n}\n"), 'unexpected end of file, expecting "}" in f:4');
    assertEquals(problem("http { a_by_lua_block { [[ }\n}"), 'unexpected end of file, expecting "}" in f:2');
  });

  it("they may stand outside of all blocks only, and take no arguments", () => {
    assertEquals(problem("http a {"), 'invalid number of arguments in "http" directive in f:1');
    assertEquals(
      problem("mail { http {"),
      '"http" directive is not allowed here in f:1\n"http" belongs outside of all blocks',
    );
  });
});
