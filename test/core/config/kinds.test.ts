import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { inServer, load, named, problem, serverWith, warnings } from "../../support/config.ts";

/** Section a, the table of value kinds; line 4 is where the first line in `server {}` is. */
const BAD_VALUES: readonly [lines: string, problem: string][] = [
  ["xclient yes;", 'invalid value "yes" in "xclient" directive, it must be "on" or "off" in f:4'],
  ['xclient "";', 'invalid value "" in "xclient" directive, it must be "on" or "off" in f:4'],
  ["xclient on;\nxclient off;", '"xclient" directive is duplicate in f:5'],
  ["xclient on;\nxclient yes;", '"xclient" directive is duplicate in f:5'],
  [
    "timeout 5x;",
    '"timeout" directive invalid value in f:4\na time is digits with or without units, such as 90, 90s or 1h30m',
  ],
  [
    "timeout 1M;",
    '"timeout" directive invalid value in f:4\na time is digits with or without units, such as 90, 90s or 1h30m',
  ],
  ["timeout 5;\ntimeout 5;", '"timeout" directive is duplicate in f:5'],
  [
    "proxy_buffer 4g;",
    '"proxy_buffer" directive invalid value in f:4\na size is digits with or without a unit, such as 4096, 4k or 1m',
  ],
  ["proxy_buffer 4k;\nproxy_buffer 4k;", '"proxy_buffer" directive is duplicate in f:5'],
  ["max_errors -1;", '"max_errors" directive invalid number in f:4\na number is digits and nothing else'],
  ["max_errors 5k;", '"max_errors" directive invalid number in f:4\na number is digits and nothing else'],
  ["max_errors 5;\nmax_errors 6;", '"max_errors" directive is duplicate in f:5'],
  ["server_name a;\nserver_name b;", '"server_name" directive is duplicate in f:5'],
  ["starttls maybe;", 'invalid value "maybe" in f:4\n"starttls" takes "off", "on" or "only"'],
  ["starttls off;\nstarttls off;", '"starttls" directive is duplicate in f:5'],
  ["proxy_protocol v3;", 'invalid value "v3" in f:4\ndid you mean "v2"?'],
  ["proxy_protocol on;\nproxy_protocol on;", '"proxy_protocol" directive is duplicate in f:5'],
  [
    "smtp_greeting_delay 5x;",
    '"smtp_greeting_delay" directive invalid value in f:4\na time is digits with or without units, such as 90, 90s or 1h30m',
  ],
  [
    "imap_auth plain ntlm;",
    'invalid value "ntlm" in f:4\n"imap_auth" takes "plain", "login", "cram-md5", "external", "xoauth2", "oauthbearer", "scram-sha-1" or "scram-sha-256"',
  ],
  [
    "pop3_auth login;",
    'invalid value "login" in f:4\n"pop3_auth" takes "plain", "apop", "cram-md5", "external", "xoauth2", "oauthbearer", "scram-sha-1" or "scram-sha-256"',
  ],
  [
    "imap_auth none;",
    'invalid value "none" in f:4\n"imap_auth" takes "plain", "login", "cram-md5", "external", "xoauth2", "oauthbearer", "scram-sha-1" or "scram-sha-256"',
  ],
  ["imap_capabilities;", 'invalid number of arguments in "imap_capabilities" directive in f:4'],
  ["auth_http_header A;", 'invalid number of arguments in "auth_http_header" directive in f:4'],
  ["auth_http_header A b c;", 'invalid number of arguments in "auth_http_header" directive in f:4'],
];

describe("kinds of values", () => {
  for (const [lines, expected] of BAD_VALUES) {
    it(`refuses ${JSON.stringify(lines)}`, () => assertEquals(problem(inServer(lines)), expected));
  }

  it("flags and words may be in any case", () => {
    const server = serverWith("xclient OFF; proxy_smtp_auth On; imap_auth LOGIN Plain; starttls Off; smtp_auth NONE;");
    assertEquals(server.proxy.xclient, false);
    assertEquals(server.proxy.smtpAuth, true);
    assertEquals(server.imap.auth, ["plain", "login"]);
    assertEquals(server.smtp.auth, ["none"]);
  });

  for (const word of ["off", "on", "v2"]) {
    it(`proxy_protocol ${word}`, () => {
      assertEquals(String(serverWith(`proxy_protocol ${word.toUpperCase()};`).proxy.protocol), word);
    });
  }

  it("times, sizes and numbers", () => {
    const server = serverWith(
      'timeout "1h 30m"; proxy_timeout 1m500ms; proxy_buffer 16k; imap_client_buffer 1M; max_errors 9; smtp_greeting_delay 5s;',
    );
    assertEquals([server.timeout, server.proxy.timeout, server.smtp.greetingDelay], [5_400_000, 60_500, 5000]);
    assertEquals([server.proxy.buffer, server.imap.clientBuffer, server.maxErrors], [16_384, 1_048_576, 9]);
  });

  it("lists add up in one block, in order, words given twice too", () => {
    const server = serverWith(
      "imap_capabilities A 'B C';",
      "imap_capabilities A;",
      "auth_http_header X-A $remote_port;",
      'auth_http_header X-A "";',
    );
    assertEquals(server.imap.capabilities, ["A", "B C", "A"]);
    assertEquals(server.authHttp?.headers.map(({ name, value }) => [name, value.text]), [
      ["X-A", "$remote_port"],
      ["X-A", ""],
    ]);
  });

  it("sets add up in one block, in nginx's order; a word given twice is a warning", () => {
    const lines = ["smtp_auth none;", "smtp_auth LOGIN none plain Login;"];
    assertEquals(serverWith(...lines).smtp.auth, ["plain", "login", "none"]);
    assertEquals(warnings(inServer(...lines)), [
      'warn: duplicate value "none" in f:5',
      'warn: duplicate value "Login" in f:5',
    ]);
  });
});

describe("inheritance", () => {
  const config = load(
    `events {}
    error_log /main.log;
    mail {
      auth_http auth;
      auth_http_header A 1;
      auth_http_header B 2;
      timeout 10s;
      proxy_timeout 20s;
      server_name common;
      smtp_capabilities X Y;
      imap_auth plain login;
      error_log /mail.log info;
      server { listen 143; }
      server {
        listen 25;
        auth_http other/path;
        auth_http_header C 3;
        timeout 1s;
        server_name "";
        smtp_capabilities Z;
        imap_auth login;
        error_log stderr debug;
        error_log logs/s.log;
      }
      proxy_buffer 8k;
    }`,
    { prefix: "/srv/postern" },
  );
  const [first, second] = config.servers;

  it("mail's values hold in a server that gives none, wherever they stand", () => {
    assertEquals(first?.timeout, 10_000);
    assertEquals(first?.serverName, "common");
    assertEquals(first?.authHttp?.headers.map(({ name }) => name), ["A", "B"]);
    assertEquals(first?.smtp.capabilities, ["X", "Y"]);
    assertEquals(first?.proxy.buffer, 8192);
  });

  it("a server's own values replace them, lists and sets as a whole", () => {
    assertEquals(second?.timeout, 1_000);
    assertEquals(second?.authHttp?.uri, "/path");
    assertEquals(second?.authHttp?.headers.map(({ name, value }) => [name, value.text]), [["C", "3"]]);
    assertEquals(second?.smtp.capabilities, ["Z"]);
    assertEquals(second?.imap.auth, ["login"]);
    assertEquals(second?.proxy.timeout, 20_000);
  });

  it('server_name "" means the host name, in lower case', () => {
    assertEquals(second?.serverName, "host.example");
    assertEquals(serverWith().serverName, "host.example");
    assertEquals(serverWith("server_name Mail.Example;").serverName, "Mail.Example");
  });

  it("error_log of a server replaces that of mail, which replaces that of main", () => {
    const file = "/srv/postern/f";
    assertEquals(config.main.errorLogs, [{ target: { type: "file", ...named("/main.log", 2, file) }, level: "error" }]);
    assertEquals(first?.errorLogs, [{ target: { type: "file", ...named("/mail.log", 12, file) }, level: "info" }]);
    assertEquals(second?.errorLogs, [
      { target: { type: "stderr" }, level: "debug" },
      { target: { type: "file", ...named("/srv/postern/logs/s.log", 23, file) }, level: "error" },
    ]);
    assertEquals(serverWith().errorLogs, []);
  });

  it("a value given in mail may be given in a server again", () => {
    assertEquals(
      problem("mail { timeout 1; xclient on; auth_http a; server { listen 143; timeout 2; xclient off; } }"),
      "ok",
    );
  });
});

describe("error_log", () => {
  const rows: readonly [line: string, problem: string][] = [
    ["error_log;", 'invalid number of arguments in "error_log" directive in f:4'],
    ["error_log stderr loud;", 'invalid log level "loud" in f:4'],
    ["error_log stderr INFO;", 'invalid log level "INFO" in f:4\ndid you mean "info"?'],
    ["error_log stderr warn info;", 'duplicate log level "info" in f:4'],
    ["error_log stderr warn warn;", 'duplicate log level "warn" in f:4'],
    ["error_log stderr warn debug_mail;", 'invalid log level "debug_mail" in f:4'],
    ["error_log stderr debug_mail warn;", 'duplicate log level "warn" in f:4'],
    ["error_log stderr debug_core debug_mail;", "ok"],
    ["error_log memory:32m debug;", "postern was built without debug support in f:4"],
  ];
  for (const [line, expected] of rows) it(line, () => assertEquals(problem(inServer(line)), expected));

  for (const level of ["emerg", "alert", "crit", "error", "warn", "notice", "info", "debug"]) {
    it(`knows the level ${level}`, () => {
      assertEquals(serverWith(`error_log stderr ${level};`).errorLogs.map((log) => String(log.level)), [level]);
    });
  }

  it("takes the parts of nginx's debug level for debug", () => {
    const words = ["core", "alloc", "mutex", "event", "http", "mail", "stream"].map((part) => `debug_${part}`);
    assertEquals(serverWith(`error_log stderr ${words.join(" ")};`).errorLogs.map((log) => log.level), ["debug"]);
  });
});
