import { assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "node:test";
import type { AuthHttpConfig } from "../../../src/config/mod.ts";
import { authHttpWith, inServer, load, problem, serverWith, warnings } from "../../support/config.ts";

const NO_PROTOCOL = 'no port says which: "protocol imap;", "protocol pop3;" or "protocol smtp;" must';

/** Section a.1: F:L is where the block opens. */
const CHECKS: readonly [what: string, text: string, problem: string][] = [
  ["no listen", "mail { auth_http a;\nserver\n{\nprotocol imap; } }", 'no "listen" is defined for server in f:3'],
  ["no listen, before what comes later", "mail { server {\n}\nnonsense; }", 'no "listen" is defined for server in f:1'],
  [
    "no protocol",
    "mail { auth_http a;\nserver { listen 1430; } }",
    `unknown mail protocol for server in f:2\n${NO_PROTOCOL}`,
  ],
  ["no auth_http", "mail {\n\nserver { listen 143; } }", 'no "auth_http" is defined for server in f:3'],
  [
    "no auth_http in one, no protocol in a later one",
    "mail {\nserver { listen 143; }\nserver { listen 1430; } }",
    `unknown mail protocol for server in f:3\n${NO_PROTOCOL}`,
  ],
  [
    "no auth_http, before what comes after mail",
    "mail { server { listen 143; } }\nnonsense;",
    'no "auth_http" is defined for server in f:1',
  ],
  ["auth_http may come last", "mail { server { listen 143; } auth_http a; }", "ok"],
  [
    "a protocol in another case",
    "mail { server {\nprotocol IMAP; } }",
    'unknown protocol "IMAP" in f:2\ndid you mean "imap"?',
  ],
  ["a protocol that is none", "mail { server {\nprotocol ftp; } }", 'unknown protocol "ftp" in f:2'],
];

describe("mail and server", () => {
  for (const [what, text, expected] of CHECKS) it(what, () => assertEquals(problem(text), expected));

  const ports: readonly [lines: string, protocol: string][] = [
    ["listen 143;", "imap"],
    ["listen 993;", "imap"],
    ["listen 110;", "pop3"],
    ["listen 995;", "pop3"],
    ["listen 25;", "smtp"],
    ["listen 465;", "smtp"],
    ["listen 587;", "smtp"],
    ["listen 127.0.0.1:110;", "pop3"],
    ["listen [::1]:25;", "smtp"],
    ["listen a:587;", "smtp"],
    ["listen 110-143;", "pop3"],
    ["listen 1430; listen unix:/a; listen 25; listen 143;", "smtp"],
    ["listen 143; protocol pop3;", "pop3"],
    ["protocol pop3; listen 143;", "pop3"],
    ["protocol pop3; listen 143; protocol smtp;", "smtp"],
  ];
  for (const [lines, protocol] of ports) {
    it(`${lines} is ${protocol}`, () => {
      const { servers } = load(`mail { auth_http a; server { ${lines} } }`);
      assertEquals(servers.map((server) => String(server.protocol)), [protocol]);
    });
  }

  it("has nginx's defaults", () => {
    const { listens: _, position, authHttp, proxy: { ssl: __, ...proxy }, ...server } = serverWith();
    const { timeout, headers, fallbacks, passClientCert } = authHttp ?? authHttpWith();
    assertEquals(position, { file: "f", line: 3 });
    assertEquals([timeout, headers, fallbacks, passClientCert], [60_000, [], [], false]);
    assertEquals({ ...server, proxy }, {
      protocol: "imap",
      serverName: "host.example",
      serverNames: [],
      errorLogs: [],
      accessLogs: [],
      timeout: 60_000,
      maxErrors: 5,
      maxCommands: 1000,
      access: [],
      realIpFrom: [],
      resolver: undefined,
      starttls: "off",
      ssl: undefined,
      authUsersFile: undefined,
      proxyPass: undefined,
      authFailure: undefined,
      healthCheck: undefined,
      healthCheckTimeout: 5000,
      limits: { rules: [], level: "error", isDryRun: false },
      userNames: undefined,
      proxy: {
        connectTimeout: undefined,
        timeout: 86_400_000,
        buffer: 4096,
        passErrorMessage: false,
        xclient: true,
        clientId: false,
        bind: [],
        nextUpstream: { tries: Infinity, timeout: Infinity },
        smtpAuth: false,
        protocol: "off",
      },
      imap: { capabilities: ["IMAP4", "IMAP4rev1", "UIDPLUS"], auth: ["plain"], clientBuffer: 4096 },
      pop3: { capabilities: ["TOP", "USER", "UIDL"], auth: ["plain"], clientBuffer: 4096 },
      smtp: { capabilities: [], auth: ["plain", "login"], clientBuffer: 4096, greetingDelay: 0 },
    });
  });

  it("says when nothing is served", () => {
    assertEquals(warnings("events {}\nmail {\n}"), ['warn: no "server" is defined, nothing is served in f:2']);
    assertEquals(warnings("events {}"), ['warn: no "mail" section in configuration, nothing is served']);
    assertEquals(warnings(""), [
      'warn: no "events" section in configuration',
      'warn: no "mail" section in configuration, nothing is served',
    ]);
  });

  it("accepts what nginx accepts and ignores", () => {
    assertEquals(problem(inServer("proxy on; resolver off; proxy_protocol off; smtp_greeting_delay 0;")), "ok");
    assertEquals(problem(inServer("auth_http_pass_client_cert off;")), "ok");
  });
});

type Auth = Pick<AuthHttpConfig, "name" | "address" | "host" | "uri" | "tls">;

function inet(host: string, port: number, rest: Pick<Auth, "name" | "host" | "uri">, tls = false): Auth {
  return { ...rest, address: { host, port }, tls };
}

/** Section a.3. */
const URLS: readonly [url: string, auth: Auth][] = [
  ["auth", inet("auth", 80, { name: "auth", host: "auth", uri: "/" })],
  ["http://auth", inet("auth", 80, { name: "auth", host: "auth", uri: "/" })],
  ["http://auth/", inet("auth", 80, { name: "auth", host: "auth", uri: "/" })],
  [
    "localhost:9000/cgi-bin/a.cgi",
    inet("localhost", 9000, { name: "localhost:9000", host: "localhost", uri: "/cgi-bin/a.cgi" }),
  ],
  [
    "127.0.0.1:8080/a?b=c:d/e",
    inet("127.0.0.1", 8080, { name: "127.0.0.1:8080", host: "127.0.0.1", uri: "/a?b=c:d/e" }),
  ],
  ["auth?a=/b", inet("auth", 80, { name: "auth", host: "auth", uri: "?a=/b" })],
  ["http://[::1]/a", inet("::1", 80, { name: "[::1]", host: "[::1]", uri: "/a" })],
  ["[0::1]:81", inet("::1", 81, { name: "[0::1]:81", host: "[0::1]", uri: "/" })],
  ["unix:/run/a", { name: "unix:/run/a", address: { path: "/run/a" }, host: "localhost", uri: "/", tls: false }],
  [
    "http://unix:/run/a:/b:c",
    { name: "unix:/run/a", address: { path: "/run/a" }, host: "localhost", uri: "/b:c", tls: false },
  ],
  ["https://auth", inet("auth", 443, { name: "auth", host: "auth", uri: "/" }, true)],
  ["https://[::1]:8443/a", inet("::1", 8443, { name: "[::1]:8443", host: "[::1]", uri: "/a" }, true)],
  [
    "https://unix:/run/a:/b",
    { name: "unix:/run/a", address: { path: "/run/a" }, host: "localhost", uri: "/b", tls: true },
  ],
];

const URL_ERRORS: readonly [url: string, error: string, shown?: string][] = [
  ["HTTP://auth", "invalid port"],
  ["https://auth:0/", "invalid port", "auth:0/"],
  ["http://https://auth", "invalid port", "https://auth"],
  ["http://auth:0/", "invalid port", "auth:0/"],
  ["auth:65536", "invalid port"],
  ["auth:80-90", "invalid port"],
  ["", "no host"],
  ["http://", "no host", ""],
  ["/a", "no host"],
  [":80", "no host"],
  ["[]", "no host"],
  ["[::1", "invalid host"],
  ["[::1]80", "invalid host"],
  ["[::x]", "invalid IPv6 address"],
  ["300.0.0.1", "host not found"],
  ["unix:", "no path in the unix domain socket"],
  ["unix::/a", "no path in the unix domain socket"],
  [`unix:${"x".repeat(108)}`, "too long path in the unix domain socket"],
];

describe("proxy_bind", () => {
  it("takes addresses, or none", () => {
    assertEquals(serverWith("proxy_bind 192.0.2.1 [2001:DB8::1] 2001:db8::2;").proxy.bind, [
      "192.0.2.1",
      "2001:db8::1",
      "2001:db8::2",
    ]);
    assertEquals(serverWith("proxy_bind off;").proxy.bind, []);
  });

  it("refuses names and what no runtime can do", () => {
    assertEquals(problem(inServer("proxy_bind host;")), 'invalid address "host" in "proxy_bind" directive in f:4');
    assertStringIncludes(
      problem(inServer("proxy_bind 192.0.2.1 transparent;")),
      '"transparent" is not supported in "proxy_bind" directive in f:4',
    );
  });
});

describe("proxy_pass", () => {
  it("takes the place of auth_http", () => {
    assertEquals(problem("events {} mail { server { listen 143; proxy_pass imap.example.com; } }"), "ok");
    assertEquals(problem("events {} mail { server { listen 143; proxy_pass unix:/run/imap; } }"), "ok");
    assertEquals(problem("events {} mail { server { listen 143; proxy_pass $auth_domain:143; } }"), "ok");
  });

  it("refuses what is no address, and SCRAM where nobody could check it", () => {
    assertEquals(
      problem(inServer("proxy_pass http://a;")),
      'invalid host in "http://a" of "proxy_pass" directive in f:4\nleave the scheme out: host:port',
    );
    assertEquals(problem(inServer("proxy_pass a:0;")), 'invalid port in "a:0" of the "proxy_pass" directive in f:4');
    assertStringIncludes(
      problem(inServer("imap_auth plain scram-sha-1;")),
      '"imap_auth scram-sha-1" does not go with "auth_http" in f:3',
    );
  });
});

describe("auth_http", () => {
  for (const [url, auth] of URLS) {
    it(url, () => {
      const { name, address, host, uri, tls } = authHttpWith(`auth_http ${url};`);
      assertEquals({ name, address, host, uri, tls }, auth);
    });
  }

  for (const [url, error, shown = url] of URL_ERRORS) {
    it(`refuses "${url}"`, () => {
      assertEquals(problem(inServer(`auth_http "${url}";`)), `${error} in auth_http "${shown}" in f:4`);
    });
  }

  it("may be repeated: the last one counts", () => {
    assertEquals(authHttpWith("auth_http a c:1;", "auth_http b;").name, "b");
    assertEquals(authHttpWith("auth_http a c:1;", "auth_http b;").fallbacks, []);
  });

  it("may have several servers, which nginx does not know", () => {
    const { name, fallbacks } = authHttpWith("auth_http http://a/x unix:/run/b:/y c:9000;");
    assertEquals(name, "a");
    assertEquals(fallbacks, [
      { name: "unix:/run/b", address: { path: "/run/b" }, host: "localhost", uri: "/y", tls: false },
      inet("c", 9000, { name: "c:9000", host: "c", uri: "/" }),
    ]);
    assertEquals(problem(inServer("auth_http a b:0;")), 'invalid port in auth_http "b:0" in f:4');
  });

  it("does not take the next directive for a server when the ; is missing", () => {
    assertEquals(
      problem(inServer("auth_http a", "timeout 5s;")),
      'invalid number of arguments in "auth_http" directive in f:5\nis a ";" missing before "timeout"?',
    );
  });
});
