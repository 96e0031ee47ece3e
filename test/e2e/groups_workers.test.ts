/** Several worker processes: a group's limits hold for all of them together, and for those that a reload starts. */

import { assertEquals } from "@std/assert";
import { afterEach, describe, it } from "node:test";
import { FakeDns } from "../support/fake_dns.ts";
import { freePort } from "../support/free_ports.ts";
import { installations } from "../support/installation.ts";
import { MoodyServer } from "../support/moody_server.ts";
import { Program, TestFolder } from "../support/program.ts";
import { connectTo } from "../support/raw_client.ts";
import { WORDS } from "../support/scene.ts";
import { eventually as until } from "../support/watch.ts";
import type { Wire } from "../support/wire.ts";

const install = installations();
const clients: Wire[] = [];
const started: { stop(): unknown }[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  for (const thing of started.splice(0).reverse()) await thing.stop();
});

/** Bun knows none of a whole suite. */
const LONG = { timeout: 180_000 };
const IN = "a OK AUTHENTICATE\r\n";
const FULL = WORDS.imap.internalError;

describe("a group that several workers have", () => {
  it("has as many connections as it may, all workers and a reload included", LONG, async () => {
    const folder = new TestFolder();
    started.push({ stop: () => folder.remove() });
    const server = await MoodyServer.start("imap");
    started.push(server);
    const port = await freePort();
    const file = folder.write(
      "postern.conf",
      `daemon off; worker_processes 2; error_log stderr notice; pid ${folder.path}/pid; events {}
       mail {
         upstream mail { server ${server.address} max_conns=4; server 127.0.0.1:1 down; }
         server { listen 127.0.0.1:${port}; protocol imap; proxy_pass mail; }
       }`,
    );
    const program = new Program(["-c", file]);
    started.push({
      stop: () => {
        program.signal("SIGTERM");
        return program.ending;
      },
    });
    await program.prints("start worker process ");
    for (let i = 0; i < 4; i++) assertEquals(await logIn(port), IN);
    await eventually(port, FULL, 6);
    program.signal("SIGHUP");
    await program.prints("reconfigured");
    await eventually(port, FULL, 6);
    clients[0]?.end();
    await clients[0]?.expectEnd(IN);
    await eventually(port, IN, 1);
  });

  it("is where the workers before a reload have found it while no name server answers", LONG, async () => {
    const server = await MoodyServer.start("imap");
    started.push(server);
    let isSilent = false;
    const dns = await FakeDns.start(({ name }) => {
      return isSilent ? undefined : { records: [{ name, ttl: 1, data: { type: "A", address: "127.0.0.1" } }] };
    });
    started.push({ stop: () => dns.close() });
    const port = await freePort();
    const proxy = await install(`
      worker_processes 2;
      error_log log notice;
      mail {
        upstream mail {
          resolver 127.0.0.1:${dns.address.port} ipv6=off; resolver_timeout 300s;
          server mail.test:${server.port} resolve;
        }
        server { listen 127.0.0.1:${port}; protocol imap; proxy_pass mail; }
      }
    `);
    assertEquals(await logIn(port), IN);
    isSilent = true;
    for (let reloads = 1; reloads <= 2; reloads++) {
      proxy.program.signal("SIGHUP");
      const reloaded = () => proxy.lines("log").filter((line) => line.endsWith("reconfigured")).length === reloads;
      await until(reloaded, () => proxy.lines("log").join("\n"), PATIENCE);
      for (let i = 0; i < 6; i++) assertEquals(await logIn(port), IN);
    }
    // No worker waited until its name server had failed.
    assertEquals(proxy.lines("log").filter((line) => line.includes("could not be resolved")), []);
  });
});

/** What a client hears. One that is let in stays. */
async function logIn(port: number): Promise<string> {
  const client = await connectTo(port);
  clients.push(client);
  await client.expect(WORDS.imap.greeting);
  client.send(WORDS.imap.login);
  await client.until(() => client.unread.endsWith("\r\n"), PATIENCE);
  return client.unread;
}

/** Workers tell each other things a moment later; then so many clients one after the other hear this. */
async function eventually(port: number, answer: string, times: number): Promise<void> {
  const end = performance.now() + PATIENCE;
  for (let count = 0; count < times; count++) {
    const heard = await logIn(port);
    const client = clients.pop();
    client?.end();
    await client?.expectEnd(heard);
    if (heard === answer) continue;
    if (performance.now() > end) assertEquals(heard, answer);
    count = -1;
  }
}

/** Many things may run beside this. */
const PATIENCE = 20_000;
