import { after, before, describe, it } from "node:test";
import { assertEquals, assertMatch } from "@std/assert";
import { isFault, type KeyPair, type Runtime } from "../../src/runtime.ts";
import { describeBoth, Exchange } from "./_peer.ts";
import { clientOptions, serverOptions, TlsBench } from "./_tls.ts";

describeBoth("certificates and keys", (load) => {
  let runtime: Runtime;
  let exchange: Exchange;
  let bench: TlsBench;

  before(async () => {
    runtime = await load();
    exchange = await Exchange.open(runtime);
    bench = new TlsBench(runtime, exchange);
  });

  after(async () => {
    bench.close();
    await exchange.close();
  });

  /** What is wrong with a pair, which both sides of TLS must see. */
  function faultOf(change: Partial<KeyPair>): string {
    const { certificate, key } = bench.server;
    const keyPair = { certificate, key, passphrases: [], ...change };
    const [server, client] = [
      runtime.createTlsServer(serverOptions([], { keyPairs: [keyPair] })),
      runtime.createTlsClient(clientOptions([], { keyPair })),
    ].map((made) => isFault(made) ? `${made.part}: ${made.text}` : "none");
    assertEquals(client, server);
    return server ?? "";
  }

  describe("a key", () => {
    it("is opened by the octets of a passphrase", () => {
      for (const isOld of [false, true]) {
        const key = bench.folder.encrypt(bench.server, "gr\u00fc\u00dfe", isOld);
        assertEquals(faultOf({ key, passphrases: ["gr\xc3\xbc\xc3\x9fe"] }), "none");
        assertMatch(faultOf({ key, passphrases: ["gr\xfc\xdfe"] }), /bad decrypt$/);
      }
    });
  });
});
