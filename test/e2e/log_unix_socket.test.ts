/** Logs to a unix socket, as `/dev/log` is one. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import { accept, FakeAuth } from "../support/fake_auth.ts";
import { FakeUpstream, IMAP_LOGIN } from "../support/fake_upstream.ts";
import { freePort } from "../support/free_ports.ts";
import { installations } from "../support/installation.ts";
import { TestFolder } from "../support/program.ts";
import { connectTo } from "../support/raw_client.ts";
import { WORDS } from "../support/scene.ts";
import { UNIX_DATAGRAMS, UnixSyslogServer } from "../support/unix_syslog_server.ts";
import { eventually } from "../support/watch.ts";

const install = installations();

describe("a log at a unix socket", UNIX_DATAGRAMS, () => {
  const folder = new TestFolder();
  let server: UnixSyslogServer;
  let auth: FakeAuth;
  let upstream: FakeUpstream;
  let target: string;

  before(async () => {
    // Root's workers are somebody else.
    chmodSync(folder.path, 0o755);
    upstream = await FakeUpstream.start(IMAP_LOGIN);
    auth = await FakeAuth.start(accept(upstream.port));
  });
  beforeEach(() => {
    server?.stop();
    server = new UnixSyslogServer(join(folder.path, "log"));
    server.start();
    target = `syslog:server=unix:${server.path},nohostname,tag`;
  });
  after(async () => {
    server.stop();
    await Promise.all([auth.stop(), upstream.stop()]);
    folder.remove();
  });

  async function visit(port: number): Promise<void> {
    const client = await connectTo(port);
    await client.expect(WORDS.imap.greeting);
    await client.ask("a LOGIN anna sesame\r\n", "a OK logged in\r\n");
    client.end();
    await client.untilOver();
  }

  /** Priority, tag and level or protocol of each line, in the order of their texts. */
  function heard(from = 0): string[] {
    const lines = server.lines.slice(from).map((line) => {
      assertMatch(
        line,
        /^<\d+>(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ 1-3]\d \d\d:\d\d:\d\d \w+: [^\n]+$/,
      );
      assert(!line.includes("sesame"));
      return line.replace(/^(<\d+>).{15} (\w+): .*?(\[\w+\]|imap end).*$/, "$1 $2 $3");
    });
    return lines.sort();
  }

  it(
    "has the lines of the main process, of the workers and of sessions, over a restart of its server",
    UNIX_DATAGRAMS,
    async () => {
      const port = await freePort();
      const { end } = await install(`
      worker_processes 2; error_log ${target}=errors notice;
      mail {
        auth_http 127.0.0.1:${auth.port};
        access_log ${target}=visits,facility=mail;
        server { listen 127.0.0.1:${port}; protocol imap; }
      }`);
      await visit(port);
      const workers = () => server.lines.filter((line) => line.includes("start worker process ")).length;
      await eventually(
        () => server.read() > 0 && heard().includes("<22> visits imap end") && workers() === 2,
        () => server.lines.join("\n"),
      );
      const started = heard();
      assertEquals([...new Set(started)], ["<189> errors [notice]", "<22> visits imap end"]);

      server.stop();
      const before = server.lines.length;
      server.start();
      await visit(port);
      await server.until(before + 1);
      assertEquals(heard(before), ["<22> visits imap end"]);
      await end();
      server.read();
      assert(heard(before).includes("<189> errors [notice]"));
      assert(server.lines.some((line) => line.endsWith(": exit")), server.lines.join("\n"));
    },
  );

  it("that nobody reads holds nothing up, and comes again by itself", UNIX_DATAGRAMS, async () => {
    const port = await freePort();
    server.stop();
    const { end, lines } = await install(`
      master_process off; error_log ${target}=errors info; error_log file info;
      mail { auth_http 127.0.0.1:${auth.port}; server { listen 127.0.0.1:${port}; protocol imap; } }`);
    for (let i = 0; i < 5; i++) await visit(port);
    const gone = () => lines("file").filter((line) => line.includes("proxied session done")).length;
    await eventually(() => gone() === 5, () => lines("file").join("\n"));
    server.start();
    assertEquals(server.read(), 0);
    await visit(port);
    await server.until(3);
    assertEquals(heard(), Array(3).fill("<190> errors [info]"));
    // Now there is somebody, who does not read any more.
    for (let i = 0; i < 20; i++) await visit(port);
    await end();
    const alert = `send() to syslog server "unix:${server.path}" failed (111: Connection refused), lines are lost`;
    assertEquals(lines("file").filter((line) => line.includes("[alert]")).map((line) => line.split("#0: ")[1]), [
      alert,
    ]);
  });

  it("whose path is too long is an error with its place", UNIX_DATAGRAMS, async () => {
    const path = `/${"n".repeat(107)}`;
    const failure = await install(`error_log syslog:server=unix:${path}; mail {}`).catch(String);
    const text = `too long path in the unix domain socket in syslog server "unix:${path}" in`;
    assert(String(failure).includes(text), String(failure));
  });
});
