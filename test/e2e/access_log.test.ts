import { assert, assertEquals, assertMatch } from "@std/assert";
import { renameSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { type AccessLine, untilLines } from "../support/access_lines.ts";
import { type EnsembleOptions, ensembles } from "../support/ensemble.ts";
import { accept, FakeAuth, refuse, reply } from "../support/fake_auth.ts";
import { FakeUpstream, hangUp, IMAP_LOGIN } from "../support/fake_upstream.ts";
import { freePort } from "../support/free_ports.ts";
import { TestFolder } from "../support/program.ts";
import { installations } from "../support/installation.ts";
import { connectTo } from "../support/raw_client.ts";
import { PROTOCOLS, SECRET, WORDS } from "../support/scene.ts";
import { SyslogServer } from "../support/syslog_server.ts";
import { TlsScene } from "../support/tls_scene.ts";
import { beginTls, connectTls } from "../support/tls_wire.ts";
import { eventually } from "../support/watch.ts";

const LIMIT = { timeout: 180_000 };
const startEnsemble = ensembles();
const install = installations();

let folder: TestFolder;
let path: string;
beforeEach(() => {
  folder = new TestFolder();
  path = join(folder.path, "access.log");
});
afterEach(() => folder.remove());

/** An ensemble that logs, as JSON, to {@linkcode path}. */
function start(options: EnsembleOptions): ReturnType<typeof startEnsemble> {
  return startEnsemble({ ...options, mail: `access_log ${path} json; ${options.mail ?? ""}` });
}

/** Some members of a line. */
function some(line: AccessLine | undefined, ...names: string[]): AccessLine {
  return Object.fromEntries(names.map((name) => [name, line?.[name]]));
}

const COURSE = ["event", "phase", "result", "fault", "status"];

async function wait(duration: number): Promise<void> {
  const end = performance.now() + duration;
  await eventually(() => performance.now() >= end, () => "time stands still");
}

describe("a line of the access log tells of a real session", () => {
  for (const protocol of PROTOCOLS) {
    it(`what both its ends saw: ${protocol}`, async () => {
      const { enter, port, upstream } = await start({ protocol });
      const client = await enter();
      await client.ask("one\r\ntwo\r\n", "one\r\ntwo\r\n");
      client.end();
      await client.expectEnd();
      const [line] = await untilLines(path, 1);
      // The echo keeps nothing of what it is told.
      const server = await upstream.wire(0);
      const { greeting, login } = WORDS[protocol];
      assertEquals(some(line, ...COURSE), {
        event: "end",
        phase: "relay",
        result: "clientClosed",
        fault: "",
        status: 200,
      });
      assertEquals(some(line, "protocol", "listen", "remote_addr", "user", "auth_method", "auth_attempts"), {
        protocol,
        listen: "127.0.0.1:0",
        remote_addr: "127.0.0.1",
        user: "joe",
        auth_method: "plain",
        auth_attempts: 1,
      });
      assertEquals(
        some(line, "bytes_sent", "bytes_received", "upstream_addr", "upstream_bytes_sent", "upstream_bytes_received"),
        {
          bytes_sent: client.received.length,
          bytes_received: login.length + "one\r\ntwo\r\n".length,
          upstream_addr: `127.0.0.1:${upstream.port}`,
          upstream_bytes_sent: String(server.received.length + "one\r\ntwo\r\n".length),
          upstream_bytes_received: String(received(protocol)),
        },
      );
      assert(client.received.startsWith(greeting) && port > 0);
    });
  }

  it("how long each step took", async () => {
    const slow = (duration: number, text: string) => async (wire: { send(text: string): void }) => {
      await wait(duration);
      wire.send(text);
    };
    const began = performance.now();
    const { enter, auth, upstream } = await start({
      protocol: "imap",
      script: ["", slow(120, "* OK ready\r\n"), ...IMAP_LOGIN.slice(1)],
    });
    auth.answer = async (wire) => {
      await wait(60);
      reply(wire, accept(upstream.port));
    };
    const client = await enter();
    await wait(30);
    client.end();
    await client.expectEnd();
    const [line] = await untilLines(path, 1);
    const time = (name: string) => Number(line?.[name]);
    const { auth_time, upstream_connect_time, upstream_login_time, upstream_session_time, session_time } = line ?? {};
    for (const text of [auth_time, upstream_connect_time, upstream_login_time, upstream_session_time]) {
      assertMatch(String(text), /^\d+\.\d{3}$/);
    }
    assert(typeof session_time === "number");
    // Timers of the tests may ring a little early.
    // What bounds the session bounds its parts.
    assert(time("session_time") <= (performance.now() - began) / 1000 + 0.01, String(session_time));
    assert(time("auth_time") >= 0.055, String(auth_time));
    assert(time("upstream_login_time") >= 0.115, String(upstream_login_time));
    assert(time("upstream_connect_time") <= time("upstream_login_time") - 0.11, String(upstream_connect_time));
    assert(time("upstream_session_time") >= time("upstream_login_time") + 0.025, String(upstream_session_time));
    // Each of the three is rounded.
    assert(time("session_time") >= time("auth_time") + time("upstream_session_time") - 0.002, String(session_time));
    assertEquals(line?.["ssl_handshake_time"], "");
  });

  it("a login that failed at once, and its connection when it ends", async () => {
    const { connect, auth } = await start({ protocol: "pop3" });
    auth.answer = refuse("No", 1);
    const client = await connect();
    const { greeting, login, heard } = WORDS.pop3;
    await client.expect(greeting);
    await client.ask(login, heard);
    const [failed] = await untilLines(path, 1);
    assertEquals(client.unread, "");
    await client.expect("-ERR No\r\n");
    client.send("QUIT\r\n");
    await client.untilOver();
    const [, end] = await untilLines(path, 2);
    assertEquals(some(failed, ...COURSE, "user", "auth_attempts"), {
      event: "login_failed",
      phase: "auth",
      result: "refused",
      fault: "user",
      status: 403,
      user: "joe",
      auth_attempts: 1,
    });
    assertEquals(some(end, ...COURSE, "user"), {
      event: "end",
      phase: "login",
      result: "quit",
      fault: "",
      status: 200,
      user: "joe",
    });
  });

  it("the upstreams that were tried", async () => {
    const { connect, auth } = await start({ protocol: "imap", script: [hangUp] });
    auth.answer = accept(await freePort());
    const client = await connect();
    await client.expect(WORDS.imap.greeting);
    client.send(WORDS.imap.login);
    await client.expectEnd(WORDS.imap.internalError);
    const [line] = await untilLines(path, 1);
    assertEquals(some(line, ...COURSE, "upstream_connect_time", "upstream_login_time", "user"), {
      event: "end",
      phase: "connect",
      result: "upstreamUnavailable",
      fault: "upstream",
      status: 502,
      upstream_connect_time: "-",
      upstream_login_time: "-",
      user: "joe",
    });
  });

  it("a client that has no PROXY header, breaks it, or leaves", async () => {
    const { connect } = await start({ protocol: "imap", listen: "proxy_protocol", mail: "timeout 1s;" });
    const leaver = await connect();
    leaver.end();
    await untilLines(path, 1);
    (await connect()).send("EHLO\r\n");
    await untilLines(path, 2);
    await (await connect()).untilOver();
    const lines = await untilLines(path, 3);
    assertEquals(lines.map((line) => some(line, "phase", "result", "fault", "status")), [
      { phase: "proxy_protocol", result: "clientGone", fault: "client", status: 400 },
      { phase: "proxy_protocol", result: "badProxyHeader", fault: "client", status: 400 },
      { phase: "proxy_protocol", result: "timeout", fault: "client", status: 400 },
    ]);
  });

  it("the client's address in a PROXY header that is trusted", async () => {
    const { enter } = await start({
      protocol: "imap",
      listen: "proxy_protocol",
      mail: "set_real_ip_from 127.0.0.1;",
    });
    const client = await enter("PROXY TCP4 203.0.113.9 192.0.2.1 4242 143\r\n");
    client.end();
    const [line] = await untilLines(path, 1);
    assertEquals(some(line, "remote_addr", "remote_port"), { remote_addr: "203.0.113.9", remote_port: "4242" });
  });

  it("a client that may not come in", async () => {
    const { connect } = await start({ protocol: "smtp", mail: "deny all;" });
    await (await connect()).untilOver();
    const [line] = await untilLines(path, 1);
    assertEquals(some(line, ...COURSE), {
      event: "end",
      phase: "login",
      result: "forbidden",
      fault: "client",
      status: 403,
    });
  });

  it("no password", async () => {
    const { enter, connect, auth } = await start({ protocol: "smtp" });
    (await enter()).destroy();
    auth.answer = refuse("No");
    const { greeting, login, heard } = WORDS.smtp;
    const client = await connect();
    await client.expect(greeting);
    await client.ask(login, heard);
    const lines = JSON.stringify(await untilLines(path, 3));
    for (const text of [SECRET, btoa(SECRET), btoa(`\0joe\0${SECRET}`)]) assert(!lines.includes(text));
  });
});

/** What an upstream says up to the relay, and then the six words that come back. */
function received(protocol: typeof PROTOCOLS[number]): number {
  const said = {
    imap: "* OK ready\r\n+ OK\r\n+ OK\r\na OK logged in\r\n",
    pop3: "+OK ready\r\n+OK\r\n+OK mailbox open\r\n",
    smtp: "220 up ESMTP\r\n250 up\r\n220 up ESMTP\r\n250 up\r\n",
  };
  return said[protocol].length + "one\r\ntwo\r\n".length;
}

describe("a line of the access log tells of TLS", () => {
  let scene: TlsScene;
  before(async () => {
    scene = await TlsScene.open();
    scene.upstream.script = IMAP_LOGIN;
  });
  after(() => scene.close());

  const NAMES = ["ssl_protocol", "ssl_server_name", "starttls", "phase", "result", "fault"];

  it("from the first octet", LIMIT, async () => {
    const { ports: [port = 0] } = await scene.proxyForAll(`access_log ${path} json;`, "ssl");
    const { wire } = await connectTls(port, { name: "imap.example.test", version: "TLSv1.3" });
    scene.keep(wire);
    await wire.expect(WORDS.imap.greeting);
    await wire.ask(WORDS.imap.login, WORDS.imap.welcome);
    wire.end();
    const [line] = await untilLines(path, 1);
    assertEquals(some(line, ...NAMES), {
      ssl_protocol: "TLSv1.3",
      ssl_server_name: "imap.example.test",
      starttls: "off",
      phase: "relay",
      result: "clientClosed",
      fault: "",
    });
    assertMatch(String(line?.["ssl_cipher"]), /^TLS_(AES|CHACHA20)_/);
    assertMatch(String(line?.["ssl_handshake_time"]), /^\d\.\d{3}$/);
    assertEquals(line?.["bytes_received"], WORDS.imap.login.length);
  });

  it("after STARTTLS", LIMIT, async () => {
    const { ports: [port = 0] } = await scene.proxyForAll(`access_log ${path} json; starttls on;`);
    const clear = await connectTo(port);
    await clear.expect(WORDS.imap.greeting);
    await clear.ask("s STARTTLS\r\n", "s OK completed\r\n");
    const { wire } = await beginTls(clear, { name: "a.example.test", version: "TLSv1.2" });
    await scene.keep(wire).ask("l LOGOUT\r\n", "* BYE\r\nl OK completed\r\n");
    const [line] = await untilLines(path, 1);
    assertEquals(some(line, ...NAMES), {
      ssl_protocol: "TLSv1.2",
      ssl_server_name: "a.example.test",
      starttls: "on",
      phase: "login",
      result: "quit",
      fault: "",
    });
  });

  it("that does not begin", LIMIT, async () => {
    const { ports: [port = 0] } = await scene.proxyForAll(`access_log ${path} json;`, "ssl");
    const client = await scene.client(port);
    client.send("a LOGIN joe s3same\r\n");
    await client.untilOver();
    const [line] = await untilLines(path, 1);
    assertEquals(some(line, ...NAMES), {
      ssl_protocol: "",
      ssl_server_name: "",
      starttls: "off",
      phase: "handshake",
      result: "handshakeFailed",
      fault: "client",
    });
  });
});

describe("access_log", () => {
  let upstream: FakeUpstream;
  let auth: FakeAuth;
  before(async () => {
    upstream = await FakeUpstream.start(IMAP_LOGIN);
    auth = await FakeAuth.start(accept(upstream.port));
  });
  after(() => Promise.all([auth.stop(), upstream.stop()]));

  async function visit(port: number): Promise<void> {
    const client = await connectTo(port);
    await client.expect(WORDS.imap.greeting);
    client.send("a LOGOUT\r\n");
    client.end();
    await client.untilOver();
  }

  it("keeps its lines in order over rotation, buffered or not, and loses none at the end", LIMIT, async () => {
    const port = await freePort();
    const { end, lines, path, program, logs } = await install(`
      error_log main.log notice;
      mail {
        auth_http 127.0.0.1:${auth.port};
        log_format it '$connection $session_result';
        access_log at_once it; access_log gathered it buffer=64k;
        server { listen 127.0.0.1:${port}; protocol imap; }
      }`);
    for (let i = 0; i < 3; i++) await visit(port);
    await eventually(() => lines("at_once").length === 3, () => lines("at_once").join());
    assertEquals(lines("gathered"), []);
    for (const name of ["at_once", "gathered"]) renameSync(path(name), path(`${name}.1`));
    program.signal("SIGUSR1");
    // The main process does it first, the worker when it is told to.
    const reopened = () => lines("main.log").filter((line) => line.endsWith(": reopening logs"));
    await eventually(() => reopened().length === 2, () => reopened().join());
    await logs("gathered", "");
    await visit(port);
    await eventually(() => lines("at_once").length === 1, () => lines("at_once").join());
    await end();
    for (const name of ["at_once", "gathered"]) {
      assertEquals([lines(`${name}.1`).length, lines(name).length], [3, 1], name);
    }
    assertEquals(lines("at_once.1"), lines("gathered.1"));
  });

  it("has the whole lines of several workers, gathered or not", { timeout: 60_000 }, async () => {
    const port = await freePort();
    const { end, lines } = await install(`
      worker_processes 2; error_log error.log info;
      mail {
        auth_http 127.0.0.1:${auth.port};
        log_format long '$pid $connection $session_result ${"x".repeat(600)}';
        access_log at_once long; access_log gathered long buffer=4k flush=50ms;
        server { listen 127.0.0.1:${port}; protocol imap; }
      }`);
    for (let round = 0; round < 5; round++) await Promise.all(Array.from({ length: 20 }, () => visit(port)));
    await eventually(() => lines("gathered").length === 100, () => `${lines("gathered").length} lines`);
    await end();
    for (const name of ["at_once", "gathered"]) {
      assertEquals(lines(name).filter((line) => !/^\d+ \d+ (quit|clientGone) x{600}$/.test(line)), []);
      assertEquals(new Set(lines(name)).size, 100);
    }
    assertEquals(lines("gathered").sort(), lines("at_once").sort());
  });

  it("goes to stderr, to syslog with its severity, and is what a person can read", LIMIT, async () => {
    const syslog = await SyslogServer.start();
    try {
      const port = await freePort();
      const target = `syslog:server=127.0.0.1:${syslog.port},nohostname,tag=mail,facility=mail`;
      const { program } = await install(`
        mail {
          auth_http 127.0.0.1:${auth.port};
          access_log stderr; access_log ${target}; access_log ${target},severity=notice;
          server { listen 127.0.0.1:${port}; protocol imap; }
        }`);
      await visit(port);
      await syslog.until(2);
      await eventually(() => program.stderr.includes(" imap end "), () => program.stderr);
      const [line = ""] = program.stderr.split("\n").filter((each) => each.includes(" imap end "));
      assertMatch(line, HUMAN);
      const sent = syslog.lines.map((each) => each.replace(/^(<\d+>)\S+ [ \d]\d \S+ /, "$1 ")).sort();
      assertEquals(sent, [`<21> mail: ${line}`, `<22> mail: ${line}`]);
    } finally {
      await syslog.close();
    }
  });

  it("that cannot be opened keeps the program from starting", LIMIT, async () => {
    const failure = await install(
      `mail { auth_http 127.0.0.1; access_log none/log; server { listen 127.0.0.1:10143; protocol imap; } }`,
    )
      .catch((error) => String(error));
    assertMatch(String(failure), /\[emerg\] open\(\) ".*none\/log" failed \(2: No such file or directory\)/);
  });
});

/** The ready format for people, of a client that left without a login. */
const HUMAN =
  /^127\.0\.0\.1 - "-" \[\d\d\/\w{3}\/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] imap end 200 quit fault=- phase=login bytes=10\/\d+ time=\d\.\d{3} tls=- auth=-\/0\/- upstream="-" connect="-" login="-" server=127\.0\.0\.1:\d+ conn=\d+\*\d+$/;
