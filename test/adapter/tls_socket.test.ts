import { after, before, describe, it } from "node:test";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { type AddressInfo, connect, createServer, type Server } from "node:net";
import { connect as connectTls } from "node:tls";
import { assert, assertEquals } from "@std/assert";
import type { RelayResult, Runtime, Socket } from "../../src/runtime.ts";
import { areSame, describeBoth, Exchange, pattern, Peer } from "./_peer.ts";
import { abort, finish, secured, TlsBench } from "./_tls.ts";

const LIMIT = { timeout: 60_000 };

describeBoth("over TLS", (load) => {
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

  describe("sockets", () => {
    it("keep big writes in order, both ways at once", { timeout: 60_000 }, async () => {
      const { near, far } = await bench.connect();
      const [up, down] = [pattern(8_000_000, 1), pattern(8_000_000, 2)];
      near.socket.resume();
      far.socket.resume();
      near.socket.write(up);
      far.socket.write(down);
      near.socket.end();
      far.socket.end();
      await Promise.all([near.untilEnded(), far.untilEnded()]);
      assertEquals([digest(far.chunks), digest(near.chunks)], [digest([up]), digest([down])]);
      await finish(near, far);
      assertEquals([near.failure, far.failure], [undefined, undefined]);
    });

    it("read nothing while they are paused, and hold the sender back", { timeout: 60_000 }, async () => {
      const { near, far } = await bench.connect(undefined, undefined, true);
      const octets = pattern(40_000_000);
      assertEquals(near.socket.write(octets), false);
      await pings(3);
      assertEquals(far.received, 0);
      assert(near.socket.queued > 0, "the sender should be held back");
      far.socket.resume();
      await far.untilReceived(octets.length);
      await near.until(() => near.drains === 1);
      assertEquals(near.socket.queued, 0);
      await finish(near, far);
    });

    it("tell nothing while they are paused, and then all of it", { timeout: 60_000 }, async () => {
      const { near, far } = await bench.connect();
      const octets = pattern(200_000);
      const reader = new Sipper(far.socket);
      near.socket.write(octets);
      await reader.untilReceived(octets.length);
      assertEquals(digest(reader.chunks), digest([octets]));
      assertEquals(reader.rudeness, 0);
      await finish(near, reader);
    });

    for (const length of [40_000, 16_384 + 100, 2 * 16_384 + 100]) {
      it(`tell the end behind ${length} octets that arrive with it, paused after the first`, LIMIT, async () => {
        const gate = await Gate.open(exchange.port);
        const result = bench.serveNext();
        const client = connectTls({ port: gate.port, host: "127.0.0.1", rejectUnauthorized: false });
        client.on("error", () => {});
        const reader = new Sipper(secured(await result).socket);
        client.write("hello");
        await reader.untilReceived(5);
        gate.hold();
        client.end(pattern(length));
        await reader.untilEnded();
        assertEquals([reader.received, reader.rudeness], [5 + length, 0]);
        assert(areSame(reader.chunks, Buffer.concat([Buffer.from("hello"), pattern(length)])));
        reader.socket.close();
        await reader.untilClosed();
        await gate.close();
      });
    }

    it("send several lines of one turn in order, and then the end", async () => {
      const { near, far } = await bench.connect();
      near.socket.resume();
      far.socket.resume();
      const lines = ["* OK\r\n", "a BYE\r\n", "* later\r\n"];
      for (const line of lines) far.say(line);
      far.socket.close();
      await near.untilEnded();
      assertEquals(near.text, lines.join(""));
      near.socket.close();
      await Promise.all([near.untilClosed(), far.untilClosed()]);
      assertEquals([near.failure, far.failure], [undefined, undefined]);
    });

    it("go on writing after their peer has ended", async () => {
      const { near, far } = await bench.connect();
      near.socket.resume();
      far.socket.resume();
      near.say("QUIT\r\n");
      near.socket.end();
      await far.untilEnded();
      const octets = pattern(1_000_000);
      far.socket.write(octets);
      far.socket.end();
      await near.untilEnded();
      assert(areSame(near.chunks, octets));
      await Promise.all([near.untilClosed(), far.untilClosed()]);
      assertEquals([near.failure, far.failure, near.closings, far.closings], [undefined, undefined, 1, 1]);
    });

    it("say goodbye in TLS before they close", async () => {
      const result = bench.serveNext();
      const raw = connectTls({ port: exchange.port, host: "127.0.0.1", rejectUnauthorized: false });
      let trouble: unknown;
      raw.on("error", (error) => trouble = error).resume();
      const ended = new Promise((resolve) => raw.on("end", resolve));
      const far = new Peer(secured(await result).socket);
      far.say("* BYE\r\n");
      far.socket.close();
      await ended;
      raw.end();
      await far.untilClosed();
      assertEquals(trouble, undefined);
    });

    it("are gone at once when they are aborted", async () => {
      const { near, far } = await bench.connect();
      near.socket.resume();
      far.socket.abort();
      await far.untilClosed();
      await near.until(() => near.hasEnded || near.closings > 0);
      assertEquals([far.failure, far.closings], [undefined, 1]);
      await abort(near);
    });

    it("are gone at once though their peers do not read what was written", LIMIT, async () => {
      const before = runtime.sockets();
      for (const pieces of [[20_000_000], [1_000_000, 20_000_000]]) {
        const result = bench.serveNext();
        const raw = connectTls({ port: exchange.port, host: "127.0.0.1", rejectUnauthorized: false });
        raw.on("error", () => {}).on("secureConnect", () => raw.pause());
        const far = new Peer(secured(await result).socket);
        far.socket.resume();
        const taken = pieces.map((length) => far.socket.write(new Uint8Array(length)));
        assertEquals(taken.at(-1), false);
        far.socket.abort();
        await far.untilClosed();
        assertEquals([far.closings, runtime.sockets()], [1, before]);
        raw.destroy();
      }
    });

    it("are gone in the end, at whatever moment their peers break off", { timeout: 60_000 }, async () => {
      const before = runtime.sockets();
      const chunk = pattern(150_000);
      for (let moment = 0; moment < 24; moment++) {
        const result = bench.serveNext();
        const raw = connectTls({ port: exchange.port, host: "127.0.0.1", rejectUnauthorized: false });
        let left = 40_000 * (moment % 8);
        const leave = () => left > 0 || raw.destroy();
        raw.on("error", () => {}).on("secureConnect", leave).on("data", (bytes: Uint8Array) => {
          left -= bytes.length;
          leave();
        });
        const outcome = await result;
        if ("failure" in outcome) continue;
        const far = new Peer(outcome.socket);
        far.socket.resume();
        // One is under way, one waits for it, and the end for both.
        far.socket.write(chunk);
        far.socket.write(chunk);
        if (moment % 3 === 0) far.socket.end();
        if (moment % 3 === 1) far.socket.close();
        await far.until(() => far.hasEnded || far.closings > 0);
        far.socket.close();
        await far.untilClosed();
        assertEquals(far.closings, 1);
      }
      assertEquals(runtime.sockets(), before);
    });

    it("are counted", async () => {
      const before = runtime.sockets();
      const { near, far } = await bench.connect();
      assertEquals(runtime.sockets(), before + 2);
      await finish(near, far);
      assertEquals(runtime.sockets(), before);
    });
  });

  describe("a relay", () => {
    it("moves octets between TLS and TLS with back-pressure", { timeout: 60_000 }, async () => {
      const client = await bench.connect();
      const upstream = await bench.connect();
      const [up, down] = [pattern(6_000_000, 3), pattern(40_000_000, 4)];
      const result = new Promise<RelayResult>((done) =>
        runtime.relay({
          client: client.far.socket,
          upstream: upstream.near.socket,
          toClient: new Uint8Array(0),
          toUpstream: new TextEncoder().encode("held"),
          clientEnded: false,
          timeout: 60_000,
          done,
        })
      );
      const [mail, server] = [client.near, upstream.far];
      server.socket.write(down);
      server.socket.resume();
      mail.socket.write(up);
      await server.untilReceived(up.length + 4);
      await pings(2);
      assert(server.socket.queued > 0, "a client that does not read should hold the server back");
      mail.socket.resume();
      await mail.untilReceived(down.length);
      mail.socket.end();
      await server.untilEnded();
      server.socket.end();
      assertEquals(await result, {
        end: "clientClosed",
        failure: undefined,
        bytesToClient: down.length,
        bytesToUpstream: up.length + 4,
      });
      assertEquals(digest(mail.chunks), digest([down]));
      assertEquals(digest(server.chunks), digest([new TextEncoder().encode("held"), up]));
      await finish(mail, server);
    });
  });

  /** Other connections come and go: what was to happen meanwhile has happened. */
  async function pings(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const { near, far } = await exchange.connect();
      const [left, right] = [new Peer(near), new Peer(far)];
      right.socket.resume();
      left.say("ping");
      await right.untilReceived(4);
      await finish(left, right);
    }
  }
});

/** Pauses after each chunk, and resumes in a later turn. */
class Sipper extends Peer {
  /** How often it was told something all the same. */
  rudeness = 0;
  #isPaused = false;

  constructor(socket: Socket) {
    super(socket);
    socket.resume();
  }

  override bytes(bytes: Uint8Array): void {
    if (this.#isPaused) this.rudeness++;
    this.#isPaused = true;
    this.socket.pause();
    setImmediate(() => {
      this.#isPaused = false;
      this.socket.resume();
    });
    super.bytes(bytes);
  }
}

/** A way to a port that can be held shut until its client has said all: then all of it goes on at once. */
class Gate {
  readonly #server: Server;
  readonly #held: Uint8Array[] = [];
  #isShut = false;

  private constructor(port: number) {
    this.#server = createServer({ allowHalfOpen: true }, (near) => {
      const far = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
      for (const socket of [near, far]) socket.on("error", () => socket.destroy());
      near.on("data", (bytes: Uint8Array) => this.#isShut ? this.#held.push(bytes) : far.write(bytes));
      near.on("end", () => far.end(Buffer.concat(this.#held)));
      far.pipe(near);
    });
  }

  static async open(port: number): Promise<Gate> {
    const gate = new Gate(port);
    await new Promise<void>((resolve) => gate.#server.listen(0, "127.0.0.1", resolve));
    return gate;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  hold(): void {
    this.#isShut = true;
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}

function digest(chunks: readonly Uint8Array[]): string {
  const hash = createHash("sha256");
  for (const chunk of chunks) hash.update(chunk);
  return hash.digest("hex");
}
