import { after, before, describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { execFileSync, spawn } from "node:child_process";
import { POP3_LOGIN } from "../support/fake_upstream.ts";
import type { TestProxy } from "../support/proxy.ts";
import { type Protocol, PROTOCOLS, WORDS } from "../support/scene.ts";
import { clientHello, TlsRelay } from "../support/tls_relay.ts";
import { START_TLS, TlsScene } from "../support/tls_scene.ts";
import { connectTls } from "../support/tls_wire.ts";
import { eventually } from "../support/watch.ts";
import type { Wire } from "../support/wire.ts";

const SLOW = { timeout: 180_000 };

/** How a client comes to TLS. */
const WAYS = ["from the first octet", "after STARTTLS"] as const;
type Way = typeof WAYS[number];

/** What is no handshake. */
const NONSENSE: readonly [string, string][] = [
  ["zeros", "\0".repeat(600)],
  ["all octets", String.fromCharCode(...Array.from({ length: 256 }, (_, octet) => octet)).repeat(4)],
  ["a command", "EHLO client.example\r\nQUIT\r\n"],
  ["a request of HTTP", "GET / HTTP/1.1\r\nHost: mail.example.test\r\n\r\n"],
  ["an empty record", "\x16\x03\x01\0\0"],
  ["a record that is too long", `\x16\x03\x01\xff\xff${"x".repeat(100)}`],
  ["a message that is no hello", `\x16\x03\x01\0\x04\x02\0\0\0`],
  ["a hello of nothing", `\x16\x03\x01\0\x04\x01\0\0\0`],
  ["a hello of noise", `\x16\x03\x01\x01\x04\x01\0\x01\0${"\xa5".repeat(256)}`],
  ["an alert", "\x15\x03\x01\0\x02\x02\x28"],
  ["SSLv2", "\x80\x2e\x01\0\x02\0\x15\0\0\0\x10\x01\0\x80"],
];

describe("a handshake", () => {
  let scene: TlsScene;
  let patient: Readonly<Record<Way, TestProxy>>;
  /** Those that wait for 400 ms at the most. */
  let hasty: Readonly<Record<Way, TestProxy>>;
  let hello: string;
  before(async () => {
    scene = await TlsScene.open();
    patient = await proxies("");
    hasty = await proxies("timeout 400ms;");
    hello = await clientHello();
  });
  after(() => scene.close());

  async function proxies(directives: string): Promise<Record<Way, TestProxy>> {
    return {
      "from the first octet": await scene.proxyForAll(directives, "ssl"),
      "after STARTTLS": await scene.proxyForAll(`${directives} starttls only;`),
    };
  }

  /** A client that may begin TLS now. */
  async function ready(way: Way, protocol: Protocol, { ports } = patient[way]): Promise<Wire> {
    const client = await scene.client(ports[PROTOCOLS.indexOf(protocol)] ?? 0);
    if (way === "from the first octet") return client;
    await client.expect(WORDS[protocol].greeting);
    await client.ask(START_TLS[protocol].command, START_TLS[protocol].reply);
    return client;
  }

  /** Plays a handshake that fails, and compares the log line. */
  async function assertFails(way: Way, protocol: Protocol, { play, line, proxy = patient[way] }: {
    readonly play: (client: Wire) => Promise<void> | void;
    readonly line: RegExp;
    readonly proxy?: TestProxy;
  }): Promise<void> {
    const client = await ready(way, protocol, proxy);
    const seen = proxy.log.length;
    await play(client);
    await client.untilOver();
    await eventually(() => proxy.sockets() === 0, () => `${proxy.sockets()} sockets`);
    assertEquals(proxy.server.connections, 0);
    const using = way === "after STARTTLS" ? " using starttls" : "";
    const action = way === "after STARTTLS" ? "in starttls state" : "SSL handshaking";
    const address = `127.0.0.1:${proxy.ports[PROTOCOLS.indexOf(protocol)]}`;
    const tail = ` while ${action}, client: 127.0.0.1${using}, server: ${address}`;
    const lines = proxy.log.slice(seen).filter((text) => !text.includes(" connected to "));
    assertEquals(lines.map((text) => text.slice(-tail.length)), [tail]);
    const text = lines[0]?.slice(0, -tail.length) ?? "";
    assert(line.test(text), text);
  }

  const FAILED = /^info SSL_do_handshake\(\) failed \(SSL: [ -~]+\)$/;
  const LEFT = /^info peer closed connection in SSL handshake( \(104: Connection reset by peer\))?$/;
  const TIMED_OUT = /^info client timed out \(110: Connection timed out\)$/;

  for (const way of WAYS) {
    for (const [name, octets] of NONSENSE) {
      it(`of ${name} fails ${way}`, async () => {
        for (const protocol of PROTOCOLS) {
          const play = (client: Wire) => void client.send(octets);
          await assertFails(way, protocol, { play, line: FAILED });
        }
      });
    }

    it(`has the time of a login, and no more: ${way}`, async () => {
      for (const octets of ["", hello.slice(0, 60), hello]) {
        const play = (client: Wire) => void client.send(octets);
        await assertFails(way, "imap", { play, line: TIMED_OUT, proxy: hasty[way] });
      }
    });

    it(`ends when the client does: ${way}`, async () => {
      for (const octets of ["", hello.slice(0, 60), hello]) {
        const play = async (client: Wire) => {
          client.send(octets);
          if (octets === hello) await client.until(() => client.unread !== "");
          client.end();
        };
        await assertFails(way, "pop3", { play, line: LEFT });
      }
    });

    it(`ends when the client breaks off: ${way}`, async () => {
      for (const octets of ["", hello.slice(0, 60), hello]) {
        const play = async (client: Wire) => {
          client.send(octets);
          if (octets === hello) await client.until(() => client.unread !== "");
          else await client.untilDrained();
          client.reset();
        };
        await assertFails(way, "smtp", { play, line: LEFT });
      }
    });
  }

  it("arrives octet by octet", async () => {
    const relay = await TlsRelay.start({ port: patient["from the first octet"].ports[0] ?? 0, isSlow: true });
    try {
      const { wire, serverName } = await relay.connect({ ca: scene.authority, name: "mail.example.test" });
      await wire.expect(WORDS.imap.greeting);
      assertEquals(serverName, "mail.example.test");
      wire.destroy();
    } finally {
      await relay.stop();
    }
  });

  it("that is broken off a thousand times leaves no socket behind", SLOW, async () => {
    const all = Object.values(patient);
    for (let batch = 0; batch < 20; batch++) {
      const clients = await Promise.all(Array.from({ length: 50 }, (_, i) => ready(WAYS[i % 2] ?? WAYS[0], "imap")));
      for (const [i, client] of clients.entries()) client.send(i % 4 < 2 ? hello : hello.slice(0, 100));
      for (const [i, client] of clients.entries()) {
        if (i % 4 < 2) await client.until(() => client.unread !== "");
        if (i % 8 < 4) client.reset();
        else client.destroy();
      }
      const left = () => all.reduce((sum, proxy) => sum + proxy.sockets(), 0);
      await eventually(() => left() === 0, () => `${left()} sockets`);
    }
    assertEquals(all.map(({ server }) => server.connections), [0, 0]);
  });
});

describe("a handshake behind a PROXY header", () => {
  let scene: TlsScene;
  let proxy: TestProxy;
  before(async () => {
    scene = await TlsScene.open();
    proxy = await scene.proxy(`
      set_real_ip_from 127.0.0.1;
      server { listen 127.0.0.1 ssl proxy_protocol; protocol pop3; }`);
    scene.upstream.script = POP3_LOGIN;
  });
  after(() => scene.close());

  const V1 = "PROXY TCP4 192.0.2.7 198.51.100.1 4711 995\r\n";
  const V2 = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\xc6\x33\x64\x01\x12\x67\x03\xe3";
  for (const [version, prefix] of [["v1", V1], ["v2", V2]] as const) {
    for (const isSlow of [false, true]) {
      it(`of ${version} ${isSlow ? "octet by octet" : "in one segment"}`, async () => {
        const relay = await TlsRelay.start({ port: proxy.ports[0] ?? 0, prefix, isSlow });
        try {
          const { wire } = await relay.connect({ ca: scene.authority, name: "mail.example.test" });
          await wire.expect(WORDS.pop3.greeting);
          await wire.ask(WORDS.pop3.login, WORDS.pop3.heard + WORDS.pop3.welcome);
          const request = scene.auth.requests.at(-1) ?? "";
          for (const header of ["Client-IP: 192.0.2.7", "Proxy-Protocol-Port: 4711", "Auth-SSL: on"]) {
            assert(request.includes(`\r\n${header}\r\n`), request);
          }
          wire.destroy();
        } finally {
          await relay.stop();
        }
        await eventually(() => proxy.sockets() === 0, () => `${proxy.sockets()} sockets`);
      });
    }
  }

  it("that fails is logged with the address of the header", async () => {
    const client = await scene.client(proxy.ports[0] ?? 0);
    client.send(`${V1}EHLO client.example\r\n`);
    await client.untilOver();
    const line = proxy.log.find((text) => text.includes("SSL_do_handshake"));
    assert(line?.endsWith(" while SSL handshaking, client: 192.0.2.7, server: 127.0.0.1:0"), line);
  });
});

describe("a handshake once more, on a connection that speaks TLS 1.2", () => {
  it("is refused or harmless", SLOW, async () => {
    const scene = await TlsScene.open();
    try {
      const proxy = await scene.proxy("server { listen 127.0.0.1 ssl; protocol pop3; }");
      const said = await renegotiate(proxy.ports[0] ?? 0);
      assert(said.includes(WORDS.pop3.greeting.trim()), said);
      await eventually(() => proxy.sockets() === 0, () => `${proxy.sockets()} sockets`);
      const { wire } = await connectTls(proxy.ports[0] ?? 0, { ca: scene.authority, name: "mail.example.test" });
      await wire.expect(WORDS.pop3.greeting);
      await wire.ask("NOOP\r\n", "+OK\r\n");
      wire.destroy();
    } finally {
      await scene.close();
    }
  });
});

/** All that openssl prints while it asks for ten handshakes more, one after the other. */
function renegotiate(port: number): Promise<string> {
  execFileSync("openssl", ["version"]);
  const args = ["s_client", "-connect", `127.0.0.1:${port}`, "-tls1_2", "-legacy_renegotiation"];
  const child = spawn("openssl", args, { stdio: ["pipe", "pipe", "pipe"] });
  let said = "";
  let asked = 0;
  child.stdin.on("error", () => {});
  const hear = (text: Uint8Array) => {
    said += Buffer.from(text).toString("latin1");
    if (!said.includes("+OK")) return;
    const done = said.split("RENEGOTIATING").length - 1;
    if (done < asked) return;
    if (asked++ < 10) child.stdin.write("R\n");
    else child.stdin.write("Q\n");
  };
  child.stdout.on("data", hear);
  child.stderr.on("data", hear);
  const timer = setTimeout(() => child.kill(), 10_000);
  return new Promise((resolve) =>
    child.on("close", () => {
      clearTimeout(timer);
      resolve(said);
    })
  );
}
