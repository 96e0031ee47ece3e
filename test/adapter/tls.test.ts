import { after, before, describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { loadRuntime } from "../../adapters/detect.ts";
import type { Runtime, TlsClientOptions, TlsContext, TlsFacts, TlsServerOptions } from "../../src/runtime.ts";
import { type Certificate, CertificateFolder, serverExtensions } from "../support/certificates.ts";
import { areSame, Exchange, pattern, Peer } from "./_peer.ts";
import { clientOptions, dial, secured, serve, serverOptions, usable } from "./_tls.ts";

describe("TLS", () => {
  let runtime: Runtime;
  let exchange: Exchange;
  let folder: CertificateFolder;
  let authority: Certificate;
  let ecdsa: Certificate;
  let rsa: Certificate;

  before(async () => {
    runtime = await loadRuntime();
    exchange = await Exchange.open(runtime);
    folder = new CertificateFolder();
    authority = folder.authority("authority");
    const extensions = serverExtensions("DNS:mail.example.org", "IP:127.0.0.1");
    ecdsa = folder.make({ name: "ecdsa", issuer: authority, extensions });
    rsa = folder.make({ name: "rsa", keyType: "rsa", issuer: authority, extensions });
  });

  after(async () => {
    folder.remove();
    await exchange.close();
  });

  function server(options: Partial<TlsServerOptions> = {}, certificates = [ecdsa]): TlsContext {
    return usable(runtime.createTlsServer(serverOptions(certificates, options)));
  }

  function client(options: Partial<TlsClientOptions> = {}): TlsContext {
    return usable(runtime.createTlsClient(clientOptions([authority], options)));
  }

  interface Pair {
    readonly near: Peer;
    readonly far: Peer;
    readonly nearFacts: TlsFacts;
    readonly farFacts: TlsFacts;
  }

  /** Both ends of a connection over TLS. */
  async function connect(nearContext = client(), farContext = server(), isCounting = false): Promise<Pair> {
    const { near, far } = await exchange.connect();
    const [nearEnd, farEnd] = await Promise.all([
      dial(runtime, near, nearContext).then(secured),
      serve(runtime, far, farContext).then(secured),
    ]);
    return {
      near: new Peer(nearEnd.socket, isCounting),
      far: new Peer(farEnd.socket, isCounting),
      nearFacts: nearEnd.facts,
      farFacts: farEnd.facts,
    };
  }

  describe("handshakes", () => {
    for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
      it(`speak ${version}`, async () => {
        const { near, far, nearFacts, farFacts } = await connect(client({ versions: [version] }));
        assertEquals([nearFacts.version, farFacts.version], [version, version]);
        assertEquals(farFacts.cipher, nearFacts.cipher);
        assertEquals([farFacts.serverName, nearFacts.serverName], ["mail.example.org", "mail.example.org"]);
        assertEquals([farFacts.alpn, farFacts.isResumed, farFacts.certificate], [undefined, false, undefined]);
        assertEquals(far.socket.remote, near.socket.local);
        far.socket.resume();
        near.socket.resume();
        near.say("a1 NOOP\r\n");
        await far.untilReceived(9);
        far.say("a1 OK\r\n");
        await near.untilReceived(7);
        assertEquals([far.text, near.text], ["a1 NOOP\r\n", "a1 OK\r\n"]);
        assertEquals(far.chunks.map((chunk) => chunk.constructor), [Uint8Array]);
        await finish(near, far);
      });
    }
  });

  describe("sockets", () => {
    it("keep big writes in order, both ways at once", { timeout: 20_000 }, async () => {
      const { near, far } = await connect();
      const [up, down] = [pattern(8_000_000, 1), pattern(8_000_000, 2)];
      near.socket.resume();
      far.socket.resume();
      near.socket.write(up);
      far.socket.write(down);
      near.socket.end();
      far.socket.end();
      await Promise.all([near.untilEnded(), far.untilEnded()]);
      assert(areSame(far.chunks, up));
      assert(areSame(near.chunks, down));
      await finish(near, far);
      assertEquals([near.failure, far.failure], [undefined, undefined]);
    });
  });

  it("counts its sockets", async () => {
    const before = runtime.sockets();
    const { near, far } = await connect();
    assertEquals(runtime.sockets(), before + 2);
    await finish(near, far);
    assertEquals(runtime.sockets(), before);
    assert(rsa.key.length > 0);
  });
});

async function finish(near: Peer, far: Peer): Promise<void> {
  near.socket.close();
  far.socket.close();
  await Promise.all([near.untilClosed(), far.untilClosed()]);
}
