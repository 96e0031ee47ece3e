import { after, before, describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { accept, FakeAuth, field } from "../support/fake_auth.ts";
import { FakeUpstream, IMAP_LOGIN } from "../support/fake_upstream.ts";
import { freePorts } from "../support/free_ports.ts";
import type { TestProxy } from "../support/proxy.ts";
import { WORDS } from "../support/scene.ts";
import { START_TLS, TlsScene } from "../support/tls_scene.ts";
import { beginTls, connectTls } from "../support/tls_wire.ts";
import type { Wire } from "../support/wire.ts";

/** The server blocks of one address: their names, and what their certificates and capabilities are called by. */
const BLOCKS = [
  { mark: "first", names: "first.example.test" },
  { mark: "exact", names: "exact.example.test other.example.test" },
  { mark: "wild", names: "*.wild.example.test" },
  { mark: "both", names: ".both.example.test" },
  { mark: "deep", names: "*.deep.wild.example.test" },
] as const;

/** Which block a client gets that asks for a name. */
const CHOICES: readonly [string | undefined, string][] = [
  [undefined, "first"],
  ["first.example.test", "first"],
  ["nobody.example.test", "first"],
  ["exact.example.test", "exact"],
  ["EXACT.Example.TEST", "exact"],
  ["other.example.test", "exact"],
  ["sub.exact.example.test", "first"],
  ["a.wild.example.test", "wild"],
  ["a.b.wild.example.test", "wild"],
  ["wild.example.test", "first"],
  ["both.example.test", "both"],
  ["a.both.example.test", "both"],
  ["a.deep.wild.example.test", "deep"],
  ["deep.wild.example.test", "wild"],
];

describe("server blocks that share an address", () => {
  let scene: TlsScene;
  let implicit: TestProxy;
  let startTls: TestProxy;
  const auths = new Map<string, FakeAuth>();
  let upstream: FakeUpstream;
  before(async () => {
    scene = await TlsScene.open();
    upstream = await FakeUpstream.start(IMAP_LOGIN);
    for (const { mark } of BLOCKS) auths.set(mark, await FakeAuth.start(accept(upstream.port)));
    const ports = await freePorts(2);
    const blocks = BLOCKS.map(({ mark, names }) => {
      const { certificatePath, keyPath } = scene.issue(mark);
      return `protocol imap; server_name ${names}; imap_capabilities ${mark.toUpperCase()};
        ssl_certificate ${certificatePath}; ssl_certificate_key ${keyPath};
        auth_http 127.0.0.1:${auths.get(mark)?.port};`;
    });
    const listen = (parameters: string) =>
      blocks.map((block) => `server { listen ${parameters}; ${block} }`).join("\n");
    implicit = await scene.proxy(listen(`127.0.0.1:${ports[0]} ssl`));
    startTls = await scene.proxy(`starttls on; ${listen(`127.0.0.1:${ports[1]}`)}`);
  });
  after(async () => {
    await scene.close();
    for (const auth of auths.values()) await auth.stop();
    await upstream.stop();
  });

  for (const [name, mark] of CHOICES) {
    it(`are told apart: ${name ?? "no name"} is for ${mark}`, async () => {
      const tls = name === undefined ? {} : { name };
      const { wire, serverName } = await connectTls(implicit.ports[0] ?? 0, tls);
      assertEquals(serverName, mark);
      await wire.expect(WORDS.imap.greeting);
      const capability = `* CAPABILITY ${mark.toUpperCase()} AUTH=PLAIN SASL-IR\r\nc OK completed\r\n`;
      await wire.ask("c CAPABILITY\r\n", capability);
      await logIn(wire, mark, name);

      const client = await scene.client(startTls.ports[0] ?? 0);
      await client.expect(WORDS.imap.greeting);
      await client.ask(START_TLS.imap.command, START_TLS.imap.reply);
      const secure = await beginTls(client, tls);
      assertEquals(secure.serverName, mark);
      await secure.wire.ask("c CAPABILITY\r\n", capability);
      await logIn(secure.wire, mark, name);
    });
  }

  /** Logs in, and looks at who was asked about it, and what the log says of the name. */
  async function logIn(wire: Wire, mark: string, name: string | undefined): Promise<void> {
    const before = [...auths].map(([, { requests }]) => requests.length);
    await wire.ask(WORDS.imap.login, WORDS.imap.welcome);
    const asked = [...auths].filter(([, { requests }], i) => requests.length > (before[i] ?? 0));
    assertEquals(asked.map(([each]) => each), [mark]);
    const request = auths.get(mark)?.requests.at(-1);
    assertEquals(field(request, "Auth-SSL-Server-Name"), name?.toLowerCase());
    const lines = [...implicit.log, ...startTls.log].filter((line) => line.startsWith("info client logged in"));
    for (const proxy of [implicit, startTls]) proxy.log.splice(0);
    const [, host] = /, host: "(.*)"$/.exec(lines.at(-1) ?? "") ?? [];
    assertEquals(host, name?.toLowerCase(), lines.join("\n"));
    wire.destroy();
  }
});
