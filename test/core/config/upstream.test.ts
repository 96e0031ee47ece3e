import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import type { UpstreamConfig } from "../../../src/config/mod.ts";
import { inMail, inServer, load, problem, warnings } from "../../support/config.ts";
import { factsOf } from "../../support/facts.ts";

/** What a group with these lines comes to, from line 4 on. */
function groupWith(...lines: readonly string[]): UpstreamConfig {
  const [group] = load(inGroup(...lines)).upstreams;
  if (group === undefined) throw new Error("no group");
  return group;
}

function inGroup(...lines: readonly string[]): string {
  return inMail(["upstream x {", ...lines, "}"].join("\n"));
}

const SERVER = {
  weight: 1,
  maxConns: Infinity,
  maxFails: 1,
  failTimeout: 10_000,
  slowStart: 0,
  isBackup: false,
  isDown: false,
  isDraining: false,
  isResolved: false,
  service: undefined,
};

describe("upstream", () => {
  it("has servers with nginx's defaults", () => {
    const { name, position, servers, method } = groupWith("server 192.0.2.1:143;");
    assertEquals({ name, position, method }, {
      name: "x",
      position: { file: "f", line: 3 },
      method: { type: "round_robin" },
    });
    assertEquals(servers, [{
      ...SERVER,
      place: { file: "f", line: 4 },
      text: "192.0.2.1:143",
      address: { host: "192.0.2.1", port: 143, isName: false },
    }]);
  });

  it("has servers with all that may be said of them", () => {
    const { servers } = groupWith(
      "server [::1] weight=5 max_conns=100 max_fails=3 fail_timeout=1m slow_start=30s backup down drain;",
      "server mail.example.com:1143 max_conns=0 max_fails=0 fail_timeout=0;",
      "server unix:/run/imap.sock;",
    );
    assertEquals(servers.map(({ place: _place, ...server }) => server), [
      {
        text: "[::1]",
        address: { host: "::1", port: undefined, isName: false },
        weight: 5,
        maxConns: 100,
        maxFails: 3,
        failTimeout: 60_000,
        slowStart: 30_000,
        isBackup: true,
        isDown: true,
        isDraining: true,
        isResolved: false,
        service: undefined,
      },
      {
        ...SERVER,
        text: "mail.example.com:1143",
        address: { host: "mail.example.com", port: 1143, isName: true },
        maxFails: 0,
        failTimeout: 0,
      },
      { ...SERVER, text: "unix:/run/imap.sock", address: { path: "/run/imap.sock" } },
    ]);
  });

  it("has nginx's methods", () => {
    const type = (line: string) => {
      const { method } = groupWith(line, "server a;");
      return method.type === "hash"
        ? `hash ${method.key(factsOf())} ${method.isConsistent}`
        : `${method.type} ${"isOfTwo" in method ? method.isOfTwo : ""}`.trim();
    };
    assertEquals(["", "least_conn;", "random;", "random two;", "random two least_conn;"].map(type), [
      "round_robin",
      "least_conn",
      "random false",
      "random true",
      "random true",
    ]);
    assertEquals(["hash $remote_addr;", "hash a${protocol}b consistent;"].map(type), [
      "hash 198.51.100.7 false",
      "hash aimapb true",
    ]);
  });

  it("takes a zone without making anything of it", () => {
    assertEquals(problem(inGroup("zone x 64k;", "server a;")), "ok");
    assertEquals(problem(inGroup("zone x;", "server a;")), "ok");
  });

  it("warns of a method that is replaced", () => {
    const text = inGroup("least_conn;", "hash a;", "server a;");
    assertEquals(warnings(text), ["warn: load balancing method redefined in f:5"]);
    assertEquals(load(text).upstreams[0]?.method.type, "hash");
  });

  const errors: readonly [lines: string, problem: string][] = [
    ["", "no servers are inside upstream in f:5"],
    ["server a backup;", 'no servers in upstream "x" in f:3'],
    ["server;", 'invalid number of arguments in "server" directive in f:4'],
    ["server a weight=0;", 'invalid parameter "weight=0" in f:4'],
    ["server a weight=x;", 'invalid parameter "weight=x" in f:4'],
    ["server a weight;", 'invalid parameter "weight" in f:4'],
    ["server a backup=1;", 'invalid parameter "backup=1" in f:4'],
    ["server a wieght=1;", 'invalid parameter "wieght=1" in f:4\ndid you mean "weight"?'],
    ["server a max_conns=-1;", 'invalid parameter "max_conns=-1" in f:4'],
    ["server a max_fails=;", 'invalid parameter "max_fails=" in f:4'],
    ["server a fail_timeout=5ms;", 'invalid parameter "fail_timeout=5ms" in f:4'],
    ["server a slow_start=x;", 'invalid parameter "slow_start=x" in f:4'],
    ["server a dwon;", 'invalid parameter "dwon" in f:4\ndid you mean "down"?'],
    ["server a:0;", 'invalid port in upstream "a:0" in f:4'],
    ["server a:143/x;", 'invalid host in upstream "a:143/x" in f:4'],
    ["server :143;", 'no host in upstream ":143" in f:4'],
    ["server 127.0.0.256:1;", 'host not found in upstream "127.0.0.256:1" in f:4'],
    ["server unix:;", 'no path in the unix domain socket in upstream "unix:" in f:4'],
    ["hash $nothing; server a;", 'unknown "nothing" variable in f:4'],
    ["hash a consistant; server a;", 'invalid parameter "consistant" in f:4\ndid you mean "consistent"?'],
    ["hash; server a;", 'invalid number of arguments in "hash" directive in f:4'],
    ["hash a; server a; server b backup;", 'balancing method does not support parameter "backup" in f:4'],
    ["random; server a slow_start=1s;", 'balancing method does not support parameter "slow_start=1s" in f:4'],
    ["random three; server a;", 'invalid parameter "three" in f:4'],
    ["random two most; server a;", 'invalid parameter "most" in f:4'],
    ["least_conn a; server a;", 'invalid number of arguments in "least_conn" directive in f:4'],
    ['zone ""; server a;', 'invalid zone name "" in f:4'],
    ["zone x y; server a;", 'invalid zone size "y" in f:4'],
    ["zone x 8k; server a;", 'zone "x" is too small in f:4'],
    [
      "listen 143;",
      '"listen" directive is not allowed here in f:4\n"listen" belongs into "server {}"',
    ],
  ];
  for (const [lines, expected] of errors) {
    it(`refuses ${lines || "an empty group"}`, () => assertEquals(problem(inGroup(lines)), expected));
  }

  it("refuses two of one name, in any case", () => {
    const text = inMail("upstream x { server a; }", "upstream X { server b; }");
    assertEquals(problem(text), 'duplicate upstream "X" in f:4');
  });

  it("may have a port behind its name, for those of its servers that have none", () => {
    const [server] = load(inMail("upstream x { server a; server b:1; }", "proxy_pass X:1430;")).servers;
    if (server?.proxyPass === undefined) throw new Error("no proxy_pass");
    const { template, groupPort } = server.proxyPass;
    assertEquals([template(factsOf()), template.text, groupPort], ["x", "X:1430", 1430]);
    assertEquals(warnings(inMail("upstream x { server a; server b:1; }", "proxy_pass X:1430;")), []);
    assertEquals(warnings(inMail("upstream x { server a:1430; server b:1; }", "proxy_pass X:1430;")), []);
    assertEquals(warnings(inMail("upstream x { server a:1; server unix:/b; }", "proxy_pass X:1430;")), [
      'warn: port 1430 of "proxy_pass X:1430" has no effect, all servers of the upstream have their own in f:4',
    ]);
  });

  it("is a block", () => {
    assertEquals(problem(inMail("upstream a;")), 'directive "upstream" has no opening "{" in f:3');
  });

  it("stands in mail alone", () => {
    assertEquals(
      problem(inServer("upstream x {")),
      '"upstream" directive is not allowed here in f:4\n"upstream" belongs into "mail {}"',
    );
  });
});
