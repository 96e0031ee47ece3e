/** Groups of servers: wherever a server can be named a group can, and what it does holds for real sessions. */

import { readFileSync } from "node:fs";
import { assertEquals } from "@std/assert";
import { afterEach, describe, it } from "node:test";
import { accept, FakeAuth } from "../support/fake_auth.ts";
import { CHECKING, FakeUpstream, type Script } from "../support/fake_upstream.ts";
import { startProxy, type TestProxy } from "../support/proxy.ts";
import { connectTo } from "../support/raw_client.ts";
import { type Protocol, PROTOCOLS, SECRET, WORDS } from "../support/scene.ts";
import { eventually } from "../support/watch.ts";
import { freePorts } from "../support/free_ports.ts";
import { TestFolder } from "../support/program.ts";
import type { Wire } from "../support/wire.ts";

const running: { stop(): Promise<void> }[] = [];
const clients: Wire[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  for (const each of running.splice(0).reverse()) await each.stop();
});

async function servers(count: number, script: Script): Promise<FakeUpstream[]> {
  const all: FakeUpstream[] = [];
  for (let i = 0; i < count; i++) all.push(await FakeUpstream.start(script));
  running.push(...all);
  return all;
}

async function proxyWith(mail: string): Promise<TestProxy> {
  const proxy = await startProxy(mail);
  running.push(proxy);
  return proxy;
}

/** A client that is logged in, or has heard that it cannot be. */
async function enter(proxy: TestProxy, protocol: Protocol, answer = WORDS[protocol].welcome): Promise<Wire> {
  const { greeting, login, heard } = WORDS[protocol];
  const client = await connectTo(proxy.ports[0] ?? 0);
  clients.push(client);
  await client.expect(greeting);
  await client.ask(login, heard + answer);
  return client;
}

/** How many connections each has had. */
function counts(all: readonly FakeUpstream[]): number[] {
  return all.map(({ wires }) => wires.length);
}

function group(name: string, all: readonly FakeUpstream[], more = ""): string {
  return `upstream ${name} { ${more} ${all.map(({ port }) => `server 127.0.0.1:${port};`).join(" ")} }`;
}

describe("a group", () => {
  for (const protocol of PROTOCOLS) {
    it(`spreads ${protocol} sessions over its servers`, async () => {
      const all = await servers(3, CHECKING[protocol]);
      const server = `server { listen 127.0.0.1; protocol ${protocol}; proxy_pass mail; }`;
      const proxy = await proxyWith(`${group("mail", all)} ${server}`);
      for (let i = 0; i < 6; i++) await enter(proxy, protocol);
      assertEquals(counts(all), [2, 2, 2]);
    });
  }

  it("may be named by a variable", async () => {
    const [north, south] = [await servers(1, CHECKING.imap), await servers(2, CHECKING.imap)];
    const proxy = await proxyWith(`
      map $auth_user $where { default north; joe South; }
      ${group("north", north)} ${group("south", south)}
      server { listen 127.0.0.1; protocol imap; proxy_pass $where; }
    `);
    for (let i = 0; i < 4; i++) await enter(proxy, "imap");
    assertEquals([counts(north), counts(south)], [[0], [2, 2]]);
  });

  it("may be named by an auth server", async () => {
    const all = await servers(2, WORDS.pop3.upstream);
    const auth = await FakeAuth.start("Auth-Status: OK\r\nAuth-Server: Mail\r\n");
    running.push(auth);
    const proxy = await proxyWith(`
      ${group("mail", all)}
      server { listen 127.0.0.1; protocol pop3; auth_http 127.0.0.1:${auth.port}; }
    `);
    for (let i = 0; i < 4; i++) await enter(proxy, "pop3");
    assertEquals(counts(all), [2, 2]);
    auth.answer = accept(all[0]?.port ?? 0);
    await enter(proxy, "pop3");
    assertEquals(counts(all), [3, 2]);
  });

  it("may be named in a users file, and its servers in an access log", async () => {
    const folder = new TestFolder();
    running.push({ stop: () => Promise.resolve(folder.remove()) });
    const [dead] = await freePorts(1);
    const all = await servers(1, WORDS.imap.upstream);
    const users = folder.write("users", `joe:{PLAIN}${SECRET}:Mail\n`);
    const proxy = await proxyWith(`
      upstream mail { server 127.0.0.1:${dead}; server 127.0.0.1:${all[0]?.port}; }
      log_format where "$auth_user $upstream_addr";
      access_log ${folder.path}/access.log where;
      server { listen 127.0.0.1; protocol imap; auth_users_file ${users}; }
    `);
    const client = await enter(proxy, "imap");
    client.end();
    await client.expectEnd();
    assertEquals(counts(all), [1]);
    const written = () => readFileSync(`${folder.path}/access.log`, "latin1");
    await eventually(() => written() !== "", written);
    assertEquals(written(), `joe 127.0.0.1:${dead}, 127.0.0.1:${all[0]?.port}\n`);
  });

  it("has as many sessions as max_conns says, and no more", async () => {
    const all = await servers(2, CHECKING.imap);
    const lines = all.map(({ port }, i) => `server 127.0.0.1:${port} max_conns=${i + 1};`).join(" ");
    const proxy = await proxyWith(`
      upstream mail { ${lines} }
      server { listen 127.0.0.1; protocol imap; proxy_pass mail; }
    `);
    for (let i = 0; i < 3; i++) await enter(proxy, "imap");
    assertEquals(counts(all), [1, 2]);
    await enter(proxy, "imap", WORDS.imap.internalError);
    const tail = `client: 127.0.0.1, server: 127.0.0.1:0, login: "joe", upstream: mail`;
    assertEquals(proxy.log.at(-1), `error no live upstreams while connecting to upstream, ${tail}`);
    clients[0]?.end();
    await clients[0]?.expectEnd();
    await enter(proxy, "imap");
    assertEquals(counts(all), [2, 2]);
  });
});
