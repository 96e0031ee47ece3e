import { after, before, describe, it } from "node:test";
import { Buffer } from "node:buffer";
import { spawn } from "node:child_process";
import { connect as connectRaw, createServer, type Server, type Socket as RawSocket } from "node:net";
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from "node:tls";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { loadRuntime } from "../../adapters/detect.ts";
import { KernelTlsSocket } from "../../adapters/_kernel_tls_socket.ts";
import { openOpenSsl } from "../../adapters/_openssl.ts";
import { createContext } from "../../adapters/_openssl_context.ts";
import type { RelayResult, Runtime, TlsContext } from "../../src/runtime.ts";
import { areSame, Exchange, LEAVING, pattern, Peer, SOCKETS_AT_ONCE } from "./_peer.ts";
import { abort, openssl, secured, serverOptions, TlsBench } from "./_tls.ts";

describe("TLS on the kernel's sockets", () => {
  let runtime: Runtime;
  let exchange: Exchange;
  let bench: TlsBench;
  let middle: Middleman;

  before(async () => {
    runtime = await loadRuntime({ sockets: "kernel", ...SOCKETS_AT_ONCE });
    exchange = await Exchange.open(runtime);
    bench = new TlsBench(runtime, exchange);
    middle = await Middleman.open(exchange.port);
  });

  after(async () => {
    bench.close();
    await middle.close();
    await exchange.close();
  });

  /** A client that comes through the middleman, and our end of it. */
  async function meet(options: ConnectionOptions = {}): Promise<{ raw: TLSSocket; far: Peer }> {
    const result = bench.serveNext();
    const raw = connectTls({ port: middle.port, host: "127.0.0.1", rejectUnauthorized: false, ...options });
    raw.on("error", () => {});
    return { raw, far: new Peer(secured(await result).socket) };
  }

  it("is OpenSSL's where that can be had, and the runtime's for whoever offers protocols", async () => {
    const isOurs = openOpenSsl() !== undefined;
    assertEquals(isOurs, runtime.name !== "bun");
    for (const protocols of [undefined, ["imap"]]) {
      const result = bench.serveNext();
      const raw = connectTls({
        port: exchange.port,
        host: "127.0.0.1",
        rejectUnauthorized: false,
        ...protocols === undefined ? {} : { ALPNProtocols: protocols },
      });
      const { socket, facts } = secured(await result);
      assertEquals([socket instanceof KernelTlsSocket, facts.alpn], [isOurs && !protocols, protocols?.[0]]);
      const peer = new Peer(socket);
      peer.socket.resume();
      raw.end();
      await peer.untilEnded();
      peer.socket.close();
      await peer.untilClosed();
    }
  });

  for (const length of [8, 100_000]) {
    for (const isEnded of [false, true]) {
      it(`loses nothing of ${length} octets that come with a client's last message${isEnded ? ", nor its end" : ""}`, {
        timeout: 10_000,
      }, async () => {
        const octets = pattern(length);
        middle.holdFrom(1);
        const result = bench.serveNext();
        const raw = connectTls({
          port: middle.port,
          host: "127.0.0.1",
          rejectUnauthorized: false,
          maxVersion: "TLSv1.3",
        });
        raw.on("error", () => {}).resume();
        await new Promise<void>((resolve) => raw.once("secureConnect", resolve));
        raw.write(octets);
        if (isEnded) raw.end();
        await middle.untilHeld(length + (isEnded ? ENDED : 0));
        middle.release();
        const far = new Peer(secured(await result).socket);
        far.socket.resume();
        await far.untilReceived(length);
        assert(areSame(far.chunks, octets));
        if (isEnded) await far.untilEnded();
        raw.destroy();
        await abort(far);
      });
    }
  }

  it("is the same in pieces of one octet", { timeout: 20_000 }, async () => {
    middle.chop();
    for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
      const { raw, far } = await meet({ minVersion: version, maxVersion: version });
      far.socket.resume();
      const heard: Uint8Array[] = [];
      raw.on("data", (bytes: Uint8Array) => heard.push(bytes));
      const ended = new Promise<void>((resolve) => raw.once("end", resolve));
      for (const line of ["a1 NOOP\r\n", "a2 LOGOUT\r\n"]) {
        const before = far.received;
        raw.write(line);
        await far.untilReceived(before + line.length);
        far.say(`* ${line}`);
      }
      far.socket.close();
      await ended;
      assertEquals([far.text, Buffer.concat(heard).toString()], [
        "a1 NOOP\r\na2 LOGOUT\r\n",
        "* a1 NOOP\r\n* a2 LOGOUT\r\n",
      ]);
      raw.end();
      await far.untilClosed();
      assertEquals(far.failure, undefined);
    }
    middle.reset();
  });

  it("tells what came before something that is no TLS, and then what is wrong", async () => {
    const { raw, far } = await meet();
    middle.holdFrom(0);
    raw.write("a1 NOOP\r\n");
    await middle.untilHeld(9);
    middle.release("a2 LOGIN joe secret\r\n");
    far.socket.resume();
    await far.untilClosed();
    assertEquals([far.text, far.hasEnded], ["a1 NOOP\r\n", false]);
    if (far.socket instanceof KernelTlsSocket) {
      assertMatch(far.failure?.text ?? "", /^error:0A[0-9A-F]{6}:SSL routines::/);
    }
    assert(!far.failure?.text.includes("secret"));
    raw.destroy();
    middle.reset();
  });

  it("takes an end without a farewell for an end", async () => {
    const { raw, far } = await meet();
    raw.write("a1 NOOP\r\n");
    far.socket.resume();
    await far.untilReceived(9);
    middle.cut();
    await far.untilEnded();
    far.socket.close();
    await far.untilClosed();
    assertEquals([far.text, far.failure], ["a1 NOOP\r\n", undefined]);
    raw.destroy();
  });

  it("tells that a peer has left while nobody reads", async () => {
    const { raw, far } = await meet();
    if (far.socket instanceof KernelTlsSocket) {
      raw.end();
      await far.untilEnded();
      assertEquals(far.received, 0);
    }
    raw.destroy();
    await abort(far);
  });

  it("takes new keys from a client, and goes on", { timeout: 10_000 }, async () => {
    const result = bench.serveNext();
    const client = spawn("openssl", ["s_client", "-connect", `127.0.0.1:${exchange.port}`, "-tls1_3"]);
    let output = "";
    client.stdout.on("data", (bytes: Uint8Array) => output += bytes);
    client.stderr.on("data", (bytes: Uint8Array) => {
      if (String(bytes).includes("KEYUPDATE")) client.stdin.write("a1 NOOP\n");
    });
    const far = new Peer(secured(await result).socket);
    far.socket.resume();
    client.stdin.write("K\n");
    await far.untilReceived(8);
    assertEquals(far.text, "a1 NOOP\n");
    far.say("* BYE\r\n");
    far.socket.close();
    await new Promise((resolve) => client.once("close", resolve));
    assertMatch(output, /\* BYE/);
    await far.untilClosed();
  });

  it(
    "shares its time fairly between one that floods it with short records and others",
    { timeout: 20_000 },
    async () => {
      const { raw, far } = await meet();
      const records = 4_000;
      const counting = new Peer(far.socket, true);
      await new Promise<void>((resolve) => {
        for (let i = 1; i < records; i++) raw.write("x");
        raw.write("x", () => resolve());
      });
      const { near, far: other } = await exchange.connect();
      const [asks, answers] = [new Peer(near), new Peer(other)];
      answers.socket.resume();
      counting.socket.resume();
      asks.say("ping");
      await answers.untilReceived(4);
      if (counting.socket instanceof KernelTlsSocket) assert(counting.received < records, `${counting.received}`);
      await counting.untilReceived(records);
      for (const { socket } of [asks, answers]) socket.abort();
      raw.destroy();
      await abort(counting);
    },
  );

  it("keeps to the suites of TLS 1.3 that it is given", { timeout: 10_000 }, async () => {
    if (runtime.capabilities["tls.ciphersuites"].state !== "yes") return;
    const ciphers = "TLS_AES_256_GCM_SHA384:ECDHE-ECDSA-AES128-GCM-SHA256";
    for (const [suite, isTaken] of [["TLS_AES_256_GCM_SHA384", true], ["TLS_AES_128_GCM_SHA256", false]] as const) {
      const result = bench.serveNext(bench.serverContext({ ciphers }));
      const dialled = openssl(exchange.port, "-tls1_3", "-ciphersuites", suite);
      const outcome = await result;
      assertEquals("socket" in outcome ? outcome.facts.cipher : "none", isTaken ? suite : "none");
      if ("socket" in outcome) outcome.socket.abort();
      await dialled;
    }
  });

  it("says farewell behind all that waits for a slow reader", { timeout: 10_000 }, async () => {
    const { raw, far } = await meet();
    raw.pause();
    const octets = pattern(6_000_000);
    assertEquals(far.socket.write(octets), false);
    far.socket.close();
    let received = 0;
    const ended = new Promise<void>((resolve, reject) => raw.once("end", resolve).once("error", reject));
    raw.on("data", (bytes: Uint8Array) => received += bytes.length).resume();
    await ended;
    raw.end();
    await far.untilClosed();
    assertEquals([received, far.failure], [octets.length, undefined]);
  });

  for (const [length, watch] of [13, 3_000_000].flatMap((length) => [[length], [length, LEAVING]] as const)) {
    const whom = watch === undefined ? "" : " of a leaving client";
    it(`ends a relay${whom} with ${length} last octets, its farewell and the end`, { timeout: 10_000 }, async () => {
      const { raw, far } = await meet();
      const { near, far: server } = await exchange.connect();
      const done = new Promise<RelayResult>((resolve) =>
        runtime.relay({
          client: far.socket,
          upstream: near,
          toClient: new Uint8Array(0),
          toUpstream: new Uint8Array(0),
          clientEnded: false,
          timeout: 60_000,
          watch,
          done: resolve,
        })
      );
      const octets = pattern(length);
      const heard: Uint8Array[] = [];
      const ended = new Promise<void>((resolve, reject) => raw.once("end", resolve).once("error", reject));
      raw.on("data", (bytes: Uint8Array) => heard.push(new Uint8Array(bytes)));
      const upstream = new Peer(server);
      upstream.socket.write(octets);
      upstream.socket.close();
      await ended;
      assert(areSame(heard, octets));
      // An alert is a record of two octets, a type and a tag (RFC 8446, 5.2); letters are longer.
      assertEquals(middle.last.subarray(0, 5), Buffer.from([0x17, 3, 3, 0, ENDED - 5]));
      raw.end();
      await upstream.untilClosed();
      assertEquals(await done, {
        end: "upstreamClosed",
        failure: undefined,
        bytesToClient: length,
        bytesToUpstream: 0,
      });
    });
  }

  it("resumes with the keys of nginx's longer file, at another server as well", { timeout: 20_000 }, async () => {
    if (openOpenSsl() === undefined) return;
    const keys = [pattern(80)];
    const [one, two] = [1, 2].map(() => bench.serverContext({ ticketKeys: () => keys }));
    assert(one !== undefined && two !== undefined);
    const session = `${bench.folder.path}/long-key`;
    const visit = async (context: TlsContext, ...options: string[]) => {
      const result = bench.serveNext(context);
      const dialled = openssl(exchange.port, ...options);
      const far = new Peer(secured(await result).socket);
      far.say("* BYE\r\n");
      far.socket.close();
      const { isResumed } = await dialled;
      await far.untilClosed();
      return isResumed;
    };
    assertEquals(await visit(one, "-sess_out", session), false);
    assertEquals(await visit(two, "-sess_in", session), true);
  });
});

describe("a context of OpenSSL's", () => {
  it("is none with settings that the library does not take, and leaves no error behind", () => {
    const library = openOpenSsl();
    if (library === undefined) return;
    for (const change of [{ ciphers: "NONSENSE" }, { ecdhCurve: "nonsense" }]) {
      const options = serverOptions([], change);
      assertEquals(createContext(library, { options, pairs: [], ticketKey: undefined }), undefined);
      assertEquals(Number(library.ERR_get_error()), 0);
    }
    const pair = { certificate: "x", key: "y", isRsa: true, isEcdsa: false, expires: 0 };
    assertEquals(
      createContext(library, { options: serverOptions([]), pairs: [pair], ticketKey: undefined }),
      undefined,
    );
    const made = createContext(library, { options: serverOptions([]), pairs: [], ticketKey: new Uint8Array(48) });
    assert(made !== undefined);
    // SSL_MODE_AUTO_RETRY, with which one call would last as long as a peer sends new keys.
    assertEquals(Number(library.SSL_CTX_ctrl(made, 33, BigInt(0), library.NULL)) & 0x4, 0);
    library.SSL_CTX_free(made);
  });
});

/** Octets of a farewell in TLS 1.3. */
const ENDED = 24;

/** Passes on what clients and the server say to each other, in other pieces than they said it. */
class Middleman {
  readonly #server: Server;
  readonly #held: Uint8Array[] = [];
  #waiting: (() => void)[] = [];
  #passes = Infinity;
  #isChopping = false;
  #far: RawSocket | undefined;
  #isEnded = false;
  /** The last octets that the server sent. */
  last = Buffer.alloc(0);

  private constructor(server: Server, target: number) {
    this.#server = server;
    server.on("connection", (near: RawSocket) => this.#begin(near, target));
  }

  static open(target: number): Promise<Middleman> {
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(new Middleman(server, target))));
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  /** Passes on so many more pieces of the client's, and holds the others back. */
  holdFrom(pieces: number): void {
    this.#passes = pieces;
  }

  /** Resolves when so many octets at least are held back. */
  untilHeld(octets: number): Promise<void> {
    return this.#until(() => this.#held.reduce((sum, { length }) => sum + length, 0) >= octets);
  }

  /** Passes on all that was held back, and this, as one piece. */
  release(more = ""): void {
    this.#far?.write(Buffer.concat([...this.#held.splice(0), Buffer.from(more)]));
    if (this.#isEnded) this.#far?.end();
    this.reset();
  }

  chop(): void {
    this.#isChopping = true;
  }

  reset(): void {
    this.#passes = Infinity;
    this.#isChopping = false;
    this.#held.length = 0;
  }

  /** Ends the client's half, which has said nothing of it. */
  cut(): void {
    this.#far?.end();
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #begin(near: RawSocket, target: number): void {
    const far = connectRaw({ port: target, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
    [this.#far, this.#isEnded] = [far, false];
    near.on("data", (bytes: Uint8Array) => {
      if (this.#passes-- > 0) this.#pass(far, bytes);
      else this.#held.push(bytes);
      for (const look of this.#waiting) look();
    });
    far.on("data", (bytes: Uint8Array) => {
      this.last = Buffer.concat([this.last, bytes]).subarray(-ENDED);
      this.#pass(near, bytes);
    });
    near.on("end", () => {
      this.#isEnded = true;
      if (this.#held.length === 0) far.end();
    });
    far.on("end", () => near.end());
    for (const [one, other] of [[near, far], [far, near]] as const) {
      one.on("error", () => {}).on("close", () => other.destroySoon());
    }
  }

  #pass(to: RawSocket, bytes: Uint8Array): void {
    if (!this.#isChopping) to.write(bytes);
    else for (let at = 0; at < bytes.length; at++) to.write(bytes.subarray(at, at + 1));
  }

  #until(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!holds()) return;
        this.#waiting = this.#waiting.filter((each) => each !== look);
        resolve();
      };
      this.#waiting.push(look);
      look();
    });
  }
}
