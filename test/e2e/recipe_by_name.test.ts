import { after, before, describe, it } from "node:test";
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { RecordData } from "../../src/dns/message.ts";
import { needs } from "../support/clients.ts";
import { Dovecot } from "../support/dovecot.ts";
import { FakeDns } from "../support/fake_dns.ts";
import { freePorts } from "../support/free_ports.ts";
import { type Installation, installations } from "../support/installation.ts";
import { MoodyServer } from "../support/moody_server.ts";
import { connectTo } from "../support/raw_client.ts";
import { fitted, recipe } from "../support/recipes.ts";
import { eventually } from "../support/watch.ts";

const REAL = needs("dovecot 2.3");

describe("the recipe for servers that come and go, and are looked after", () => {
  const install = installations();
  let dovecot: Dovecot | undefined;
  let spare: MoodyServer | undefined;
  let dns: FakeDns | undefined;
  before(async () => {
    if (REAL.skip !== false) return;
    dovecot = await Dovecot.start({ users: { joe: "secret" } });
    spare = await MoodyServer.start("imap");
    const records: Readonly<Record<string, readonly RecordData[]>> = {
      "SRV _imap._tcp.example.com": [
        { type: "SRV", priority: 10, weight: 2, port: dovecot.ports.imap, target: "imap1.example.com" },
        { type: "SRV", priority: 20, weight: 1, port: spare.port, target: "spare.example.com" },
      ],
      "A imap1.example.com": [{ type: "A", address: "127.0.0.1" }],
      "A spare.example.com": [{ type: "A", address: "127.0.0.1" }],
    };
    dns = await FakeDns.start(({ type, name }) => {
      return { records: (records[`${type} ${name}`] ?? []).map((data) => ({ name, ttl: 300, data })) };
    });
  }, REAL);
  after(async () => {
    await dovecot?.stop();
    await spare?.stop();
    await dns?.close();
  });

  it("works as it is written", REAL, async () => {
    assert(dovecot !== undefined && spare !== undefined && dns !== undefined);
    const [port = 0] = await freePorts(1);
    const text = fitted(recipe("by-name"), {
      addresses: { "192.0.2.53": `127.0.0.1:${dns.address.port}` },
      paths: {},
      ports: [port],
    });
    const proxy = await install(text.replace("pid postern.pid;\nevents {}", "error_log log notice;"));
    assertMatch(await login(port), /^a OK \[CAPABILITY .*Logged in\r\n$/);
    await dovecot.until(/imap-login: Info: .*Aborted login by logging out/);
    const { imap } = dovecot.ports;
    await dovecot.stop();
    assertEquals(await login(port), "a OK AUTHENTICATE\r\n");
    await logged(
      proxy,
      `health check of 127.0.0.1:${imap} in upstream "imap" failed: connect() failed (111: Connection refused)`,
    );
    assertEquals(await login(port), "a OK AUTHENTICATE\r\n");
  });
});

/** What a client hears that logs in. */
async function login(port: number): Promise<string> {
  const client = await connectTo(port);
  await client.expect("* OK IMAP4 ready\r\n");
  client.send("a LOGIN joe secret\r\n");
  await client.until(() => /^[a*] .*\r\n$/.test(client.unread) || client.isOver);
  const { unread } = client;
  client.destroy();
  return unread;
}

async function logged(proxy: Installation, text: string): Promise<void> {
  const lines = () => proxy.lines("log").filter((line) => line.includes("health"));
  await eventually(() => lines().some((line) => line.includes(text)), () => lines().join("\n"), 30_000);
}
