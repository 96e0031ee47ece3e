import { assert, assertEquals } from "@std/assert";
import { afterEach, describe, it } from "node:test";
import type { RecordData } from "../../src/dns/message.ts";
import { FakeDns } from "../support/fake_dns.ts";
import { MoodyServer } from "../support/moody_server.ts";
import { freePorts } from "../support/free_ports.ts";
import { load } from "../support/config.ts";
import { startProxy, type TestProxy } from "../support/proxy.ts";
import { connectTo } from "../support/raw_client.ts";
import { eventually } from "../support/watch.ts";

/** Everything that the tests have started. */
const started: { stop(): unknown }[] = [];
afterEach(async () => {
  for (const thing of started.splice(0).reverse()) await thing.stop();
});

async function servers(count: number): Promise<readonly MoodyServer[]> {
  const all = await Promise.all(Array.from({ length: count }, () => MoodyServer.start("imap")));
  started.push(...all);
  return all;
}

/** A name server whose zone a test changes. Names that are not in it do not exist; `undefined` is silence. */
async function zone(records: Readonly<Record<string, readonly RecordData[] | undefined>>) {
  const zone = new Map(Object.entries(records));
  const dns = await FakeDns.start(({ name, type }) => {
    const key = `${type} ${name}`;
    if (!zone.has(key)) return { rcode: 3 };
    const found = zone.get(key);
    return found && { records: found.map((data) => ({ name, ttl: 1, data })) };
  });
  started.push({ stop: () => dns.close() });
  return { zone, resolver: `resolver 127.0.0.1:${dns.address.port} ipv6=off;`, dns };
}

async function proxy(upstream: string): Promise<TestProxy> {
  const proxy = await startProxy(`
    upstream mail { ${upstream} }
    server { listen 127.0.0.1; protocol imap; proxy_pass mail; }
  `);
  started.push(proxy);
  return proxy;
}

/** What a client hears that logs in. */
async function login(proxy: TestProxy, port = proxy.ports[0] ?? 0): Promise<string> {
  const client = await connectTo(port);
  await client.expect("* OK IMAP4 ready\r\n");
  client.send("a LOGIN joe secret\r\n");
  await client.until(() => client.unread.includes("\r\n") || client.isOver);
  const { unread } = client;
  client.destroy();
  return unread;
}

async function logged(proxy: TestProxy, text: string): Promise<void> {
  await eventually(() => proxy.log.some((line) => line.includes(text)), () => proxy.log.join("\n"));
}

function srv(priority: number, weight: number, { port }: MoodyServer): RecordData {
  return { type: "SRV", priority, weight, port, target: "a.test" };
}

const NO_SERVER = "* BAD [UNAVAILABLE] internal server error\r\n";
const IN = "a OK AUTHENTICATE\r\n";
const HOME: readonly RecordData[] = [{ type: "A", address: "127.0.0.1" }];
const NOBODY: readonly RecordData[] = [{ type: "A", address: "127.0.0.9" }];

describe("a server of a group that is looked up again", { timeout: 180_000 }, () => {
  it("is where its name is now", async () => {
    const [server] = await servers(1);
    assert(server !== undefined);
    const { zone: records, resolver } = await zone({ "A mail.test": NOBODY });
    const at = await proxy(`${resolver} server mail.test:${server.port} resolve;`);
    assertEquals(await login(at), NO_SERVER);
    records.set("A mail.test", HOME);
    await logged(at, `mail.test is 127.0.0.1:${server.port}, upstream "mail"`);
    assertEquals(await login(at), IN);
  });

  it("stays where it was when its name cannot be looked up", async () => {
    const [server] = await servers(1);
    assert(server !== undefined);
    const { zone: records, resolver, dns } = await zone({ "A mail.test": HOME });
    const at = await proxy(`${resolver} server mail.test:${server.port} resolve;`);
    assertEquals(await login(at), IN);
    const asked = dns.heard.length;
    records.delete("A mail.test");
    await logged(
      at,
      'mail.test could not be resolved (3: Host not found), its servers stay as they are, upstream "mail"',
    );
    assertEquals(await login(at), IN);
    assertEquals(dns.heard.slice(asked), ["udp A mail.test"]);
  });

  it("stays where it was over a reload, though no name server answers any more", async () => {
    const [server] = await servers(1);
    assert(server !== undefined);
    const { zone: records, resolver } = await zone({ "A mail.test": HOME });
    const [port = 0] = await freePorts(1);
    const mail = `
      upstream mail { ${resolver} server mail.test:${server.port} resolve; }
      server { listen 127.0.0.1:${port}; protocol imap; proxy_pass mail; }
    `;
    const at = await startProxy(mail);
    started.push(at);
    records.set("A mail.test", undefined);
    const before = performance.now();
    await at.server.reload(load(`error_log stderr info; events {} mail { ${mail} }`));
    assert(performance.now() - before < 2900);
    assertEquals(await login(at), IN);
  });

  it("stays over a reload where its own group found it, and by its own name server", async () => {
    const [server] = await servers(1);
    assert(server !== undefined);
    const inside = await zone({ "A mail.test": HOME });
    const outside = await zone({ "A mail.test": NOBODY });
    const [port = 0, other = 0] = await freePorts(2);
    const named = `server mail.test:${server.port} resolve;`;
    const mail = (one: string, two: string) => `
      upstream one { ${one} ${named} }
      upstream two { ${two} ${named} }
      server { listen 127.0.0.1:${port}; protocol imap; proxy_pass one; }
      server { listen 127.0.0.1:${other}; protocol imap; proxy_pass two; }
    `;
    const at = await startProxy(mail(inside.resolver, outside.resolver));
    started.push(at);
    const reload = (mail: string) => at.server.reload(load(`error_log stderr info; events {} mail { ${mail} }`));
    inside.zone.set("A mail.test", undefined);
    outside.zone.set("A mail.test", undefined);
    await reload(mail(inside.resolver, outside.resolver));
    assertEquals([await login(at), await login(at, other)], [IN, NO_SERVER]);
    // What was found inside is nothing that the name servers outside have said.
    await reload(mail(outside.resolver, outside.resolver));
    assertEquals(await login(at), NO_SERVER);
  });

  it("is not waited for at the start for longer than a little", async () => {
    const { resolver } = await zone({ "A mail.test": undefined });
    const before = performance.now();
    const at = await proxy(`${resolver} server mail.test:1 resolve;`);
    const waited = performance.now() - before;
    assert(waited > 2900 && waited < 6000, `${waited} ms`);
    assertEquals(await login(at), NO_SERVER);
  });

  it("is several by SRV records: weights, backups, and where they are now", async () => {
    const [one, other, backup] = await servers(3);
    assert(one !== undefined && other !== undefined && backup !== undefined);
    const { zone: records, resolver } = await zone({
      "SRV _imap._tcp.example.test": [srv(10, 3, one), srv(10, 1, other), srv(20, 1, backup)],
      "A a.test": HOME,
    });
    const at = await proxy(`${resolver} server example.test service=imap resolve;`);
    for (let i = 0; i < 8; i++) assertEquals(await login(at), IN);
    assertEquals([one.logins, other.logins, backup.logins], [6, 2, 0]);
    await one.stop();
    await other.stop();
    assertEquals(await login(at), IN);
    assertEquals(backup.logins, 1);
    // RFC 2782: the root for a target says that there is no such service.
    records.set("SRV _imap._tcp.example.test", [{ type: "SRV", priority: 0, weight: 0, port: 0, target: "" }]);
    await logged(at, '_imap._tcp.example.test is nowhere, upstream "mail"');
    assertEquals(await login(at), NO_SERVER);
  });

  it("is checked as soon as it is there", async () => {
    const [one, other] = await servers(2);
    assert(one !== undefined && other !== undefined);
    const { zone: records, resolver } = await zone({
      "SRV _imap._tcp.example.test": [srv(0, 1, one)],
      "A a.test": HOME,
    });
    const at = await proxy(`${resolver} server example.test service=imap resolve; health_check interval=100ms;`);
    other.mood = "busy";
    records.set("SRV _imap._tcp.example.test", [srv(0, 1, one), srv(0, 1, other)]);
    await logged(at, `health check of 127.0.0.1:${other.port} in upstream "mail" failed: greeting "* BYE too busy"`);
    for (let i = 0; i < 4; i++) assertEquals(await login(at), IN);
    assertEquals([one.logins, other.logins], [4, 0]);
    // It is checked no more once it is gone.
    records.set("SRV _imap._tcp.example.test", [srv(0, 1, one)]);
    await logged(at, `_imap._tcp.example.test is 127.0.0.1:${one.port}, `);
    await eventually(() => at.log.at(-1)?.includes("is 127.0.0.1") ?? false, () => at.log.join("\n"));
    const { length } = other.told;
    const checked = one.told.length;
    await eventually(() => one.told.length > checked + 2, () => `${one.told.length}`);
    assertEquals(other.told.length, length);
  });
});
