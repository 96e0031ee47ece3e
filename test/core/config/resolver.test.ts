import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import type { ResolverConfig } from "../../../src/config/mod.ts";
import { inServer, load, problem, serverWith } from "../../support/config.ts";

type Servers = ResolverConfig["servers"];

function server(text: string, host: string, port = 53, isName = false): Servers[number] {
  return { text, host, port, isName };
}

const LOCAL: Servers = [server("127.0.0.1", "127.0.0.1")];

/** Section a.1. */
const GOOD: readonly [args: string, settings: Partial<ResolverConfig>][] = [
  ["127.0.0.1", { servers: LOCAL }],
  [
    "8.8.8.8 8.8.4.4:5353 valid=300s",
    { servers: [server("8.8.8.8", "8.8.8.8"), server("8.8.4.4:5353", "8.8.4.4", 5353)], valid: 300_000 },
  ],
  ["[::1] [0::2]:54", { servers: [server("[::1]", "::1"), server("[0::2]:54", "::2", 54)] }],
  ["dns.example.com", { servers: [server("dns.example.com", "dns.example.com", 53, true)] }],
  ["53", { servers: [server("53", "53", 53, true)] }],
  ["127.0.0.1 off", { servers: [...LOCAL, server("off", "off", 53, true)] }],
  ["127.0.0.1 ipv6=off", { servers: LOCAL, ipv6: false }],
  ["ipv4=off 127.0.0.1", { servers: LOCAL, ipv4: false }],
  ["127.0.0.1 ipv6=off ipv6=on valid=0 valid=1m", { servers: LOCAL, valid: 60_000 }],
  ["127.0.0.1 valid=1m valid=0", { servers: LOCAL, valid: undefined }],
  ["127.0.0.1 status_zone=dns", { servers: LOCAL }],
];

const BAD: readonly [lines: string, problem: string][] = [
  ["resolver;", 'invalid number of arguments in "resolver" directive in f:4'],
  ["resolver valid=5s;", "no name servers defined in f:4"],
  ["resolver 127.0.0.1 valid=;", "invalid parameter: valid= in f:4"],
  ["resolver 127.0.0.1 valid=5ms;", "invalid parameter: valid=5ms in f:4"],
  ["resolver 127.0.0.1 ipv6=x;", "invalid parameter: ipv6=x in f:4"],
  ["resolver 127.0.0.1 ipv4=OFF;", "invalid parameter: ipv4=OFF in f:4"],
  ["resolver 127.0.0.1 ipv4=off ipv6=off;", '"ipv4" and "ipv6" cannot both be "off" in f:4'],
  ["resolver ipv4=off\nipv6=off;", '"ipv4" and "ipv6" cannot both be "off" in f:5'],
  ["resolver 127.0.0.1:0;", 'invalid port in resolver "127.0.0.1:0" in f:4'],
  ["resolver 127.0.0.1:53-54;", 'invalid port in resolver "127.0.0.1:53-54" in f:4'],
  ["resolver 127.0.0.1/x;", 'invalid host in resolver "127.0.0.1/x" in f:4'],
  ["resolver 127.0.0.1 unix:/run/dns;", 'invalid host in resolver "unix:/run/dns" in f:4'],
  ["resolver [::1]:53 [::g];", 'invalid IPv6 address in resolver "[::g]" in f:4'],
  ["resolver 300.0.0.1;", 'host not found in resolver "300.0.0.1" in f:4'],
  ['resolver "";', 'no host in resolver "" in f:4'],
  ["resolver off;\nresolver off;", '"resolver" directive is duplicate in f:5'],
  ["resolver 127.0.0.1;\nresolver x=;", '"resolver" directive is duplicate in f:5'],
  [
    "resolver_timeout soon;",
    '"resolver_timeout" directive invalid value in f:4\na time is digits with or without units, such as 90, 90s or 1h30m',
  ],
];

describe("resolver", () => {
  for (const [args, settings] of GOOD) {
    it(args, () => {
      const defaults = { position: { file: "f", line: 4 }, servers: [], valid: undefined, timeout: 30_000 };
      const expected: ResolverConfig = { ...defaults, ipv4: true, ipv6: true, ...settings };
      assertEquals(serverWith(`resolver ${args};`).resolver, expected);
    });
  }

  for (const [lines, expected] of BAD) it(lines, () => assertEquals(problem(inServer(lines)), expected));

  it("off, whatever follows", () => {
    assertEquals(serverWith("resolver off;").resolver, undefined);
    assertEquals(serverWith("resolver off 127.0.0.1;").resolver, undefined);
  });

  it("is inherited, apart from its timeout", () => {
    const { servers } = load(
      `mail { auth_http a; resolver 127.0.0.1; server { listen 25; } server { listen 26; protocol smtp; resolver off; }
       server { listen 587; resolver_timeout 5s; } }`,
    );
    assertEquals(servers.map(({ resolver }) => resolver?.timeout), [30_000, undefined, 5_000]);
    assertEquals(servers[2]?.resolver?.servers, LOCAL);
  });

  it("waits for as long as it takes with 0, as nginx does", () => {
    assertEquals(serverWith("resolver 127.0.0.1; resolver_timeout 0;").resolver?.timeout, undefined);
  });
});
