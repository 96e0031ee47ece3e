import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import type { ListenConfig } from "../../../src/config/mod.ts";
import { inServer, load, problem, serverWith } from "../../support/config.ts";

function listens(line: string): readonly ListenConfig[] {
  const [server] = load(`events {} mail { auth_http a; server { protocol imap; ${line} } }`).servers;
  return server?.listens ?? [];
}

/** Section a.2: the address as the log shows it, and what is bound. */
const ADDRESSES: readonly [address: string, text: string, host: string, port: number, isName?: boolean][] = [
  ["143", "0.0.0.0:143", "0.0.0.0", 143],
  ["*:143", "0.0.0.0:143", "0.0.0.0", 143],
  ["0.0.0.0:143", "0.0.0.0:143", "0.0.0.0", 143],
  ["127.0.0.1:143", "127.0.0.1:143", "127.0.0.1", 143],
  ["127.000.0.01:143", "127.0.0.1:143", "127.0.0.1", 143],
  ["127.0.0.1", "127.0.0.1:0", "127.0.0.1", 0],
  ["*", "0.0.0.0:0", "0.0.0.0", 0],
  ["[::]:143", "[::]:143", "::", 143],
  ["[::1]:143", "[::1]:143", "::1", 143],
  ["[fe80::1]", "[fe80::1]:0", "fe80::1", 0],
  ["[2001:DB8:0:0:0:0:0:1]:143", "[2001:db8::1]:143", "2001:db8::1", 143],
  ["[1:2:3:4:5:6:7:8]:1", "[1:2:3:4:5:6:7:8]:1", "1:2:3:4:5:6:7:8", 1],
  ["[1:0:0:2:0:0:0:3]:1", "[1:0:0:2::3]:1", "1:0:0:2::3", 1],
  ["[1::]:1", "[1::]:1", "1::", 1],
  ["[::ffff:192.0.2.1]:1", "[::ffff:192.0.2.1]:1", "::ffff:192.0.2.1", 1],
  ["localhost:143", "localhost:143", "localhost", 143, true],
  ["mail.example.com", "mail.example.com:0", "mail.example.com", 0, true],
  ["mail-1", "mail-1:0", "mail-1", 0, true],
];

describe("listen", () => {
  for (const [address, text, host, port, isName = false] of ADDRESSES) {
    it(address, () => {
      const [listen, ...more] = listens(`listen ${address};`);
      assertEquals(more, []);
      assertEquals(listen?.text, text);
      assertEquals(listen?.address, { host, port, isName });
    });
  }

  it("unix sockets, in any case", () => {
    assertEquals(listens("listen unix:/run/a.sock;")[0]?.address, { path: "/run/a.sock" });
    assertEquals(listens("listen UNIX:a.sock;")[0]?.text, "unix:a.sock");
  });

  it("ranges of ports are spread out", () => {
    assertEquals(listens("listen 4000-4002;").map(({ text }) => text), [
      "0.0.0.0:4000",
      "0.0.0.0:4001",
      "0.0.0.0:4002",
    ]);
    assertEquals(listens("listen [::1]:5-6;").map(({ text }) => text), ["[::1]:5", "[::1]:6"]);
    assertEquals(listens("listen a:7-7;").map(({ text }) => text), ["a:7"]);
    assertEquals(listens("listen 1-65535;").length, 65535);
  });

  it("has nginx's defaults", () => {
    assertEquals(serverWith().listens, [{
      position: { file: "f", line: 3 },
      text: "0.0.0.0:143",
      address: { host: "0.0.0.0", port: 143, isName: false },
      bind: false,
      backlog: undefined,
      receiveBuffer: undefined,
      sendBuffer: undefined,
      ipv6Only: true,
      keepAlive: undefined,
      multipath: false,
      proxyProtocol: false,
      ssl: false,
    }]);
  });
});

const long = "x".repeat(108);

const ADDRESS_ERRORS: readonly [address: string, error: string][] = [
  ["0", "invalid port"],
  ["65536", "invalid port"],
  ["*:0", "invalid port"],
  ["127.0.0.1:65536", "invalid port"],
  ["127.0.0.1:", "invalid port"],
  ["127.0.0.1:imap", "invalid port"],
  ["127.0.0.1:143:1", "invalid port"],
  ["::1", "invalid port"],
  ["127.0.0.1:1-70000", "invalid port"],
  ["127.0.0.1:1-", "invalid port"],
  ["127.0.0.1:1-2-3", "invalid port"],
  ["[::1]:0", "invalid port"],
  ["200-100", "invalid port range"],
  ["127.0.0.1:200-100", "invalid port range"],
  ["[::1]:200-100", "invalid port range"],
  ["http://127.0.0.1:143", "invalid host"],
  ["127.0.0.1/8", "invalid host"],
  ["a?b", "invalid host"],
  ["[::1", "invalid host"],
  ["[::1]143", "invalid host"],
  ["[::1]:143/", "invalid host"],
  [":143", "no host"],
  ["[]:143", "no host"],
  ["127.0.0.256:143", "host not found"],
  ["[::g]:143", "invalid IPv6 address"],
  ["[1:2:3]:143", "invalid IPv6 address"],
  ["[1::2::3]:143", "invalid IPv6 address"],
  ["[1:2:3:4:5:6:7:8:9]:143", "invalid IPv6 address"],
  ["[12345::]:143", "invalid IPv6 address"],
  ["[127.0.0.1]:143", "invalid IPv6 address"],
  ["unix:", "no path in the unix domain socket"],
  [`unix:${long}`, "too long path in the unix domain socket"],
];

const PARAMETER_ERRORS: readonly [parameter: string, error: string, hint?: string][] = [
  ["backlog=0", 'invalid backlog "backlog=0"'],
  ["backlog=-1", 'invalid backlog "backlog=-1"'],
  ["backlog=", 'invalid backlog "backlog="'],
  ["rcvbuf=4x", 'invalid rcvbuf "rcvbuf=4x"'],
  ["rcvbuf=", 'invalid rcvbuf "rcvbuf="'],
  ["sndbuf=1g", 'invalid sndbuf "sndbuf=1g"'],
  ["ipv6only=o", 'invalid ipv6only flags "o"'],
  ["ipv6only=only", 'invalid ipv6only flags "only"'],
  ["ipv6only=yes", 'invalid parameter "ipv6only=yes"'],
  ["so_keepalive=yes", 'invalid so_keepalive value: "yes"'],
  ["so_keepalive=", 'invalid so_keepalive value: ""'],
  ["so_keepalive=::", 'invalid so_keepalive value: "::"'],
  ["so_keepalive=0:0:0", 'invalid so_keepalive value: "0:0:0"'],
  ["so_keepalive=5ms::", 'invalid so_keepalive value: "5ms::"'],
  ["so_keepalive=:x:", 'invalid so_keepalive value: ":x:"'],
  ["so_keepalive=::1:", 'invalid so_keepalive value: "::1:"'],
  ["default_server", 'invalid parameter "default_server"'],
  ["reuseport", 'invalid parameter "reuseport"'],
  ["deferred", 'invalid parameter "deferred"'],
  ["fastopen=3", 'invalid parameter "fastopen=3"'],
  ["backlog", 'invalid parameter "backlog"', 'did you mean "backlog="?'],
  ["bind=1", 'invalid parameter "bind=1"', 'did you mean "bind"?'],
  ["SSL", 'invalid parameter "SSL"', 'did you mean "ssl"?'],
  ["ssl=on", 'invalid parameter "ssl=on"', 'did you mean "ssl"?'],
  ["proxy_protocol=on", 'invalid parameter "proxy_protocol=on"', 'did you mean "proxy_protocol"?'],
];

describe("listen refuses", () => {
  for (const [address, error] of ADDRESS_ERRORS) {
    it(address, () => {
      assertEquals(
        problem(inServer(`listen ${address};`)),
        `${error} in "${address}" of the "listen" directive in f:4`,
      );
    });
  }

  for (const [parameter, error, hint] of PARAMETER_ERRORS) {
    it(parameter, () => {
      const expected = hint === undefined ? `${error} in f:4` : `${error} in f:4\n${hint}`;
      assertEquals(problem(inServer(`listen 1 ${parameter};`)), expected);
    });
  }

  const duplicates: readonly [first: string, second: string, pair: string][] = [
    ["143", "*:143", "0.0.0.0:143"],
    ["127.0.0.1:1", "127.0.0.1:1", "127.0.0.1:1"],
    ["[::1]:1", "[0:0::1]:1", "[::1]:1"],
    ["localhost:1", "LOCALHOST:1", "LOCALHOST:1"],
    ["10-20", "20-30", "0.0.0.0:20"],
    ["127.0.0.1", "127.0.0.1", "127.0.0.1:0"],
    ["unix:/a", "unix:/a", "unix:/a"],
  ];
  for (const [first, second, pair] of duplicates) {
    it(`${second} after ${first}`, () => {
      const text = (between: string) =>
        `mail { auth_http a; server { protocol imap; listen ${first}; ${between}\nlisten ${second}; } }`;
      assertEquals(problem(text("")), `duplicate "${pair}" address and port pair in f:2`);
      assertEquals(problem(text("} server {")), `duplicate "${pair}" address and port pair in f:2`);
    });
  }

  it("but not one port on several addresses", () => {
    assertEquals(problem(inServer("listen 127.0.0.1:143; listen [::]:143; listen [::1]:143; listen a:143;")), "ok");
    assertEquals(problem(inServer("listen unix:/a; listen unix:/A;")), "ok");
  });
});

describe("parameters of listen", () => {
  const rows: readonly [parameters: string, settings: Partial<ListenConfig>][] = [
    ["bind", { bind: true }],
    ["backlog=1024", { bind: true, backlog: 1024 }],
    ["rcvbuf=64k", { bind: true, receiveBuffer: 65536 }],
    ["sndbuf=1m", { bind: true, sendBuffer: 1048576 }],
    ["ipv6only=off", { bind: true, ipv6Only: false }],
    ["ipv6only=on", { bind: true, ipv6Only: true }],
    ["proxy_protocol", { proxyProtocol: true }],
    ["proxy_protocol proxy_protocol bind", { bind: true, proxyProtocol: true }],
    ["multipath", { bind: true, multipath: true }],
    ["ssl", { ssl: true }],
    ["ssl ssl bind", { ssl: true, bind: true }],
    ["so_keepalive=on", { bind: true, keepAlive: true }],
    ["so_keepalive=off", { bind: true, keepAlive: false }],
    ["so_keepalive=30m", { bind: true, keepAlive: { idle: 1_800_000, interval: undefined, count: undefined } }],
    ["so_keepalive=30m::10", { bind: true, keepAlive: { idle: 1_800_000, interval: undefined, count: 10 } }],
    ["so_keepalive=:75s:", { bind: true, keepAlive: { idle: undefined, interval: 75_000, count: undefined } }],
    ["so_keepalive=1:2:3", { bind: true, keepAlive: { idle: 1000, interval: 2000, count: 3 } }],
    ["backlog=5 backlog=6 bind", { bind: true, backlog: 6 }],
  ];
  for (const [parameters, settings] of rows) {
    it(parameters, () => {
      const [plain] = listens("listen 143;");
      assertEquals(listens(`listen 143 ${parameters}; ssl_certificate c; ssl_certificate_key k;`), [
        { ...plain, ...settings } as ListenConfig,
      ]);
    });
  }
});
