import { assert, assertEquals } from "@std/assert";
import process from "node:process";
import { afterEach, describe, it } from "node:test";
import { freePorts } from "../support/free_ports.ts";
import { type Installation, installations } from "../support/installation.ts";
import { MoodyServer } from "../support/moody_server.ts";
import { connectTo } from "../support/raw_client.ts";
import { eventually } from "../support/watch.ts";

/** Several processes need their time on a busy machine. */
const PATIENCE = 30_000;

/** Bun knows none of a whole suite. */
const LONG = { timeout: 180_000 };

describe("health checks of several worker processes", LONG, () => {
  const install = installations();
  const servers: MoodyServer[] = [];
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.stop();
  });

  it("are made by one of them for all, and by another one when that is gone", LONG, async () => {
    const [one, other] = [await MoodyServer.start("imap"), await MoodyServer.start("imap")];
    servers.push(one, other);
    const [port = 0] = await freePorts(1);
    const proxy = await install(`
      worker_processes 2;
      error_log log notice;
      mail {
        upstream mail { server ${one.address}; server ${other.address}; health_check interval=200ms; }
        server { listen 127.0.0.1:${port}; protocol imap; proxy_pass mail; }
      }
    `);
    await eventually(() => one.arrivals.length > 8, () => `${one.arrivals.length} checks`, PATIENCE);
    // Both together would ask twice as often as that.
    const gaps = one.arrivals.slice(1).map((time, i) => time - (one.arrivals[i] ?? 0));
    assertEquals(gaps.filter((gap) => gap < 190), []);

    one.mood = "busy";
    const [first = 0] = await checkers(proxy, "it gets no sessions");
    const { length } = one.arrivals;
    await eventually(() => one.arrivals.length > length + 2, () => `${one.arrivals.length} checks`, PATIENCE);
    for (let i = 0; i < 12; i++) await login(port);
    assertEquals([one.logins, other.logins], [0, 12]);
    assertEquals(proxy.lines("log").filter((line) => line.includes("upstream sent")), []);

    process.kill(first, "SIGKILL");
    await proxy.logs("log", `worker process ${first} exited on signal 9`);
    one.mood = "well";
    const [next = 0] = await checkers(proxy, "it gets sessions");
    assert(next !== first);
    // Each change was told by one worker.
    assertEquals(proxy.lines("log").filter((line) => line.includes("health check")).length, 2);
  });

  it("are known to the next process after a reload, which need not find it all out again", LONG, async () => {
    const [one, other] = [await MoodyServer.start("imap"), await MoodyServer.start("imap")];
    servers.push(one, other);
    one.mood = "busy";
    const [port = 0] = await freePorts(1);
    const proxy = await install(`
      worker_processes 1;
      error_log log notice;
      mail {
        upstream mail { server ${one.address}; server ${other.address}; health_check interval=1s; }
        server { listen 127.0.0.1:${port}; protocol imap; proxy_pass mail; }
      }
    `);
    await checkers(proxy, "it gets no sessions");
    // A new process has as long to hear what is known as the interval is, and half a second at the most.
    for (let reloads = 1; reloads <= 2; reloads++) {
      proxy.program.signal("SIGHUP");
      const reloaded = () => proxy.lines("log").filter((line) => line.endsWith("reconfigured")).length === reloads;
      await eventually(reloaded, () => proxy.lines("log").join("\n"), PATIENCE);
      const { length } = one.arrivals;
      await eventually(() => one.arrivals.length > length + 1, () => `${one.arrivals.length} checks`, PATIENCE);
    }
    for (let i = 0; i < 4; i++) await login(port);
    assertEquals([one.logins, other.logins], [0, 4]);
    const log = proxy.lines("log");
    assertEquals(log.filter((line) => line.includes("health check")).length, 1, log.join("\n"));
  });
});

/** The processes that have said this of a check; at least one. */
async function checkers(proxy: Installation, text: string): Promise<readonly number[]> {
  const found = () => proxy.lines("log").flatMap((line) => line.endsWith(text) ? [/\] (\d+)#/.exec(line)?.[1]] : []);
  await eventually(() => found().length > 0, () => proxy.lines("log").join("\n"), PATIENCE);
  return found().map(Number);
}

async function login(port: number): Promise<void> {
  const client = await connectTo(port);
  await client.expect("* OK IMAP4 ready\r\n");
  await client.ask("a LOGIN joe secret\r\n", "a OK AUTHENTICATE\r\n");
  client.destroy();
}
