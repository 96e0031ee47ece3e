import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { NetworkList } from "../../../src/config/mod.ts";
import type { AccessRule } from "../../../src/config/mod.ts";
import type { SocketAddress } from "../../../src/runtime.ts";
import { inMail, inServer, load, problem, serverWith, warnings } from "../../support/config.ts";

/** What the rules say to a client, as whoever reads them will ask. */
function verdict(rules: readonly AccessRule[], client: SocketAddress): string {
  return rules[new NetworkList(rules.map(({ network }) => network)).find(client)]?.action ?? "no rule";
}

function ip(host: string): SocketAddress {
  return { family: host.includes(":") ? 6 : 4, host, port: 40000 };
}

const UNIX: SocketAddress = { family: "unix", path: "" };

describe("allow and deny", () => {
  const rows: readonly [lines: string, ...clients: [client: SocketAddress, verdict: string][]][] = [
    ["", [ip("10.1.2.3"), "no rule"], [UNIX, "no rule"]],
    [
      "allow 192.168.0.0/16; allow 10.0.0.0/8; deny all;",
      [ip("10.1.2.3"), "allow"],
      [ip("192.168.255.255"), "allow"],
      [ip("192.169.0.0"), "deny"],
      [ip("::1"), "deny"],
      [UNIX, "deny"],
    ],
    ["deny 10.0.0.1; allow 10.0.0.0/8;", [ip("10.0.0.1"), "deny"], [ip("10.0.0.2"), "allow"], [
      ip("11.0.0.1"),
      "no rule",
    ]],
    ["allow 10.0.0.0/8; deny 10.0.0.1;", [ip("10.0.0.1"), "allow"]],
    ["deny all; allow 10.0.0.0/8;", [ip("10.0.0.1"), "deny"]],
    ["allow unix:; deny all;", [UNIX, "allow"], [ip("127.0.0.1"), "deny"]],
    ["allow 2001:db8::/32; deny 0.0.0.0/0;", [ip("2001:db8::7"), "allow"], [ip("1.2.3.4"), "deny"], [
      ip("::1"),
      "no rule",
    ]],
  ];
  for (const [lines, ...clients] of rows) {
    it(lines || "none", () => {
      const { access } = serverWith(lines);
      assertEquals(clients.map(([client]) => verdict(access, client)), clients.map(([, expected]) => expected));
    });
  }

  it("of a server replace those of mail, both kinds at once", () => {
    const config = load(
      `events {} mail { auth_http a; deny 10.0.0.1; allow 10.0.0.0/8;
       server { listen 143; } server { listen 144; protocol imap; allow 10.0.0.1; } }`,
    );
    const said = config.servers.map(({ access }) => [access.length, verdict(access, ip("10.0.0.1"))]);
    assertEquals(said, [[2, "deny"], [1, "allow"]]);
  });

  const errors: readonly [line: string, problem: string][] = [
    ["allow localhost;", 'invalid parameter "localhost" in f:4'],
    ["deny ALL;", 'invalid parameter "ALL" in f:4'],
    ["deny unix:/a;", 'invalid parameter "unix:/a" in f:4'],
    ["deny 10.0.0.0/33;", 'invalid parameter "10.0.0.0/33" in f:4'],
    ["deny 10.0.0.0/;", 'invalid parameter "10.0.0.0/" in f:4'],
    ["deny ::/129;", 'invalid parameter "::/129" in f:4'],
    ["deny [::1];", 'invalid parameter "[::1]" in f:4'],
    ["deny;", 'invalid number of arguments in "deny" directive in f:4'],
    ["allow 1.1.1.1 2.2.2.2;", 'invalid number of arguments in "allow" directive in f:4'],
  ];
  for (const [line, expected] of errors) it(line, () => assertEquals(problem(inServer(line)), expected));
});

describe("set_real_ip_from", () => {
  const position = { file: "f", line: 4 };

  it("takes addresses, networks, unix: and names, which are looked up at the start", () => {
    const { realIpFrom } = serverWith("set_real_ip_from 10.0.0.0/8; set_real_ip_from unix:;set_real_ip_from lb-1;");
    assertEquals(realIpFrom, [
      { network: { type: "ip", prefix: 0xffff_0a00_0000n, bits: 104 } },
      { network: { type: "unix" } },
      { name: "lb-1", position },
    ]);
    assertEquals(serverWith("set_real_ip_from all;").realIpFrom, [{ name: "all", position }]);
  });

  it("of a server replaces that of mail", () => {
    const config = load(
      "mail { auth_http a; set_real_ip_from unix:;\nserver { listen 143; }\nserver { listen 25; set_real_ip_from b; } }",
    );
    assertEquals(config.servers.map(({ realIpFrom }) => realIpFrom), [
      [{ network: { type: "unix" } }],
      [{ name: "b", position: { file: "f", line: 3 } }],
    ]);
  });

  for (const text of ["10.0.0.0/33", "10.0.0.0/x", "10.0.0.0/", "unix:/a", "[::1]", "::g", "10.0.0.256", "", "a/b"]) {
    it(`refuses "${text}"`, () => {
      assertEquals(
        problem(inMail(`set_real_ip_from "${text}";`)),
        `host not found in set_real_ip_from "${text}" in f:3`,
      );
    });
  }

  for (const text of ["10.0.0.1/8", "10.0.0.0/0", "2001:db8::1/32"]) {
    it(`warns of ${text}`, () => {
      const expected = [`warn: low address bits of ${text} are meaningless in f:4`];
      assertEquals(warnings(inServer(`set_real_ip_from ${text};`)), expected);
      assertEquals(warnings(inServer(`deny ${text};`)), expected);
    });
  }
});
