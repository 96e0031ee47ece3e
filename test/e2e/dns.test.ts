import { spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { after, before, beforeEach, describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { loadRuntime } from "../../adapters/detect.ts";
import type { Addresses, DnsRuntime, HostName, ResolverOptions, Services } from "../../src/dns/mod.ts";
import { resolveClientHost, Resolver } from "../../src/dns/mod.ts";
import type { Octets, Runtime, SystemFailure } from "../../src/runtime.ts";
import { FakeDns } from "../support/fake_dns.ts";
import type { Query, Reply } from "../support/dns_wire.ts";
import type { RecordData } from "../../src/dns/message.ts";

const MANY = Array.from({ length: 100 }, (_, i) => `192.0.2.${i}`);

/** What the name server knows. */
const ZONE: Readonly<Record<string, readonly RecordData[]>> = {
  "A mail.test": [{ type: "A", address: "127.0.0.1" }, { type: "A", address: "192.0.2.1" }],
  "AAAA mail.test": [{ type: "AAAA", address: "2001:db8::1" }],
  "A alias.test": [{ type: "CNAME", target: "mail.test" }],
  "A many.test": MANY.map((address) => ({ type: "A", address })),
  "PTR 1.0.0.127.in-addr.arpa": [{ type: "PTR", target: "mail.test" }],
  "PTR 2.0.0.127.in-addr.arpa": [{ type: "PTR", target: "mail.test" }],
  "PTR 3.0.0.127.in-addr.arpa": [{ type: "PTR", target: "evil\r\nHeader: x" }],
  "SRV _imap._tcp.test": [{ type: "SRV", priority: 1, weight: 2, port: 143, target: "mail.test" }],
};

function answer({ type, name }: Query, transport: "udp" | "tcp"): Reply | undefined {
  if (name === "silent.test") return undefined;
  if (name === "many.test" && transport === "udp") return { isTruncated: true };
  const data = ZONE[`${type} ${name}`];
  const exists = Object.keys(ZONE).some((key) => key.endsWith(` ${name}`));
  if (data === undefined) return { rcode: exists ? 0 : 3 };
  return { records: data.map((data) => ({ name, ttl: 300, data })) };
}

describe("a resolver and a name server", () => {
  let runtime: Runtime;
  let dns: FakeDns;

  before(async () => {
    runtime = await loadRuntime();
    dns = await FakeDns.start(answer);
  });

  beforeEach(() => {
    dns.heard.length = 0;
    dns.isBesieged = false;
  });

  after(() => dns.close());

  function resolverOf(changes: Partial<ResolverOptions> = {}, at: DnsRuntime = runtime): Resolver {
    const defaults = { servers: [dns.address], timeout: 4000, valid: undefined, ipv4: true, ipv6: true };
    return new Resolver({ ...defaults, ...changes }, at);
  }

  function lookup(resolver: Resolver, name: Octets): Promise<Addresses | SystemFailure> {
    return new Promise((resolve) => resolver.lookup(name, resolve));
  }

  it("finds the addresses of a name, and asks once only", async () => {
    const resolver = resolverOf();
    const addresses = ["127.0.0.1", "192.0.2.1", "2001:db8::1"];
    const found = await Promise.all([lookup(resolver, "mail.test"), lookup(resolver, "MAIL.test")]);
    assertEquals(found, Array(2).fill({ addresses, ttl: 300_000, missing: undefined }));
    const again = await lookup(resolver, "mail.test");
    assertEquals("addresses" in again ? again.addresses : again, addresses);
    assertEquals(dns.heard.sort(), ["udp A mail.test", "udp AAAA mail.test"]);
  });

  it("follows an alias and finds services", async () => {
    const resolver = resolverOf({ ipv6: false });
    const found = await lookup(resolver, "alias.test");
    assertEquals("addresses" in found ? found.addresses : found, ["127.0.0.1", "192.0.2.1"]);
    const services = await new Promise<Services | SystemFailure>((resolve) => {
      resolver.services("_imap._tcp.test", resolve);
    });
    assertEquals(services, { services: [{ priority: 1, weight: 2, port: 143, target: "mail.test" }], ttl: 300_000 });
  });

  it("goes over to TCP for a long answer", async () => {
    const found = await lookup(resolverOf({ ipv6: false }), "many.test");
    assertEquals("addresses" in found ? found.addresses : found, MANY);
    assertEquals(dns.heard, ["udp A many.test", "tcp A many.test"]);
  });

  it("says what is not there, and what does not answer", async () => {
    assertEquals(await lookup(resolverOf(), "nobody.test"), { number: 3, text: "Host not found" });
    assertEquals(await lookup(resolverOf({ timeout: 50 }), "silent.test"), {
      number: 110,
      text: "Operation timed out",
    });
  });

  it("takes the next server when one is not there or silent", async () => {
    const gone = await FakeDns.start(() => undefined);
    const silent = await FakeDns.start(() => undefined);
    const servers = [gone.address, silent.address, dns.address];
    await gone.close();
    const hasty = { ...runtime, timer: (delay: number, fire: () => void) => runtime.timer(delay / 10, fire) };
    const found = await lookup(resolverOf({ servers, ipv6: false, timeout: 100_000 }, hasty), "mail.test");
    assertEquals("addresses" in found ? found.addresses : found, ["127.0.0.1", "192.0.2.1"]);
    assertEquals(silent.heard, ["udp A mail.test"]);
    await silent.close();
  });

  it("does not believe strangers", async () => {
    dns.isBesieged = true;
    const found = await lookup(resolverOf(), "mail.test");
    assertEquals("addresses" in found ? found.addresses.length : found, 3);
  });

  it("answers a hundred at once", async () => {
    const resolver = resolverOf({ ipv6: false });
    const names = Array.from({ length: 100 }, (_, i) => `n${i}.test`);
    const found = await Promise.all(names.map((name) => lookup(resolver, name)));
    assertEquals(found, Array(100).fill({ number: 3, text: "Host not found" }));
    assertEquals(dns.heard.length, 100);
  });

  it("finds the name of a client, or why it has none", async () => {
    const lines: string[] = [];
    const nameOf = (host: string) => {
      return new Promise<Octets>((resolve) => {
        const client = { family: 4, host, port: 40000 } as const;
        resolveClientHost(client, { resolver: resolverOf(), note: (text) => lines.push(text) }, resolve);
      });
    };
    assertEquals([await nameOf("127.0.0.1"), lines], ["mail.test", []]);
    assertEquals([await nameOf("127.0.0.2"), lines], ["[UNAVAILABLE]", []]);
    assertEquals(await nameOf("127.0.0.3"), "[TEMPUNAVAIL]");
    assertEquals(await nameOf("127.0.0.4"), "[UNAVAILABLE]");
    assertEquals(lines, [
      '127.0.0.3 resolved to invalid host name "evil\\013\\010header:\\032x"',
      "127.0.0.4 could not be resolved (3: Host not found)",
    ]);
    const found = await new Promise<HostName | SystemFailure>((resolve) => resolverOf().reverse("127.0.0.1", resolve));
    assertEquals(found, { name: "mail.test", ttl: 300_000 });
  });

  it("leave nothing behind that keeps a program alive", { timeout: 180_000 }, async () => {
    const script = fileURLToPath(new URL("../support/dns_client.ts", import.meta.url));
    const flags = "Deno" in globalThis ? ["run", "-A", "--no-check", "--node-modules-dir=manual"] : [];
    const child = spawn(process.execPath, [...flags, script, `${dns.address.port}`], {
      stdio: ["ignore", "pipe", "inherit"],
      timeout: 15_000,
    });
    let out = "";
    child.stdout.on("data", (bytes) => out += bytes);
    const code = await new Promise((resolve) => child.on("close", resolve));
    const expected = JSON.stringify({ addresses: ["127.0.0.1", "192.0.2.1"], ttl: 300_000 });
    assertEquals([code, out], [0, `${expected}\n`]);
  });
});
