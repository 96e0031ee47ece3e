import { assertEquals } from "@std/assert";
import { readFileSync } from "node:fs";
import process from "node:process";
import { describe, it } from "node:test";
import { needs } from "../support/clients.ts";
import { accept, FakeAuth } from "../support/fake_auth.ts";
import { FakeUpstream, IMAP_LOGIN } from "../support/fake_upstream.ts";
import { freePorts } from "../support/free_ports.ts";
import { LazyWorker } from "../support/lazy_worker.ts";
import { TestFolder } from "../support/program.ts";
import { connectTo } from "../support/raw_client.ts";
import { RestlessClients } from "../support/restless_clients.ts";
import { WORDS } from "../support/scene.ts";
import { ServiceManager } from "../support/service_manager.ts";
import { eventually } from "../support/watch.ts";
import type { Wire } from "../support/wire.ts";

const LIMIT = { ...needs("python3"), timeout: 180_000 };

describe("with sockets that the service manager holds", () => {
  for (const master of ["on", "off"]) {
    it(`restarts of the whole program refuse nobody and cut nobody off, master_process ${master}`, LIMIT, async () => {
      const folder = new TestFolder();
      const upstream = await FakeUpstream.start(IMAP_LOGIN);
      const auth = await FakeAuth.start(accept(upstream.port));
      const [port = 0] = await freePorts(1);
      const path = folder.write("nginx.conf", configuration(folder, `127.0.0.1:${port}`, auth.port, master));
      const manager = await ServiceManager.start(port, "-c", path);
      const clients = new RestlessClients(port, 4);
      for (let restarts = 1; restarts <= 3; restarts++) {
        await clients.more(4);
        process.kill(Number(readFileSync(`${folder.path}/pid`, "latin1")), "SIGQUIT");
        await manager.started(1 + restarts);
      }
      await clients.more(4);
      await clients.stop();
      assertEquals(clients.failures, []);
      await manager.stop();
      for (const server of [auth, upstream]) await server.stop();
      folder.remove();
    });
  }

  it(
    "takes unix sockets, reloads, survives its only worker, and tells of sockets that nobody asked for",
    LIMIT,
    async () => {
      const folder = new TestFolder();
      const socket = `${folder.path}/socket`;
      const [port = 0] = await freePorts(1);
      const path = folder.write("nginx.conf", configuration(folder, `unix:${socket}`, 1, "on"));
      const manager = await ServiceManager.start(socket, "-c", path);
      const greeted = async () => {
        const client = await connectTo({ path: socket });
        await client.expect(WORDS.imap.greeting);
        client.destroy();
      };
      await greeted();
      const pid = Number(readFileSync(`${folder.path}/pid`, "latin1"));
      process.kill(pid, "SIGHUP");
      await logged(manager, "reconfigured", 1);
      await greeted();
      const worker = Number([...manager.log.matchAll(/start worker process (\d+)/g)].at(-1)?.[1]);
      process.kill(worker, "SIGKILL");
      await logged(manager, "exited on signal 9", 1);
      await greeted();

      folder.write("nginx.conf", configuration(folder, `127.0.0.1:${port}`, 1, "on"));
      process.kill(pid, "SIGHUP");
      await logged(manager, `inherited socket unix ${socket} (descriptor 3) is of no "listen" directive`, 1);
      await manager.stop();
      folder.remove();
    },
  );

  for (const master of ["on", "off"]) {
    it(`a socket that a reload drops is nobody's until the next start, master_process ${master}`, LIMIT, async () => {
      const folder = new TestFolder();
      const socket = `${folder.path}/socket`;
      const [port = 0] = await freePorts(1);
      const listens = [`unix:${socket}`, `127.0.0.1:${port}`] as const;
      const configure = (...listens: readonly string[]) =>
        folder.write("nginx.conf", configuration(folder, listens.join("; listen "), 1, master));
      const manager = await ServiceManager.start(socket, "-c", configure(...listens));
      const pid = Number(readFileSync(`${folder.path}/pid`, "latin1"));
      const clients: Wire[] = [];
      const greet = async (target: number | { readonly path: string }) => {
        const client = await connectTo(target);
        clients.push(client);
        await client.expect(WORDS.imap.greeting);
      };
      await greet({ path: socket });
      configure(listens[1]);
      process.kill(pid, "SIGHUP");
      await logged(manager, ": reconfigured", 1);
      // Their descriptors have the numbers that are free.
      for (let count = 0; count < 8; count++) await greet(port);

      configure(...listens);
      for (let times = 1; times <= 2; times++) {
        process.kill(pid, "SIGHUP");
        await logged(manager, "still could not bind()", times);
      }
      assertEquals(manager.log.split(`bind() to unix:${socket} failed (98: Address already in use)`).length - 1, 10);
      for (const client of clients) {
        client.send("a NOOP\r\n");
        await client.expect("a OK completed\r\n");
      }
      for (const client of clients) client.destroy();
      process.kill(pid, "SIGTERM");
      await manager.started(2);
      await greet({ path: socket });
      clients.at(-1)?.destroy();
      await manager.stop();
      folder.remove();
    });
  }

  it("serves a client of whom only another process was told, which does nothing", LIMIT, async () => {
    const folder = new TestFolder();
    const [port = 0] = await freePorts(1);
    const path = folder.write("nginx.conf", configuration(folder, `127.0.0.1:${port}`, 1, "on"));
    const lazy = await LazyWorker.start(port, "-c", path);
    const clients: Wire[] = [];
    try {
      // Each of the two is the first to be woken for some.
      while (lazy.woken < 3) {
        const client = await connectTo({ port, from: "127.0.0.1" });
        clients.push(client);
        await client.expect(WORDS.imap.greeting);
      }
    } finally {
      for (const client of clients) client.destroy();
      await lazy.stop();
      folder.remove();
    }
  });
});

function configuration(folder: TestFolder, listen: string, auth: number, master: string): string {
  return `daemon off; master_process ${master}; pid ${folder.path}/pid; error_log stderr notice; events {}
    mail { auth_http 127.0.0.1:${auth}; server { listen ${listen}; protocol imap; } }`;
}

async function logged(manager: ServiceManager, text: string, times: number): Promise<void> {
  const count = () => manager.log.split(text).length - 1;
  await eventually(() => count() >= times, () => manager.log.slice(-2000), 60_000);
}
