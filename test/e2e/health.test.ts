import { assert, assertEquals } from "@std/assert";
import { afterEach, describe, it } from "node:test";
import { loadConfig } from "../../src/config/mod.ts";
import { freePorts } from "../support/free_ports.ts";
import { type MoodyProtocol, MoodyServer } from "../support/moody_server.ts";
import { startProxy, type TestProxy } from "../support/proxy.ts";
import { connectTo } from "../support/raw_client.ts";
import { eventually } from "../support/watch.ts";
import { type Wire, WireServer } from "../support/wire.ts";

/** Everything that the tests have started. */
const started: { stop(): unknown }[] = [];
afterEach(async () => {
  for (const thing of started.splice(0).reverse()) await thing.stop();
});

async function servers(...protocols: readonly MoodyProtocol[]): Promise<readonly MoodyServer[]> {
  const all = await Promise.all(protocols.map((protocol) => MoodyServer.start(protocol)));
  started.push(...all);
  return all;
}

async function proxy(mail: string): Promise<TestProxy> {
  const proxy = await startProxy(mail);
  started.push(proxy);
  return proxy;
}

/** The log has had such a line. */
async function logged(proxy: TestProxy, text: string, count = 1): Promise<void> {
  const lines = () => proxy.log.filter((line) => line.includes(text));
  await eventually(() => lines().length >= count, () => proxy.log.join("\n"));
}

/** The checks' lines in the log. */
function checks({ log }: TestProxy): readonly string[] {
  return log.filter((line) => line.includes("health check"));
}

/** A client that has logged in. */
async function login(proxy: TestProxy): Promise<Wire> {
  const client = await connectTo(proxy.ports[0] ?? 0);
  await client.expect("* OK IMAP4 ready\r\n");
  await client.ask("a LOGIN joe secret\r\n", "a OK AUTHENTICATE\r\n");
  return client;
}

function imapGroup(addresses: readonly string[], more = ""): string {
  return `
    upstream mail { ${addresses.map((address) => `server ${address};`).join(" ")} ${more} }
    server { listen 127.0.0.1; protocol imap; proxy_pass mail; }
  `;
}

describe("health checks", () => {
  it("keep sessions from a server that is gone, until it is back", async () => {
    const [one, other] = await servers("imap", "imap");
    assert(one !== undefined && other !== undefined);
    const mail = imapGroup([`${one.address} max_fails=0`, other.address], "health_check interval=100ms;");
    const server = await proxy(mail);
    await one.stop();
    await logged(
      server,
      `health check of ${one.address} in upstream "mail" failed: connect() failed (111: Connection refused)`,
    );
    for (let i = 0; i < 6; i++) await (await login(server)).end();
    assertEquals(other.logins, 6);
    await one.revive();
    await logged(server, `health check of ${one.address} in upstream "mail" passed: it gets sessions`);
    for (let i = 0; i < 6; i++) await (await login(server)).end();
    assertEquals([one.logins, other.logins], [3, 9]);
    // Both changes were told once, and no session has tried a server in vain.
    assertEquals(checks(server).length, 2);
    assertEquals(server.log.filter((line) => line.startsWith("error ") && !line.includes("health check")), []);
  });

  it("leave the sessions of a server that hangs alone, and send it no more", async () => {
    const [one, other] = await servers("imap", "imap");
    assert(one !== undefined && other !== undefined);
    const mail = imapGroup(
      [one.address, `${other.address} backup`],
      "health_check interval=100ms; health_check_timeout 1s;",
    );
    const server = await proxy(mail);
    const client = await login(server);
    assertEquals(one.logins, 1);
    one.mood = "silent";
    await logged(
      server,
      `health check of ${one.address} in upstream "mail" failed: no greeting within 1s: it gets no sessions`,
    );
    await (await login(server)).end();
    assertEquals([one.logins, other.logins], [1, 1]);
    await client.ask("b NOOP\r\n", "b OK NOOP\r\n");
    client.end();
  });

  it("speak each protocol and leave in good manners", async () => {
    for (const [protocol, refusal] of Object.entries(REFUSALS)) {
      const [server] = await servers(protocol as MoodyProtocol);
      assert(server !== undefined);
      const checked = await proxy(`
        upstream mail { server ${server.address}; }
        server { listen 127.0.0.1; protocol ${protocol}; proxy_pass mail; health_check interval=100ms; }
      `);
      const words = DIALOGUES[server.protocol];
      await eventually(() => server.count(words) >= 2, () => JSON.stringify(server.told));
      server.mood = "busy";
      await logged(checked, `failed: greeting "${refusal}": it gets no sessions`);
      server.mood = "well";
      await logged(checked, "passed: it gets sessions");
    }
  });

  it("keep servers from sessions until they have passed, where that is mandatory", async () => {
    const [one] = await servers("imap");
    assert(one !== undefined);
    one.mood = "silent";
    const server = await proxy(
      imapGroup([one.address], "health_check interval=100ms mandatory; health_check_timeout 1s;"),
    );
    const early = await connectTo(server.ports[0] ?? 0);
    await early.expect("* OK IMAP4 ready\r\n");
    early.send("a LOGIN joe secret\r\n");
    await early.until(() => early.unread.includes("UNAVAILABLE"));
    assertEquals(one.logins, 0);
    one.mood = "well";
    await logged(server, "passed: it gets sessions");
    await (await login(server)).end();
    assertEquals(one.logins, 1);
  });

  it("begin with a PROXY header where sessions do", async () => {
    for (const [version, header] of Object.entries(HEADERS)) {
      const upstream = await WireServer.start(() => {});
      started.push(upstream);
      await proxy(`
        upstream mail { server 127.0.0.1:${upstream.port}; }
        server { listen 127.0.0.1; protocol imap; proxy_pass mail; proxy_protocol ${version}; health_check; }
      `);
      const wire = await upstream.wire(0);
      await wire.until(() => header.test(wire.unread));
    }
  });

  it("know after a reload what they have found before it, and forget it where there are none any more", async () => {
    const [one, other] = await servers("imap", "imap");
    assert(one !== undefined && other !== undefined);
    const [port = 0] = await freePorts(1);
    const mail = (more: string) => `
      upstream mail { server ${one.address}; server ${other.address}; ${more} }
      server { listen 127.0.0.1:${port}; protocol imap; proxy_pass mail; }
    `;
    const load = (more: string) => {
      const text = `error_log stderr info; events {} mail { ${mail(more)} }`;
      const files = { read: () => NOT_THERE, list: () => NOT_THERE };
      return loadConfig({ path: "/test/nginx.conf", text, files, prefix: "/test/", hostname: "test" });
    };
    const server = await proxy(mail("health_check interval=100ms;"));
    one.mood = "busy";
    await logged(server, "it gets no sessions");
    await server.server.reload(load("health_check interval=1h;"));
    for (let i = 0; i < 3; i++) await (await login(server)).end();
    assertEquals([one.logins, other.logins], [0, 3]);
    assertEquals(checks(server).length, 1);
    one.mood = "well";
    await server.server.reload(load(""));
    const { length } = one.told;
    for (let i = 0; i < 2; i++) await (await login(server)).end();
    assertEquals([one.logins, other.logins], [1, 4]);
    // Nobody checks any more: what it was told since then was told by one session.
    assertEquals(one.told.length, length + 1);
  });
});

const NOT_THERE = { number: 2, text: "No such file or directory" };

const REFUSALS = { imap: "* BYE too busy", pop3: "-ERR [SYS/TEMP] too busy", smtp: "421 4.3.2 too busy" };

const DIALOGUES = {
  imap: ["h CAPABILITY", "h LOGOUT"],
  pop3: ["CAPA", "QUIT"],
  smtp: ["EHLO test", "QUIT"],
};

const HEADERS = {
  on: /^PROXY TCP4 127\.0\.0\.1 127\.0\.0\.1 \d+ \d+\r\n$/,
  // PROXY, 2.2: version 2, LOCAL.
  v2: /^\r\n\r\n\0\r\nQUIT\n\x20/,
};
