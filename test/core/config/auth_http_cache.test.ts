import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { authHttpWith, inMail, inServer, load, problem } from "../../support/config.ts";

describe("auth_http_cache", () => {
  it("is off", () => {
    assertEquals(authHttpWith().cache, undefined);
    assertEquals(authHttpWith("auth_http_cache off;", "auth_http_cache_valid 1m;").cache, undefined);
  });

  it("has a zone, a time, a key and methods", () => {
    assertEquals(authHttpWith("auth_http_cache zone=a:2m;").cache, {
      zone: "a",
      capacity: 2048,
      valid: 10_000,
      key: undefined,
      methods: ["plain"],
    });
    const cache = authHttpWith(
      "auth_http_cache zone=a:32k;",
      "auth_http_cache_valid 1h;",
      "auth_http_cache_key $remote_addr;",
      "auth_http_cache_methods xoauth2 plain;",
    ).cache;
    assertEquals([cache?.capacity, cache?.valid, cache?.key?.text, cache?.methods], [
      32,
      3_600_000,
      "$remote_addr",
      ["plain", "xoauth2"],
    ]);
  });

  it("of mail is off in a server that says so", () => {
    const [one, two] = load(inMail("auth_http_cache zone=a:1m; server { listen 110; auth_http_cache off; }")).servers;
    assertEquals([one?.authHttp?.cache, two?.authHttp?.cache?.zone], [undefined, "a"]);
  });

  const errors: readonly [line: string, problem: string][] = [
    ["auth_http_cache on;", 'invalid parameter "on" in f:4'],
    ["auth_http_cache zone=a:1k;", 'zone "a" is too small in f:4'],
    ["auth_http_cache_valid 0;", '"auth_http_cache_valid" directive invalid value in f:4'],
    ["auth_http_cache_valid 3601s;", '"auth_http_cache_valid" directive invalid value in f:4\nan hour at most'],
    [
      "auth_http_cache_methods cram-md5;",
      'invalid value "cram-md5" in f:4\n"auth_http_cache_methods" takes "plain", "external", "xoauth2" or "oauthbearer"',
    ],
    ["auth_http_cache_key $nothing;", 'unknown "nothing" variable in f:4'],
    ["auth_http_cache_key $1;", 'unknown "1" variable in f:4'],
  ];
  for (const [line, expected] of errors) it(line, () => assertEquals(problem(inServer(line)), expected));

  it("has one size under one name", () => {
    const lines = "auth_http_cache zone=a:1m; server { listen 110; auth_http_cache zone=a:2m; }";
    assertEquals(
      problem(inMail(lines)),
      'the size 2097152 of shared memory zone "a" conflicts with already declared size 1048576 in f:3',
    );
  });
});
