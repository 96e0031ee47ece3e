import { assert, assertEquals, assertMatch } from "@std/assert";
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { after, before, beforeEach, describe, it } from "node:test";
import type { Protocol } from "../../src/config/types.ts";
import { ensembles } from "../support/ensemble.ts";
import { WORDS } from "../support/scene.ts";
import { accept, FakeAuth, refuse } from "../support/fake_auth.ts";
import { breakOff, FakeUpstream, hangUp, IMAP_LOGIN, type Script } from "../support/fake_upstream.ts";
import { installations } from "../support/installation.ts";
import { freePorts } from "../support/free_ports.ts";
import { readIfThere } from "../support/files.ts";
import { connectTo } from "../support/raw_client.ts";
import { SyslogServer } from "../support/syslog_server.ts";
import { eventually } from "../support/watch.ts";
import type { Wire } from "../support/wire.ts";

const LIMIT = { timeout: 180_000 };
const start = ensembles();
const installAll = installations();
/** One process has one order of its lines. */
const install = (text: string) => installAll(`master_process off; ${text}`);

/** spec e: time, level, process, connection, and nothing that could end the line. */
const LINE =
  /^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d \[(emerg|alert|crit|error|warn|notice|info|debug)\] (\d+)#0: (?:(\*\d+) )?([\x20-\x7e\x80-\xff]+)$/;

/** Level and text of each line, the text without its tail: first those of the process, then those of each connection. */
function short(lines: readonly string[]): string[] {
  const entries = lines.map((line) => {
    const [, level, , number = "*0", text = ""] = LINE.exec(line) ?? [];
    assert(level !== undefined, `no line of a log: ${line}`);
    return { number: Number(number.slice(1)), text: `${level} ${text.split(/ while |, client: | \d+|:\d+|\/\d/)[0]}` };
  });
  return entries.sort((a, b) => a.number - b.number).map(({ text }) => text);
}

describe("error_log", () => {
  let auth: FakeAuth;
  let upstream: FakeUpstream;

  before(async () => {
    upstream = await FakeUpstream.start(IMAP_LOGIN);
    auth = await FakeAuth.start("");
  });
  beforeEach(() => auth.answer = accept(upstream.port));
  after(() => Promise.all([auth.stop(), upstream.stop()]));

  /** Logs in, then leaves. */
  async function visit(port: number): Promise<void> {
    const client = await logIn(port);
    client.end();
    await client.untilOver();
  }

  async function logIn(port: number): Promise<Wire> {
    const client = await connectTo(port);
    await client.expect(WORDS.imap.greeting);
    await client.ask("a LOGIN anna sesame\r\n", "a OK logged in\r\n");
    return client;
  }

  /** Meets an auth server that has an error. */
  async function fail(port: number): Promise<void> {
    auth.answer = "X: 1\r\n";
    const client = await connectTo(port);
    await client.expect(WORDS.imap.greeting);
    client.send("a LOGIN anna sesame\r\n");
    await client.expectEnd(WORDS.imap.internalError);
    auth.answer = accept(upstream.port);
  }

  const STARTED = ["notice postern", "notice start worker process"];
  const STOPPED = ["notice signal", "notice exiting", "notice exit"];
  const VISIT = ["info client", "info client logged in", "info proxied session done"];
  const FAILURE = ["info client", "error auth http server"];

  it("goes to every file of the innermost level that has some, from the level of each on", LIMIT, async () => {
    const [inMail = 0, inServer = 0] = await freePorts(2);
    const { end, lines, program } = await install(`
      error_log main.notice notice; error_log main.info info; error_log main.error;
      mail {
        auth_http 127.0.0.1:${auth.port};
        error_log mail.info info; error_log mail.error error; error_log mail.debug debug; error_log mail.crit crit;
        server { listen 127.0.0.1:${inMail}; protocol imap; }
        server {
          listen 127.0.0.1:${inServer}; protocol imap;
          error_log server.info info; error_log stderr error; error_log mail.crit info;
        }
      }`);
    await visit(inMail);
    await fail(inMail);
    await visit(inServer);
    await fail(inServer);
    await end();
    const table: Readonly<Record<string, readonly string[]>> = {
      "main.notice": [...STARTED, ...STOPPED],
      "main.info": [...STARTED, ...STOPPED],
      "main.error": [],
      "mail.info": [...VISIT, ...FAILURE],
      "mail.debug": [...VISIT, ...FAILURE],
      "mail.error": FAILURE.slice(1),
      "mail.crit": [...VISIT, ...FAILURE],
      "server.info": [...VISIT, ...FAILURE],
    };
    for (const [name, expected] of Object.entries(table)) {
      assertEquals([name, ...short(lines(name))], [name, ...expected]);
    }
    assertEquals(short(program.stderr.split("\n").slice(0, -1)), FAILURE.slice(1));
  });

  it("of the outermost level serves all servers when there is no other", LIMIT, async () => {
    const [port = 0] = await freePorts(1);
    const { end, lines } = await install(`
      error_log all info;
      mail { auth_http 127.0.0.1:${auth.port}; server { listen 127.0.0.1:${port}; protocol imap; } }`);
    await visit(port);
    await visit(port);
    await end();
    const all = lines("all");
    assertEquals(short(all), [...STARTED, ...STOPPED, ...VISIT, ...VISIT]);
    const numbers = all.flatMap((line) => LINE.exec(line)?.[3] ?? []).sort();
    const [one = "", , , other = ""] = numbers;
    assertEquals([numbers, one === other], [[one, one, one, other, other, other], false]);
  });

  it("is opened anew on USR1 while sessions run", LIMIT, async () => {
    const [port = 0] = await freePorts(1);
    const { end, lines, logs, path, program } = await install(`
      error_log main.log notice;
      mail {
        auth_http 127.0.0.1:${auth.port};
        server { listen 127.0.0.1:${port}; protocol imap; error_log server.log info; }
      }`);
    const client = await logIn(port);
    for (const name of ["main.log", "server.log"]) renameSync(path(name), path(`${name}.1`));
    program.signal("SIGUSR1");
    for (const name of ["main.log", "server.log"]) await logs(name, "");
    await client.ask("still there?\r\n", "still there?\r\n");
    client.end();
    await client.untilOver();
    await logs("server.log", "proxied session done");
    await end();
    assertEquals(short(lines("server.log.1")), VISIT.slice(0, 2));
    assertEquals(short(lines("server.log")), VISIT.slice(2));
    assertEquals(short(lines("main.log.1")), [
      ...STARTED,
      "notice signal",
      "notice reopening logs",
    ]);
    assertEquals(short(lines("main.log")), STOPPED);
  });

  for (const masterProcess of ["on", "off"]) {
    it(`is not made anew when a reload has left it behind: master_process ${masterProcess}`, LIMIT, async () => {
      const [port = 0] = await freePorts(1);
      const { lines, logs, path, program } = await installAll(`
        master_process ${masterProcess}; worker_processes 1; error_log old.log notice;
        mail {
          auth_http 127.0.0.1:${auth.port}; error_log old.mail.log info; access_log old.access.log;
          server { listen 127.0.0.1:${port}; protocol imap; }
        }`);
      const client = await logIn(port);
      const configuration = readFileSync(path("nginx.conf"), "latin1");
      writeFileSync(path("nginx.conf"), configuration.replaceAll("old.", "new."));
      program.signal("SIGHUP");
      const hears = (text: string) => {
        const heard = () => readIfThere(path("new.log"));
        return eventually(() => heard()?.includes(text) === true, () => String(heard()), 60_000);
      };
      await hears("reconfigured");
      client.end();
      await client.untilOver();
      await logs("old.access.log", "clientClosed");
      if (masterProcess === "on") await hears("exited with code 0");
      assertEquals(short(lines("old.mail.log")), VISIT);

      const old = ["old.log", "old.mail.log", "old.access.log"];
      for (const name of old) rmSync(path(name));
      const all = ["new.log", "new.mail.log", "new.access.log"];
      for (const name of all) renameSync(path(name), path(`${name}.1`));
      program.signal("SIGUSR1");
      for (const name of all) await logs(name, "");
      assertEquals(old.filter((name) => existsSync(path(name))), []);
    });
  }

  it("that cannot be opened keeps the program from starting", LIMIT, async () => {
    const failure = await install("error_log none/log; mail {}").catch((error) => String(error));
    assertMatch(String(failure), /\[emerg\] open\(\) ".*none\/log" failed \(2: No such file or directory\)/);
  });

  describe("to syslog", () => {
    let server: SyslogServer;

    before(async () => {
      server = await SyslogServer.start();
    });
    beforeEach(() => server.lines.length = 0);
    after(() => server.close());

    /** The server with parameters, and what stands before the line: priority, then host and tag. */
    const rows: readonly (readonly [string, Readonly<Record<string, number>>, string])[] = [
      ["127.0.0.1:PORT", { notice: 189, info: 190, error: 187 }, `${hostname().toLowerCase()} nginx: `],
      ["localhost:PORT", { notice: 189, info: 190, error: 187 }, `${hostname().toLowerCase()} nginx: `],
      ["127.0.0.1:PORT,facility=mail", { notice: 21, info: 22, error: 19 }, `${hostname().toLowerCase()} nginx: `],
      [
        "127.0.0.1:PORT,facility=kern,tag=mail_1",
        { notice: 5, info: 6, error: 3 },
        `${hostname().toLowerCase()} mail_1: `,
      ],
      ["127.0.0.1:PORT,nohostname,severity=debug,facility=local0", { notice: 133, info: 134, error: 131 }, "nginx: "],
    ];
    for (const [target, priorities, tag] of rows) {
      it(`server=${target}`, LIMIT, async () => {
        const [port = 0] = await freePorts(1);
        const syslog = `syslog:server=${target.replace("PORT", `${server.port}`)}`;
        const { end, lines } = await install(`
          error_log ${syslog} info; error_log file info;
          mail { auth_http 127.0.0.1:${auth.port}; server { listen 127.0.0.1:${port}; protocol imap; } }`);
        await visit(port);
        await fail(port);
        await end();
        await server.until(lines("file").length);
        const expected = lines("file").map((line) => {
          const [, level = ""] = LINE.exec(line) ?? [];
          return `<${priorities[level]}>DATE ${tag}${line}`;
        });
        const date = /(?<=^<\d+>)(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ 1-3]\d \d\d:\d\d:\d\d/;
        assertEquals(server.lines.map((line) => line.replace(date, "DATE")), expected);
      });
    }

    it("of some levels and servers only", LIMIT, async () => {
      const [one = 0, two = 0] = await freePorts(2);
      const target = `syslog:server=127.0.0.1:${server.port},nohostname,tag`;
      await install(`
        error_log ${target}=main notice;
        mail {
          auth_http 127.0.0.1:${auth.port};
          server { listen 127.0.0.1:${one}; protocol imap; error_log ${target}=one error; }
          server { listen 127.0.0.1:${two}; protocol imap; error_log ${target}=two info; error_log ${target}=two_too; }
        }`);
      for (const port of [one, two]) {
        await visit(port);
        await fail(port);
      }
      await server.until(9);
      const tags = server.lines.map((line) => line.replace(/^<\d+>.{15} (\w+): .*\[(\w+)\].*$/, "$1 $2"));
      assertEquals(tags.sort(), [
        "main notice",
        "main notice",
        "one error",
        ...["two error", ...Array(4).fill("two info"), "two_too error"],
      ]);
    });

    it("that nobody reads holds nothing up", LIMIT, async () => {
      const [port = 0, nobody = 0] = await freePorts(2);
      await install(`
        error_log syslog:server=127.0.0.1:${nobody} info; error_log file info;
        mail { auth_http 127.0.0.1:${auth.port}; server { listen 127.0.0.1:${port}; protocol imap; } }`);
      for (let i = 0; i < 5; i++) await visit(port);
    });
  });
});

/** What happens to a client, and what the log says of it. AT stands for the client and the server in a line. */
const EVENTS: readonly {
  readonly title: string;
  readonly protocol: Protocol;
  readonly mail?: string;
  readonly auth?: string;
  readonly script?: Script;
  readonly says: readonly string[];
  readonly lines: readonly string[];
}[] = [
  { title: "a client that leaves", protocol: "imap", says: ["a LOGOUT\r\n"], lines: [] },
  {
    title: "a refused login",
    protocol: "imap",
    auth: refuse('No "way"'),
    says: ["a LOGIN anna wrong\r\n"],
    lines: ['info client login failed: "No "way"" while in http auth state, AT, login: "anna"'],
  },
  {
    title: "too many invalid commands",
    protocol: "pop3",
    mail: "max_errors 2;",
    says: ["STAT\r\n", "STAT\r\n"],
    lines: ["info client sent too many invalid commands while in auth state, AT"],
  },
  {
    title: "too many commands",
    protocol: "smtp",
    mail: "max_commands 1;",
    says: ["NOOP\r\n", "NOOP\r\n"],
    lines: ["info client sent too many commands while in auth state, AT"],
  },
  {
    title: "a command that is too long",
    protocol: "smtp",
    mail: "smtp_client_buffer 64;",
    says: [`AUTH PLAIN ${"A".repeat(80)}\r\n`],
    lines: ['info client sent too long command "AUTH..." while in auth state, AT'],
  },
  {
    title: "broken base64",
    protocol: "smtp",
    says: ["AUTH PLAIN !\r\n", "QUIT\r\n"],
    lines: ["info client sent invalid base64 encoding in AUTH PLAIN command while in auth state, AT"],
  },
  {
    title: "a login without a password",
    protocol: "imap",
    says: ["a AUTHENTICATE PLAIN AGFubmE=\r\n", "a LOGOUT\r\n"],
    lines: ["info client sent invalid password in AUTH PLAIN command while in auth state, AT"],
  },
  {
    title: "mail without a login",
    protocol: "smtp",
    says: ["MAIL FROM:<a@b.test>\r\n", "QUIT\r\n"],
    lines: ['info client was rejected: "MAIL FROM:<a@b.test>" while in auth state, AT'],
  },
  {
    title: "a client that is too slow",
    protocol: "imap",
    mail: "timeout 50ms;",
    says: [],
    lines: ["info client timed out (110: Connection timed out) while in auth state, AT"],
  },
  {
    title: "an upstream that refuses",
    protocol: "pop3",
    script: ["+OK ready\r\n", "-ERR nobody\r\n"],
    says: ["USER anna\r\n", "PASS sesame\r\n"],
    lines: [
      'error upstream sent invalid response: "-ERR nobody" while reading response from upstream, AT, login: "anna", UP',
    ],
  },
  {
    title: "an upstream whose refusal is passed on",
    protocol: "pop3",
    mail: "proxy_pass_error_message on;",
    script: ["+OK ready\r\n", "-ERR nobody\r\n"],
    says: ["USER anna\r\n", "PASS sesame\r\n"],
    lines: [
      'info upstream sent invalid response: "-ERR nobody" while reading response from upstream, AT, login: "anna", UP',
    ],
  },
  {
    title: "an upstream that hangs up",
    protocol: "imap",
    script: [hangUp],
    says: ["a LOGIN anna sesame\r\n"],
    lines: [
      'error upstream prematurely closed connection while reading response from upstream, AT, login: "anna", UP',
    ],
  },
  {
    title: "an upstream that breaks off",
    protocol: "imap",
    script: ["* OK ready\r\n", toldOnce, breakOff],
    says: ["a LOGIN anna sesame\r\n"],
    lines: [
      'error recv() failed (104: Connection reset by peer) while reading response from upstream, AT, login: "anna", UP',
    ],
  },
  {
    title: "an upstream that says nothing",
    protocol: "imap",
    mail: "timeout 1s;",
    script: [""],
    says: ["a LOGIN anna sesame\r\n"],
    lines: [
      'error upstream timed out (110: Connection timed out) while reading response from upstream, AT, login: "anna", UP',
    ],
  },
  {
    title: "an upstream that says too much",
    protocol: "imap",
    mail: "proxy_buffer 64;",
    script: [`* OK ${"x".repeat(80)}\r\n`],
    says: ["a LOGIN anna sesame\r\n"],
    lines: [
      `error upstream sent too long response line: "* OK ${"x".repeat(59)}..." ` +
      'while reading response from upstream, AT, login: "anna", UP',
    ],
  },
  {
    title: "an auth server that says nothing useful",
    protocol: "imap",
    auth: "Auth-Status: OK\r\nAuth-Server: 127.0.0.1\r\nAuth-Port: 70000\r\n",
    says: ["a LOGIN anna sesame\r\n"],
    lines: [
      'error auth http server AUTH sent invalid server port:"70000" while in http auth state, AT, login: "anna"',
    ],
  },
  {
    title: "a login with control characters",
    protocol: "imap",
    auth: refuse("No"),
    says: ["a LOGIN {6+}\r\na\r\n\x1b\x7fb sesame\r\n"],
    lines: ['info client login failed: "No" while in http auth state, AT, login: "a\\x0D\\x0A\\x1B\\x7Fb"'],
  },
  {
    title: "a login of control characters in base64",
    protocol: "smtp",
    auth: refuse("No"),
    says: ["AUTH PLAIN AGEKMjAyNiBiAHNlc2FtZQ==\r\n"],
    lines: ['info client login failed: "No" while in http auth state, AT, login: "a\\x0A2026 b"'],
  },
  {
    title: "a login that POP3 has no line for",
    protocol: "pop3",
    says: ["AUTH PLAIN AGEKYgBzZXNhbWU=\r\n", "QUIT\r\n"],
    lines: [
      "info client sent a login or password with a character that cannot be passed on while in auth state, AT",
    ],
  },
  {
    title: "a login of eight bits",
    protocol: "imap",
    auth: refuse("No"),
    says: ['a LOGIN "\xc3\xa4nna" sesame\r\n'],
    lines: ['info client login failed: "No" while in http auth state, AT, login: "\xc3\xa4nna"'],
  },
  {
    title: "words of an auth server with control characters",
    protocol: "imap",
    auth: refuse("N\to\x1b"),
    says: ["a LOGIN anna wrong\r\n"],
    lines: ['info client login failed: "N o" while in http auth state, AT, login: "anna"'],
  },
];

/** Waits for a line. */
async function toldOnce(wire: Wire): Promise<void> {
  await wire.nextUpTo("\n");
}

describe("a line of the log", () => {
  for (const { title, protocol, mail = "", auth: answer, script, says, lines } of EVENTS) {
    it(title, async () => {
      const options = { protocol, mail, ...script === undefined ? {} : { script } };
      const { auth, upstream, proxy, connect } = await start(options);
      if (answer !== undefined) auth.answer = answer;
      const client = await connect();
      const { localPort } = client;
      await client.expect(WORDS[protocol].greeting);
      for (const line of says) {
        client.send(line);
        await client.until(() => client.unread.includes("\r\n") || client.isOver);
        await client.expect(client.unread);
      }
      await client.untilOver();
      const full = (line: string) =>
        line.replace("AT", "client: 127.0.0.1, server: 127.0.0.1:0")
          .replace("UP", `upstream: 127.0.0.1:${upstream.port}`)
          .replace("AUTH sent", `127.0.0.1:${auth.port} sent`);
      assertEquals(proxy.log, [
        `info client 127.0.0.1:${localPort} connected to 127.0.0.1:0`,
        ...lines.map(full),
      ]);
    });
  }
});

/** What no log may ever show, however a client says it: itself, in base64, and as a digest. */
const SECRETS = ["s3cr3t", btoa("\0anna\0s3cr3t"), btoa("s3cr3t"), "0123456789abcdef0123456789abcdef"];
const [, PLAIN = "", PASSWORD = "", DIGEST = ""] = SECRETS;
const XOAUTH2 = btoa("user=anna\x01auth=Bearer s3cr3t\x01\x01");

/** All ways in which a client says a secret, right or wrong. */
const CONFESSIONS: Readonly<Record<Protocol, readonly string[]>> = {
  imap: [
    "a LOGIN anna s3cr3t\r\n",
    "a LOGIN anna s3cr3t too\r\n",
    "a LOGIN anna s3cr3t {\r\n",
    "a LOGIN anna {6+}\r\ns3cr3t\r\n",
    `a LOGIN anna s3cr3t${"x".repeat(5000)}`,
    `a AUTHENTICATE PLAIN ${PLAIN}\r\n`,
    `a AUTHENTICATE PLAIN ${PLAIN}!\r\n`,
    `a AUTHENTICATE PLAIN\r\n${PLAIN}\r\n`,
    `a AUTHENTICATE LOGIN YW5uYQ==\r\n${PASSWORD}\r\n`,
    `a AUTHENTICATE LOGIN YW5uYQ==\r\n${PASSWORD}!\r\n`,
    `a AUTHENTICATE CRAM-MD5\r\n${btoa(`anna ${DIGEST}`)}\r\n`,
    `a AUTHENTICATE CRAM-MD5\r\n${btoa(`anna${DIGEST}`)}\r\n`,
    `a AUTHENTICATE XOAUTH2 ${XOAUTH2}\r\n`,
    `a AUTHENTICATE XOAUTH2 ${XOAUTH2.slice(0, -4)}\r\n`,
    "s3cr3t\r\n",
  ],
  pop3: [
    "USER anna\r\nPASS s3cr3t\r\n",
    "PASS s3cr3t\r\n",
    `USER anna\r\nPASS s3cr3t${"x".repeat(5000)}`,
    `APOP anna ${DIGEST}\r\n`,
    `APOP anna ${DIGEST} too\r\n`,
    `AUTH PLAIN ${PLAIN}\r\n`,
    `AUTH PLAIN\r\n${PLAIN.slice(1)}\r\n`,
    `AUTH XOAUTH2\r\n${XOAUTH2}\r\n`,
  ],
  smtp: [
    `AUTH PLAIN ${PLAIN}\r\n`,
    `AUTH PLAIN ${PLAIN} too\r\n`,
    `AUTH LOGIN\r\nYW5uYQ==\r\n${PASSWORD}\r\n`,
    `AUTH CRAM-MD5\r\n${btoa(`anna ${DIGEST}`)}\r\n`,
    `AUTH XOAUTH2 ${XOAUTH2}\r\n`,
    `AUTH PLAIN ${PLAIN}${"x".repeat(5000)}`,
    `${PLAIN}\r\n`,
  ],
};

describe("a secret is in no log", () => {
  const outcomes: readonly (readonly [string, (port: number) => string])[] = [
    ["refused", () => refuse("No")],
    ["let in", (port) => `${accept(port)}Auth-Pass: s3cr3t\r\n`],
    ["of no use to the auth server", () => "Auth-Status: OK\r\nAuth-Pass: s3cr3t\r\n"],
  ];
  for (const [protocol, confessions] of Object.entries(CONFESSIONS) as [Protocol, readonly string[]][]) {
    for (const [outcome, answer] of outcomes) {
      it(`${protocol}: ${outcome}`, async () => {
        const mechanisms = `plain cram-md5 xoauth2 ${protocol === "pop3" ? "apop" : "login"}`;
        const mail = `${protocol}_auth ${mechanisms}; proxy_smtp_auth on;`;
        // The upstream wants none of them.
        const { auth, upstream, proxy, connect } = await start({ protocol, mail, script: ["no\r\n"] });
        auth.answer = answer(upstream.port);
        for (const confession of confessions) {
          const client = await connect();
          client.send(confession);
          client.end();
          await client.untilOver();
        }
        const log = proxy.log.join("\n");
        for (const secret of SECRETS) assertEquals([secret, log.includes(secret)], [secret, false], log);
        assert(proxy.log.length > confessions.length);
      });
    }
  }
});
