/** Section a.6: TLS with clients. */

import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import type { SslConfig } from "../../../src/config/mod.ts";
import { inMail, inServer, load, memoryFiles, named, problem, serverWith, warnings } from "../../support/config.ts";

const CERTIFIED = "ssl_certificate c.pem; ssl_certificate_key k.pem;";
const FOR_ALL = '\nwhat is given in "mail {}" is for every "server {}" that gives none itself';

/** What TLS comes to with these lines. */
function sslWith(...lines: readonly string[]): SslConfig {
  const { ssl } = serverWith("starttls on;", CERTIFIED, ...lines);
  if (ssl === undefined) throw new Error("no TLS");
  return ssl;
}

describe("TLS", () => {
  it("has nginx's defaults", () => {
    const { places: _, ...ssl } = sslWith();
    assertEquals(ssl, {
      certificates: [{ certificate: named("c.pem", 5), key: named("k.pem", 5) }],
      passphrases: [],
      versions: ["TLSv1.2", "TLSv1.3"],
      ciphers: "HIGH:!aNULL:!MD5",
      ciphersuites: undefined,
      prefersServerCiphers: false,
      ecdhCurve: "auto",
      dhparam: undefined,
      sessionCache: { builtin: "none", shared: undefined },
      sessionTimeout: 300_000,
      sessionTickets: true,
      ticketKeys: [],
      verifyClient: "off",
      verifyDepth: 1,
      clientCertificate: undefined,
      trustedCertificate: undefined,
      crl: undefined,
      certificateCompression: false,
      tuning: [],
      commands: [],
    });
  });

  const rows: readonly [line: string, settings: Partial<SslConfig>][] = [
    ["ssl_protocols TLSv1.3 TLSv1;", { versions: ["TLSv1", "TLSv1.3"] }],
    ["ssl_protocols tlsv1.2;", { versions: ["TLSv1.2"] }],
    ["ssl_protocols TLSv1.1; ssl_protocols TLSv1.2;", { versions: ["TLSv1.1", "TLSv1.2"] }],
    ["ssl_protocols SSLv2 SSLv3 TLSv1.2;", { versions: ["TLSv1.2"] }],
    ["ssl_ciphers ECDHE+AESGCM;", { ciphers: "ECDHE+AESGCM" }],
    ["ssl_prefer_server_ciphers ON;", { prefersServerCiphers: true }],
    ["ssl_ecdh_curve X25519:prime256v1;", { ecdhCurve: "X25519:prime256v1" }],
    ["ssl_dhparam dh.pem;", { dhparam: named("dh.pem", 6) }],
    ["ssl_dhparam /etc/dh.pem;", { dhparam: named("/etc/dh.pem", 6) }],
    ['ssl_dhparam "";', { dhparam: undefined }],
    ["ssl_session_timeout 1d;", { sessionTimeout: 86_400_000 }],
    ["ssl_session_timeout 10m;", { sessionTimeout: 600_000 }],
    ["ssl_session_tickets off;", { sessionTickets: false }],
    ["ssl_session_ticket_key a;\nssl_session_ticket_key /b;", { ticketKeys: [named("a", 6), named("/b", 7)] }],
    ["ssl_verify_client optional_no_ca;", { verifyClient: "optional_no_ca" }],
    ["ssl_verify_client ON; ssl_client_certificate ca;", { verifyClient: "on", clientCertificate: named("ca", 6) }],
    ["ssl_verify_client optional; ssl_trusted_certificate ca;", {
      verifyClient: "optional",
      trustedCertificate: named("ca", 6),
    }],
    ["ssl_verify_depth 3;", { verifyDepth: 3 }],
    ["ssl_crl crl.pem;", { crl: named("crl.pem", 6) }],
    ["ssl_certificate_compression on;", { certificateCompression: true }],
    ["ssl_session_cache off;", { sessionCache: { builtin: "off", shared: undefined } }],
    ["ssl_session_cache none;", { sessionCache: { builtin: "none", shared: undefined } }],
    ["ssl_session_cache builtin;", { sessionCache: { builtin: "on", shared: undefined } }],
    ["ssl_session_cache builtin:100;", { sessionCache: { builtin: { sessions: 100 }, shared: undefined } }],
    ["ssl_session_cache shared:a:32k;", { sessionCache: { builtin: "none", shared: { name: "a", size: 32768 } } }],
    [
      "ssl_session_cache builtin:1 shared:a:1m;",
      { sessionCache: { builtin: { sessions: 1 }, shared: { name: "a", size: 1_048_576 } } },
    ],
    [
      "ssl_session_cache shared:a:1m; ssl_session_cache off;",
      { sessionCache: { builtin: "off", shared: { name: "a", size: 1_048_576 } } },
    ],
  ];
  for (const [line, settings] of rows) {
    it(line, () => {
      const { places: _, ...expected } = sslWith();
      const { places: __, ...found } = sslWith(line);
      assertEquals(found, { ...expected, ...settings });
    });
  }

  it("pairs certificates and keys by position, in files or in the configuration", () => {
    const lines = [
      "ssl_certificate a; ssl_certificate_key data:B; starttls only;",
      "ssl_certificate data:C; ssl_certificate_key /d; ssl_certificate_key unused;",
    ];
    const [server] = load(inServer(...lines), { path: "etc/f", prefix: "/usr/" }).servers;
    const file = "/usr/etc/f";
    assertEquals(server?.starttls, "only");
    assertEquals(server?.ssl?.certificates, [
      { certificate: named("/usr/etc/a", 4, file), key: { data: "B", place: { file, line: 4 } } },
      { certificate: { data: "C", place: { file, line: 5 } }, key: named("/d", 5, file) },
    ]);
  });

  it("is inherited, lists as a whole", () => {
    const text = `mail { auth_http a; starttls on; ${CERTIFIED} ssl_session_timeout 1m;
      server { listen 143; ssl_certificate x; ssl_certificate_key y; starttls off; listen 993 ssl; }
      server { listen 110; ssl_session_ticket_key t; } }`;
    const [first, second] = load(text).servers;
    assertEquals(first?.ssl?.certificates, [{ certificate: named("x", 2), key: named("y", 2) }]);
    assertEquals([first?.starttls, first?.ssl?.sessionTimeout], ["off", 60_000]);
    assertEquals(first?.listens.map(({ ssl }) => ssl), [false, true]);
    assertEquals(second?.ssl?.certificates, [{ certificate: named("c.pem", 1), key: named("k.pem", 1) }]);
    assertEquals(second?.starttls, "on");
  });

  it("knows the places of what is given", () => {
    const { ssl } = serverWith("starttls on;", CERTIFIED, "ssl_ciphers HIGH;");
    assertEquals(ssl?.places, {
      starttls: { file: "f", line: 4 },
      ssl_certificate: { file: "f", line: 5 },
      ssl_certificate_key: { file: "f", line: 5 },
      ssl_ciphers: { file: "f", line: 6 },
    });
  });

  it("is there only where a listen or starttls asks for it", () => {
    assertEquals(serverWith(CERTIFIED).ssl, undefined);
    assertEquals(
      problem(inServer("ssl_certificate nowhere; ssl_certificate_key engine:a:b; ssl_verify_client on;")),
      "ok",
    );
    assertEquals(problem(inServer("ssl_conf_command Nonsense 1; ssl_protocols SSLv3;")), "ok");
  });

  it("passphrases are read at once", () => {
    const files = memoryFiles({ "pass": "one\r\n\ntwo words\n three" });
    const [server] = load(inServer("starttls on;", CERTIFIED, "ssl_password_file pass;"), { files }).servers;
    assertEquals(server?.ssl?.passphrases, ["one", "two words", " three"]);
  });

  it("warns of versions that nothing speaks", () => {
    assertEquals(warnings(inServer("ssl_protocols SSLv2 SSLv3 TLSv1.2 TLSv1.2;")), [
      'warn: duplicate value "TLSv1.2" in f:4',
      'warn: "SSLv2" is not spoken any more, ignored in f:4',
      'warn: "SSLv3" is not spoken any more, ignored in f:4',
    ]);
  });
});

const LISTEN = "listen 993 ssl;";

/** The lines, from line 4 on, and what nginx says of them. */
const PROBLEMS: readonly [lines: string, error: string][] = [
  [LISTEN, `no "ssl_certificate" is defined for the "listen ... ssl" directive in f:4${FOR_ALL}`],
  [
    "listen 993 ssl;\nlisten 995 ssl;",
    `no "ssl_certificate" is defined for the "listen ... ssl" directive in f:5${FOR_ALL}`,
  ],
  [
    `${LISTEN} ssl_certificate c;`,
    `no "ssl_certificate_key" is defined for the "listen ... ssl" directive in f:4${FOR_ALL}`,
  ],
  [
    `${LISTEN} ssl_certificate c; ssl_certificate d; ssl_certificate_key k;`,
    `no "ssl_certificate_key" is defined for certificate "d" and the "listen ... ssl" directive in f:4${FOR_ALL}`,
  ],
  ["\nstarttls on;", `no "ssl_certificate" is defined for the "starttls" directive in f:5${FOR_ALL}`],
  [
    "starttls only;\nlisten 1 ssl;",
    `no "ssl_certificate" is defined for the "listen ... ssl" directive in f:5${FOR_ALL}`,
  ],
  ["ssl on;", `no "ssl_certificate" is defined for the "ssl" directive in f:4${FOR_ALL}`],
  [
    `${LISTEN} ${CERTIFIED}\nssl_verify_client on;`,
    'no ssl_client_certificate or ssl_trusted_certificate for ssl_verify_client\n"ssl_verify_client" stands in f:5',
  ],
  [
    `${LISTEN} ${CERTIFIED} ssl_verify_client optional;`,
    'no ssl_client_certificate or ssl_trusted_certificate for ssl_verify_client\n"ssl_verify_client" stands in f:4',
  ],
  [
    `${LISTEN} ssl_certificate c;\nssl_certificate_key engine:pkcs11:k;`,
    'cannot load certificate key "engine:pkcs11:k": "engine:" is not supported in f:5\n' +
    "no runtime can use a key that is not in a file",
  ],
  [
    `${LISTEN} ssl_certificate c;\nssl_certificate_key store:file:k;`,
    'cannot load certificate key "store:file:k": "store:" is not supported in f:5\n' +
    "no runtime can use a key that is not in a file",
  ],
  [`${LISTEN} ${CERTIFIED}\nssl_protocols SSLv3;`, 'no version of TLS is left by the "ssl_protocols" directive in f:5'],
  ["starttls maybe;", 'invalid value "maybe" in f:4\n"starttls" takes "off", "on" or "only"'],
  ["starttls on; starttls on;", '"starttls" directive is duplicate in f:4'],
  ["ssl_protocols TLSv9;", 'invalid value "TLSv9" in f:4\ndid you mean "TLSv1"?'],
  [
    "ssl_verify_client yes;",
    'invalid value "yes" in f:4\n"ssl_verify_client" takes "off", "on", "optional" or "optional_no_ca"',
  ],
  ["ssl_verify_depth x;", '"ssl_verify_depth" directive invalid number in f:4\na number is digits and nothing else'],
  [
    "ssl_session_timeout 500ms;",
    '"ssl_session_timeout" directive invalid value in f:4\na time is digits with or without units, such as 90, 90s or 1h30m',
  ],
  ["ssl_ciphers a; ssl_ciphers b;", '"ssl_ciphers" directive is duplicate in f:4'],
  [
    "ssl_session_tickets 1;",
    'invalid value "1" in "ssl_session_tickets" directive, it must be "on" or "off" in f:4',
  ],
  ["ssl_conf_command Options;", 'invalid number of arguments in "ssl_conf_command" directive in f:4'],
  ["ssl_password_file nope;", 'open() "nope" failed (2: No such file or directory) in f:4'],
  ["ssl_session_cache a b c;", 'invalid number of arguments in "ssl_session_cache" directive in f:4'],
  ...[
    "OFF",
    "builtin:",
    "builtin:x",
    "shared",
    "shared:",
    "shared::1m",
    "shared:a",
    "shared:a:",
    "shared:a:1g",
    "shared:a:b:1m",
  ]
    .map((cache): [string, string] => [`ssl_session_cache ${cache};`, `invalid session cache "${cache}" in f:4`]),
  ["ssl_session_cache none shared:a:1;", 'session cache "shared:a:1" is too small in f:4'],
  ["ssl_session_cache shared:a:31k;", 'session cache "shared:a:31k" is too small in f:4'],
  [
    "ssl_session_cache shared:a:1m;\nssl_session_cache shared:a:2m;",
    'the size 2097152 of shared memory zone "a" conflicts with already declared size 1048576 in f:5',
  ],
];

describe("TLS refuses", () => {
  for (const [lines, error] of PROBLEMS) {
    it(lines, () => assertEquals(problem(inServer(lines)), error));
  }

  it("too long a passphrase", () => {
    const files = memoryFiles({ "long": "x".repeat(4096), "short": "x".repeat(4095) });
    assertEquals(problem(inServer("ssl_password_file long;"), { files }), 'too long line in "long" in f:4');
    assertEquals(problem(inServer("ssl_password_file short;"), { files }), "ok");
  });

  it("one name for caches of two sizes, also in two servers", () => {
    const text = "mail { ssl_session_cache shared:a:1m; server {\nssl_session_cache shared:a:2m; listen 1; } }";
    assertEquals(
      problem(text),
      'the size 2097152 of shared memory zone "a" conflicts with already declared size 1048576 in f:2',
    );
  });

  it("what mail {} asks for, in its place", () => {
    assertEquals(
      problem(inMail("starttls on;")),
      `no "ssl_certificate" is defined for the "starttls" directive in f:3${FOR_ALL}`,
    );
  });
});
