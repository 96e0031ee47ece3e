import { after, before, describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { toBase64 } from "../../src/session/base64.ts";
import type { Script } from "../support/fake_upstream.ts";
import type { TestProxy } from "../support/proxy.ts";
import { type Protocol, PROTOCOLS, SECRET, WORDS } from "../support/scene.ts";
import { START_TLS, TlsScene } from "../support/tls_scene.ts";
import { beginTls, TlsServer } from "../support/tls_wire.ts";
import { eventually } from "../support/watch.ts";
import type { Wire } from "../support/wire.ts";

const SLOW = { timeout: 180_000 };

/** What an upstream of each protocol says up to its consent, what is slipped in behind, and what it says over TLS. */
const UPSTREAM: Readonly<
  Record<Protocol, {
    readonly before: Script;
    readonly consent: string;
    readonly injected: string;
    readonly login: Script;
    /** What it is told over TLS. */
    readonly told: string;
  }>
> = {
  imap: {
    before: ["* OK [CAPABILITY IMAP4rev1 STARTTLS LOGIN-REFERRALS] ready\r\n"],
    consent: "TAG OK begin\r\n",
    injected: "+ go on\r\n+ go on\r\na OK in\r\n",
    login: ["+ OK\r\n", "+ OK\r\n", "TAG OK logged in\r\n"],
    told: `a LOGIN {3}\r\njoe {${SECRET.length}}\r\n${SECRET}\r\n`,
  },
  pop3: {
    before: ["+OK ready\r\n"],
    consent: "+OK begin\r\n",
    injected: "+OK go on\r\n+OK in\r\n",
    login: ["+OK\r\n", "+OK mailbox open\r\n"],
    told: `USER joe\r\nPASS ${SECRET}\r\n`,
  },
  smtp: {
    before: ["220 up ESMTP\r\n", "250-up\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n"],
    consent: "220 begin\r\n",
    injected: "250-evil\r\n250 AUTH PLAIN\r\n",
    login: ["250 up\r\n", "220 up\r\n", "250 up\r\n", "235 in\r\n"],
    told: "EHLO test\r\nXCLIENT ADDR=127.0.0.1 NAME=[UNAVAILABLE]\r\nEHLO client.example\r\n" +
      `AUTH PLAIN ${toBase64(`\0joe\0${SECRET}`)}\r\n`,
  },
};

const REFUSED = "error upstream sent invalid response:";
const READING = "while reading response from upstream";

/** Who stands between could take TLS away; what comes of it, and the log line. */
const DOWNGRADES: readonly (readonly [string, Protocol, Script, string])[] = [
  [
    "a session that is logged in already",
    "imap",
    ["* PREAUTH you are evil\r\n"],
    `${REFUSED} "* PREAUTH you are evil" ${READING}`,
  ],
  ["a goodbye", "imap", ["* BYE go away\r\n"], `${REFUSED} "* BYE go away" ${READING}`],
  ["no STARTTLS", "imap", ["* OK ready\r\n", "TAG NO no TLS\r\n"], `${REFUSED} "NO no TLS" ${READING}`],
  ["an unknown STARTTLS", "imap", ["* OK ready\r\n", "TAG BAD what?\r\n"], `${REFUSED} "BAD what?" ${READING}`],
  ["a challenge", "imap", ["* OK ready\r\n", "+ go on\r\n"], `${REFUSED} "+ go on" ${READING}`],
  ["another tag", "imap", ["* OK ready\r\n", "b OK begin\r\n"], `${REFUSED} "b OK begin" ${READING}`],
  ["no STLS", "pop3", ["+OK ready\r\n", "-ERR no TLS\r\n"], `${REFUSED} "-ERR no TLS" ${READING}`],
  [
    "STARTTLS not offered",
    "smtp",
    ["220 up\r\n", "250-up\r\n250 AUTH PLAIN\r\n"],
    `error upstream does not offer STARTTLS ${READING}`,
  ],
  ["no EHLO", "smtp", ["220 up\r\n", "502 what?\r\n"], `${REFUSED} "502 what?" ${READING}`],
  [
    "STARTTLS put off",
    "smtp",
    ["220 up\r\n", "250-up\r\n250 STARTTLS\r\n", "454 not now\r\n"],
    `${REFUSED} "454 not now" ${READING}`,
  ],
];

describe("commands in clear behind STARTTLS", () => {
  let scene: TlsScene;
  let proxy: TestProxy;
  before(async () => {
    scene = await TlsScene.open();
    proxy = await scene.proxyForAll("starttls on; smtp_auth plain none;");
  });
  after(() => scene.close());

  /** A client that has heard the greeting. */
  async function greeted(protocol: Protocol): Promise<Wire> {
    const client = await scene.client(proxy.ports[PROTOCOLS.indexOf(protocol)] ?? 0);
    await client.expect(WORDS[protocol].greeting);
    return client;
  }

  for (const protocol of PROTOCOLS) {
    const { command, reply, noop, noopReply } = START_TLS[protocol];
    const injected = WORDS[protocol].login;

    it(`are dropped in the segment of the command, wherever that is split: ${protocol}`, SLOW, async () => {
      const text = command + injected;
      for (let split = 0; split < command.length; split++) {
        const client = await greeted(protocol);
        client.send(text.slice(0, split));
        client.send(text.slice(split));
        await client.expect(reply);
        const { wire } = await beginTls(client);
        await wire.ask(noop, noopReply);
        assertEquals(client.received, WORDS[protocol].greeting + reply);
        wire.destroy();
      }
      assertEquals(scene.auth.requests, []);
    });

    it(`break the handshake in a later segment, wherever they are split: ${protocol}`, SLOW, async () => {
      const text = command + injected;
      for (let split = command.length; split < text.length; split++) {
        const client = await greeted(protocol);
        client.send(text.slice(0, split));
        await client.expect(reply);
        client.send(text.slice(split));
        client.end();
        // All it may still hear is an alert, which is no text.
        assert(!/[a-zA-Z]{2}/.test(await client.rest()));
      }
      await eventually(() => proxy.sockets() === 0, () => `${proxy.sockets()} sockets`);
      assertEquals(scene.auth.requests, []);
    });
  }

  it("are forgotten with all that came before: a sender of SMTP", async () => {
    const client = await greeted("smtp");
    await client.ask("EHLO evil.example\r\n", "250-test\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n");
    await client.ask("MAIL FROM:<evil@example.test>\r\n", "250 2.0.0 OK\r\n");
    await client.ask(START_TLS.smtp.command, START_TLS.smtp.reply);
    const { wire } = await beginTls(client);
    await wire.ask("RCPT TO:<joe@example.test>\r\n", "503 5.5.1 Bad sequence of commands\r\n");
    await wire.ask("EHLO good.example\r\n", "250-test\r\n250 AUTH PLAIN\r\n");
    wire.destroy();
    assertEquals(scene.auth.requests, []);
  });

  it("are forgotten with all that came before: half a login of IMAP and POP3", async () => {
    const imap = await greeted("imap");
    await imap.ask("a AUTHENTICATE PLAIN\r\n", "+ \r\n");
    await imap.ask("s STARTTLS\r\n", "a BAD invalid command\r\n");
    await imap.ask(START_TLS.imap.command, START_TLS.imap.reply);
    const { wire } = await beginTls(imap);
    await wire.ask("c CAPABILITY\r\n", "* CAPABILITY IMAP4 IMAP4rev1 UIDPLUS AUTH=PLAIN SASL-IR\r\nc OK completed\r\n");
    wire.destroy();

    const pop3 = await greeted("pop3");
    await pop3.ask("USER evil\r\n", "+OK\r\n");
    await pop3.ask("STLS\r\n", "-ERR invalid command\r\n");
    await pop3.ask("STLS\r\n", "+OK\r\n");
    const secure = await beginTls(pop3);
    await secure.wire.ask(`PASS ${SECRET}\r\n`, "-ERR invalid command\r\n");
    secure.wire.destroy();
    assertEquals(scene.auth.requests, []);
  });

  it("are refused over TLS: there is no STARTTLS in STARTTLS", async () => {
    for (const protocol of PROTOCOLS) {
      const { command, reply } = START_TLS[protocol];
      const client = await greeted(protocol);
      await client.ask(command, reply);
      const { wire } = await beginTls(client);
      const { invalidCommand } = WORDS[protocol];
      await wire.ask(command, protocol === "imap" ? "s BAD invalid command\r\n" : invalidCommand);
      wire.destroy();
    }
  });
});

describe("answers in clear behind an upstream's consent to TLS", () => {
  let scene: TlsScene;
  let proxy: TestProxy;
  let tls: TlsServer;
  before(async () => {
    scene = await TlsScene.open();
    tls = new TlsServer(scene.certificate);
    proxy = await scene.proxyForAll(`
      proxy_ssl starttls; proxy_ssl_trusted_certificate ${scene.authority.certificatePath};
      proxy_pass_error_message on; proxy_smtp_auth on;`);
  });
  after(() => scene.close());

  /** Logs in with an upstream of this script; gives what the client heard and what the upstream was told. */
  async function logIn(protocol: Protocol, script: Script): Promise<{ heard: string; told: string }> {
    scene.upstream.script = script;
    const count = scene.upstream.wires.length;
    const client = await scene.client(proxy.ports[PROTOCOLS.indexOf(protocol)] ?? 0);
    const { greeting, login, heard } = WORDS[protocol];
    await client.expect(greeting);
    await client.ask(login, heard);
    const upstream = await scene.upstream.wire(count);
    const rest = await client.rest();
    await upstream.untilOver();
    await eventually(() => proxy.sockets() === 0, () => `${proxy.sockets()} sockets`);
    return { heard: rest, told: upstream.received };
  }

  const lastLine = () => proxy.log.at(-1)?.replace(/, client: .*/, "");

  for (const protocol of PROTOCOLS) {
    const { internalError } = WORDS[protocol];
    const { before: early, consent, injected } = UPSTREAM[protocol];

    it(`end the attempt in the same segment, wherever they end: ${protocol}`, SLOW, async () => {
      for (let length = 1; length <= injected.length; length++) {
        const { heard, told } = await logIn(protocol, [...early, consent + injected.slice(0, length)]);
        assertEquals(heard, internalError);
        assertTellsNothing(told);
        assertEquals(lastLine(), "error upstream sent data before the TLS handshake while SSL handshaking to upstream");
      }
    });

    it(`end the attempt in a later segment: ${protocol}`, async () => {
      let told = "";
      const later = (wire: Wire) => {
        wire.until(() => wire.received.includes("\x16\x03")).then(() => {
          told = wire.received;
          wire.send(injected);
        });
      };
      const result = await logIn(protocol, [...early, consent, later]);
      assertEquals(result.heard, internalError);
      assertTellsNothing(told);
      assertTellsNothing(result.told);
      assert(
        /^error SSL_do_handshake\(\) failed \(SSL: .+\) while SSL handshaking to upstream$/.test(lastLine() ?? ""),
        lastLine(),
      );
    });

    it(`and what it said of itself before count no more: ${protocol}`, async () => {
      const { told, login } = UPSTREAM[protocol];
      scene.upstream.script = [...early, consent, tls.startTls, ...login];
      const count = tls.wires.length;
      const clear = scene.upstream.wires.length;
      const client = await scene.client(proxy.ports[PROTOCOLS.indexOf(protocol)] ?? 0);
      await client.expect(WORDS[protocol].greeting);
      await client.ask(WORDS[protocol].login, WORDS[protocol].heard + WORDS[protocol].welcome);
      assertTellsNothing(scene.upstream.wires[clear]?.received ?? "");
      assertEquals(tls.wires[count]?.received, told);
      client.destroy();
      await eventually(() => proxy.sockets() === 0, () => `${proxy.sockets()} sockets`);
    });
  }

  for (const [name, protocol, script, line] of DOWNGRADES) {
    it(`${name}: nothing is told: ${protocol}`, async () => {
      const { heard, told } = await logIn(protocol, script);
      assertTellsNothing(told);
      assertEquals(lastLine(), line);
      assertEquals(heard, WORDS[protocol].internalError);
    });
  }
});

/** An upstream in clear has not been told who logs in, nor how. */
function assertTellsNothing(told: string): void {
  for (const word of ["joe", SECRET, toBase64(`\0joe\0${SECRET}`), "LOGIN", "AUTH", "USER", "XCLIENT"]) {
    assert(!told.includes(word), `it was told: ${told}`);
  }
}
