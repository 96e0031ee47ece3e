import { after, afterEach, before, describe, it } from "node:test";
import { Buffer } from "node:buffer";
import { spawn } from "node:child_process";
import { connect as connectRaw, createServer, type Server, type Socket as RawSocket } from "node:net";
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from "node:tls";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { loadRuntime } from "../../adapters/detect.ts";
import { kernelMemory } from "../../adapters/_kernel.ts";
import { KernelTlsSocket } from "../../adapters/_kernel_tls_socket.ts";
import { openOpenSsl } from "../../adapters/_openssl.ts";
import { MOST_AHEAD, ReadAhead } from "../../adapters/_read_ahead.ts";
import { createContext } from "../../adapters/_openssl_context.ts";
import type { RelayResult, Runtime, Socket, TlsContext } from "../../src/runtime.ts";
import { areSame, Exchange, LEAVING, pattern, Peer, SOCKETS_AT_ONCE } from "./_peer.ts";
import { abort, openssl, secured, serverOptions, TlsBench } from "./_tls.ts";

describe("TLS on the kernel's sockets", () => {
  /** More octets than are read at a time. */
  const BULK = 1_000_000;
  /** So many that the kernel has much of them at once, however slowly it begins. */
  const MUCH = 4 * BULK;
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

  // A test that fails must not be the end of those behind it.
  afterEach(() => middle.clear());

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
        timeout: 60_000,
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
        await middle.untilSaid(length + (isEnded ? ALERT : 0));
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

  it("is the same in pieces of one octet", { timeout: 60_000 }, async () => {
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
  });

  for (const octets of [9, BULK]) {
    it(`tells the ${octets} octets before something that is no TLS, and then what is wrong`, async () => {
      const { raw, far } = await meet();
      middle.holdFrom(0);
      raw.write(letters(octets));
      await middle.untilSaid(octets);
      middle.release("a2 LOGIN joe secret\r\n");
      far.socket.resume();
      await far.untilClosed();
      assertEquals([areSame(far.chunks, letters(octets)), far.hasEnded], [true, false]);
      if (far.socket instanceof KernelTlsSocket) {
        assertMatch(far.failure?.text ?? "", /^error:0A[0-9A-F]{6}:SSL routines::/);
      }
      assert(!far.failure?.text.includes("secret"));
      raw.destroy();
    });

    it(`takes an end without a farewell behind ${octets} octets for an end`, async () => {
      const { raw, far } = await meet();
      middle.holdFrom(0);
      raw.write(letters(octets));
      await middle.untilSaid(octets);
      middle.release();
      middle.cut();
      far.socket.resume();
      await far.untilEnded();
      far.socket.close();
      await far.untilClosed();
      assertEquals([areSame(far.chunks, letters(octets)), far.failure], [true, undefined]);
      raw.destroy();
    });
  }

  it("reads ahead while a client sends in bulk, and has no memory for that behind it", async () => {
    const { raw, far } = await meet();
    const { socket } = far;
    socket.resume();
    for (const round of socket instanceof KernelTlsSocket ? [1, 2] : []) {
      middle.holdFrom(0);
      raw.write(letters(MUCH));
      await middle.untilSaid(round * MUCH + (round - 1) * 4);
      middle.release();
      await far.until(() => readsAhead(socket));
      raw.write("NOOP");
      await far.untilReceived(round * (MUCH + 4));
      assertEquals(readsAhead(socket), false);
    }
    raw.destroy();
    await abort(far);
  });

  it("tells a reset in the middle of bulk for what it is", { timeout: 60_000 }, async () => {
    const { near, far } = await bench.connect();
    const { socket } = far;
    // With something unread the kernel sends RST when a client goes.
    socket.write(letters(4 * BULK));
    near.socket.write(letters(8 * BULK));
    socket.resume();
    await far.untilReceived(BULK);
    socket.pause();
    await exchange.untilTold();
    await abort(near);
    socket.resume();
    if (socket instanceof KernelTlsSocket) {
      await far.untilClosed();
      assertEquals([far.hasEnded, far.failure], [false, { number: 104, text: "Connection reset by peer" }]);
    }
    await abort(far);
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

  it("takes new keys from a client, and goes on", { timeout: 60_000 }, async () => {
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

  it("takes new keys in the middle of bulk", { timeout: 60_000 }, async () => {
    const result = bench.serveNext();
    const client = spawn("openssl", ["s_client", "-connect", `127.0.0.1:${middle.port}`, "-tls1_3"]);
    client.stdout.resume();
    const far = new Peer(secured(await result).socket);
    middle.holdFrom(0);
    for (const sent of [1, 2]) {
      client.stdin.write(letters(BULK));
      // It has read all of that, so that the command is none of it.
      await middle.untilSaid(sent * BULK + (sent - 1) * KEY_UPDATE);
      const isTold = new Promise<void>((resolve) => {
        client.stderr.on("data", (bytes: Uint8Array) => String(bytes).includes("KEYUPDATE") && resolve());
      });
      client.stdin.write("K\n");
      await isTold;
    }
    client.stdin.write("a1 NOOP\n");
    middle.release();
    far.socket.resume();
    await far.untilReceived(2 * BULK + 8);
    assert(areSame(far.chunks, Buffer.concat([letters(BULK), letters(BULK), Buffer.from("a1 NOOP\n")])));
    const closed = new Promise((resolve) => client.once("close", resolve));
    far.say("* BYE\r\n");
    far.socket.close();
    await closed;
    await far.untilClosed();
  });

  it(
    "shares its time fairly between one that floods it with short records and others",
    { timeout: 60_000 },
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

  it("keeps to the suites of TLS 1.3 that it is given", { timeout: 60_000 }, async () => {
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

  it("says farewell behind all that waits for a slow reader", { timeout: 60_000 }, async () => {
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
    it(`ends a relay${whom} with ${length} last octets, its farewell and the end`, { timeout: 60_000 }, async () => {
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
      // A farewell is an alert; what was relayed is in longer records.
      assertEquals(middle.last.subarray(0, HEAD), Buffer.from([0x17, 3, 3, 0, ALERT + TYPE_AND_TAG]));
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

  it("resumes with the keys of nginx's longer file, at another server as well", { timeout: 60_000 }, async () => {
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

describe("reading ahead", () => {
  it("is for so many at a time, and leaves nothing to the next one", () => {
    const library = openOpenSsl();
    if (library === undefined) return;
    const context = library.SSL_CTX_new(library.TLS_server_method());
    const ahead = new ReadAhead(library);
    const begin = (octets: number) => {
      const ssl = library.SSL_new(context);
      const memory = library.BIO_new(library.BIO_s_mem());
      library.SSL_set_bio(ssl, memory, memory);
      library.SSL_set_accept_state(ssl);
      library.BIO_write(memory, kernelMemory(octets), octets);
      return { ssl, its: ahead.begin(ssl) };
    };
    const end = ({ ssl, its }: ReturnType<typeof begin>) => {
      if (its !== undefined) ahead.end(ssl, its);
      library.SSL_free(ssl);
    };
    // More than the library looks at before it finds that this is no TLS.
    const all = Array.from({ length: MOST_AHEAD + 1 }, () => begin(40_000));
    assertEquals(all.map(({ its }) => its !== undefined), all.map((_, i) => i < MOST_AHEAD));
    for (const { ssl, its } of all) {
      assertEquals(library.SSL_do_handshake(ssl), -1);
      assertEquals(its === undefined || ahead.isEmpty(its), its === undefined);
    }
    library.ERR_clear_error();
    all.forEach(end);
    const next = begin(0);
    assert(next.its !== undefined && ahead.isEmpty(next.its));
    end(next);
    library.SSL_CTX_free(context);
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

/** Octets of the head of a record, and those behind it that are none of what it carries (RFC 8446, 5.2). */
const HEAD = 5;
const TYPE_AND_TAG = 17;
/** Octets of an alert, with which a side says farewell, and of a message that announces new keys. */
const ALERT = 2;
const KEY_UPDATE = 5;

function readsAhead(socket: Socket): boolean {
  return socket instanceof KernelTlsSocket && socket.readsAhead;
}

/** What `openssl s_client` takes for no command of its own, wherever it begins. */
function letters(length: number): Uint8Array {
  return new Uint8Array(length).map((_, at) => 0x30 + at % 7);
}

/** Passes on what clients and the server say to each other, in other pieces than they said it. */
class Middleman {
  readonly #server: Server;
  readonly #sockets = new Set<RawSocket>();
  readonly #held: Uint8Array[] = [];
  #said = new SaidCount();
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

  /** Resolves when a client of TLS 1.3 has said so many octets behind its handshake, held back or passed on. */
  untilSaid(octets: number): Promise<void> {
    return this.#until(() => this.#said.octets >= octets);
  }

  /** Passes on all that was held back, and this, as one piece. */
  release(more = ""): void {
    this.#far?.write(Buffer.concat([...this.#held.splice(0), Buffer.from(more)]));
    if (this.#isEnded) this.#far?.end();
    this.#reset();
  }

  chop(): void {
    this.#isChopping = true;
  }

  #reset(): void {
    this.#passes = Infinity;
    this.#isChopping = false;
    this.#held.length = 0;
  }

  /** Ends the client's half, which has said nothing of it. */
  cut(): void {
    this.#far?.end();
  }

  /** Is as it was at first, with nobody left. */
  clear(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#waiting = [];
    this.#reset();
  }

  close(): Promise<void> {
    this.clear();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #begin(near: RawSocket, target: number): void {
    const far = connectRaw({ port: target, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
    [this.#far, this.#isEnded, this.#said] = [far, false, new SaidCount()];
    near.on("data", (bytes: Uint8Array) => {
      this.#said.add(bytes);
      if (this.#passes-- > 0) this.#pass(far, bytes);
      else this.#held.push(bytes);
      for (const look of this.#waiting) look();
    });
    far.on("data", (bytes: Uint8Array) => {
      this.last = Buffer.concat([this.last, bytes]).subarray(-(HEAD + ALERT + TYPE_AND_TAG));
      this.#pass(near, bytes);
    });
    near.on("end", () => {
      this.#isEnded = true;
      if (this.#held.length === 0) far.end();
    });
    far.on("end", () => near.end());
    for (const [one, other] of [[near, far], [far, near]] as const) {
      this.#sockets.add(one);
      one.on("error", () => {}).on("close", () => {
        this.#sockets.delete(one);
        other.destroySoon();
      });
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

/** Counts what a client of TLS 1.3 says behind its Finished, however much of it is in one record. */
class SaidCount {
  #rest = Buffer.alloc(0);
  #isFinished = false;
  octets = 0;

  add(bytes: Uint8Array): void {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    while (this.#rest.length >= HEAD && this.#rest.length >= HEAD + this.#rest.readUInt16BE(3)) {
      const length = this.#rest.readUInt16BE(3);
      if (this.#rest[0] === 0x17) {
        if (this.#isFinished) this.octets += length - TYPE_AND_TAG;
        this.#isFinished = true;
      }
      this.#rest = this.#rest.subarray(HEAD + length);
    }
  }
}
