import { after, before, describe, it } from "node:test";
import { connect as connectRaw, type Socket as RawSocket } from "node:net";
import { assert, assertEquals, assertLess } from "@std/assert";
import { loadRuntime } from "../../adapters/detect.ts";
import type { Runtime, Socket } from "../../src/runtime.ts";
import { isFailure } from "../../src/runtime.ts";
import { areSame, connectTo, describeBoth, Exchange, listenAt, pattern, Peer, portOf, tryListen } from "./_peer.ts";

describeBoth("a socket", (load) => {
  let runtime: Runtime;
  let exchange: Exchange;

  before(async () => {
    runtime = await load();
    exchange = await Exchange.open(runtime);
  });

  after(() => exchange.close());

  async function peers(isCounting = false): Promise<{ near: Peer; far: Peer }> {
    const { near, far } = await exchange.connect();
    return { near: new Peer(near, isCounting), far: new Peer(far, isCounting) };
  }

  it("knows both addresses, and still knows them when it is closed", async () => {
    const { near, far } = await peers();
    assertEquals(near.socket.remote, { family: 4, host: "127.0.0.1", port: exchange.port });
    assertEquals(far.socket.local, near.socket.remote);
    assertEquals(far.socket.remote, near.socket.local);
    await finish(near, far);
    assertEquals(far.socket.local, near.socket.remote);
  });

  it("carries octets both ways", async () => {
    const { near, far } = await peers();
    near.socket.resume();
    far.socket.resume();
    near.say("a1 NOOP\r\n");
    await far.untilReceived(9);
    far.say("a1 OK\r\n");
    await near.untilReceived(7);
    assertEquals([far.text, near.text], ["a1 NOOP\r\n", "a1 OK\r\n"]);
    assertEquals(far.chunks.map((chunk) => chunk.constructor), [Uint8Array]);
    await finish(near, far);
  });

  it("reads nothing before it is resumed, and nothing while it is paused", async () => {
    const { near, far } = await peers(true);
    const octets = pattern(40_000_000);
    assertEquals(near.socket.write(octets), false);
    await roundTrips(3);
    assertEquals(far.received, 0);
    far.socket.resume();
    await far.untilReceived(1);
    far.socket.pause();
    const before = far.received;
    await roundTrips(3);
    assertEquals(far.received, before);
    assert(near.socket.queued > 0, "the sender should be held back");
    far.socket.resume();
    await far.untilReceived(octets.length);
    await near.until(() => near.drains === 1);
    assertEquals(near.socket.queued, 0);
    await finish(near, far);
  });

  it("keeps a big write in order", async () => {
    const { near, far } = await peers();
    const octets = pattern(20_000_000);
    far.socket.resume();
    near.socket.write(octets);
    near.socket.end();
    await far.untilEnded();
    assert(areSame(far.chunks, octets));
    await finish(near, far);
  });

  it("goes on writing after its peer has ended", async () => {
    const { near, far } = await peers();
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

  it("tells that its peer ended even while it is paused, where the runtime can", async () => {
    const { near, far } = await peers();
    far.socket.resume();
    near.say("QUIT");
    await far.untilReceived(4);
    far.socket.pause();
    near.socket.end();
    if (runtime.name !== "deno") await far.untilEnded();
    far.socket.resume();
    await far.untilEnded();
    await finish(near, far);
  });

  it("tells a reset by its number and name", async () => {
    const raw = await connectRawTo(exchange.port);
    const far = new Peer(await exchange.accept());
    far.socket.resume();
    raw.resetAndDestroy();
    await far.untilClosed();
    assertEquals(far.failure, { number: 104, text: "Connection reset by peer" });
    assertEquals(far.closings, 1);
    assertEquals(far.say("into the void"), true);
    far.socket.close();
    far.socket.abort();
  });

  it("is gone at once when it is aborted", async () => {
    const { near, far } = await peers();
    near.socket.resume();
    far.socket.abort();
    await far.untilClosed();
    await near.until(() => near.hasEnded || near.closings > 0);
    assertEquals([far.failure, far.closings], [undefined, 1]);
    near.socket.close();
    await near.untilClosed();
  });

  it("gets its last line across while its peer floods it", { timeout: 60_000 }, async () => {
    const raw = await connectRawTo(exchange.port);
    let text = "";
    let trouble: unknown;
    raw.setEncoding("latin1").on("data", (part: string) => text += part).on("error", (error) => trouble = error);
    const flood = new Uint8Array(256 * 1024);
    let isFlooding = true;
    const pour = () => {
      while (isFlooding && raw.write(flood));
    };
    raw.on("drain", pour).on("end", () => {
      isFlooding = false;
      raw.end();
    });
    const far = new Peer(await exchange.accept(), true);
    far.socket.resume();
    pour();
    await far.untilReceived(flood.length * 4);
    far.say("* BYE Too much\r\n");
    far.socket.close();
    const before = far.received;
    await far.untilClosed();
    assertEquals(text, "* BYE Too much\r\n");
    assertEquals(trouble, undefined);
    assertEquals([far.failure, far.closings, far.received], [undefined, 1, before]);
  });

  it("waits for its peer's end no longer than two seconds", { timeout: 60_000 }, async () => {
    const { near, far } = await peers();
    near.socket.resume();
    const started = runtime.now();
    far.say("+OK\r\n");
    far.socket.close();
    await near.untilEnded();
    await far.untilClosed();
    const waited = runtime.now() - started;
    assert(waited > 1_900 && waited < 6_000, `waited ${waited} ms`);
    assertEquals(near.text, "+OK\r\n");
    near.socket.abort();
    await near.untilClosed();
  });

  it("gives a slow peer all that is queued, however long it takes", { timeout: 60_000 }, async () => {
    const raw = await connectRawTo(exchange.port);
    raw.pause();
    const far = new Peer(await exchange.accept());
    const octets = pattern(12_000_000);
    far.socket.write(octets);
    far.socket.close();
    let received = 0;
    raw.on("data", (part: Uint8Array) => {
      received += part.length;
      raw.pause();
      setTimeout(() => raw.resume(), 20);
    });
    const ended = new Promise<void>((resolve) => raw.on("end", resolve));
    raw.resume();
    await ended;
    raw.end();
    await far.untilClosed();
    assertEquals(received, octets.length);
  });

  it("may be closed with nothing said, by both ends at once", async () => {
    const { near, far } = await peers();
    near.socket.close();
    far.socket.close();
    await Promise.all([near.untilClosed(), far.untilClosed()]);
    assertEquals([near.closings, far.closings], [1, 1]);
  });

  it("can change its owner", async () => {
    const { near, far } = await peers();
    near.say("before");
    far.socket.resume();
    await far.untilReceived(6);
    far.socket.pause();
    const second = new Peer(far.socket);
    near.say("after");
    second.socket.resume();
    await second.untilReceived(5);
    assertEquals([far.text, second.text], ["before", "after"]);
    await finish(near, second);
  });

  describe("being made", () => {
    it("tells a refused port", async () => {
      const closed = await Exchange.open(runtime);
      const { port } = closed;
      await closed.close();
      assertEquals(await connectTo(runtime, { host: "127.0.0.1", port }), {
        number: 111,
        text: "Connection refused",
      });
    });

    it("tells a unix socket that is not there", async () => {
      assertEquals(await connectTo(runtime, { path: "/nonexistent/socket" }), {
        number: 2,
        text: "No such file or directory",
      });
    });

    it("tells a name that nobody knows, without a number", async () => {
      const failure = await connectTo(runtime, { host: "nobody.invalid", port: 143 });
      assert(isFailure(failure));
      assertEquals(failure.number, 0);
      assertEquals(/^E[A-Z_]+$/.test(failure.text), false);
    });

    it("says nothing any more when it is cancelled", async () => {
      const listener = await listenAt(runtime, {}, (socket) => socket.abort());
      let calls = 0;
      const handler = { connected: () => calls++, failed: () => calls++ };
      const cancel = runtime.connect({ host: "127.0.0.1", port: portOf(listener) }, handler);
      cancel();
      cancel();
      await roundTrips(3);
      assertEquals(calls, 0);
      await listener.close();
    });

    it("is not undone by a late cancel", async () => {
      const other = await Exchange.open(runtime);
      const near = await new Promise<Socket>((resolve, reject) => {
        const cancel = runtime.connect({ host: "127.0.0.1", port: other.port }, {
          connected: (socket) => {
            cancel();
            resolve(socket);
          },
          failed: reject,
        });
      });
      const far = new Peer(await other.accept());
      far.socket.resume();
      near.write(new TextEncoder().encode("x"));
      await far.untilReceived(1);
      await finish(new Peer(near), far);
      await other.close();
    });
  });

  /** Something else comes and goes meanwhile: whatever was to happen at once has happened. */
  async function roundTrips(count: number): Promise<void> {
    const other = await Exchange.open(runtime);
    for (let i = 0; i < count; i++) {
      const { near, far } = await other.connect();
      const [left, right] = [new Peer(near), new Peer(far)];
      right.socket.resume();
      left.say("ping");
      await right.untilReceived(4);
      await finish(left, right);
    }
    await other.close();
  }
});

describe("a port in use", () => {
  it("is told by its number and name", async () => {
    const runtime = await loadRuntime();
    const first = await Exchange.open(runtime);
    const second = await tryListen(runtime, { address: { host: "127.0.0.1", port: first.port } });
    assertEquals(second, { number: 98, text: "Address already in use" });
    await first.close();
    assertLess(0, first.port);
  });
});

function connectRawTo(port: number): Promise<RawSocket> {
  return new Promise((resolve, reject) => {
    const raw = connectRaw({ host: "127.0.0.1", port, allowHalfOpen: true });
    raw.once("connect", () => resolve(raw)).once("error", reject);
  });
}

async function finish(near: Peer, far: Peer): Promise<void> {
  near.socket.close();
  far.socket.close();
  await Promise.all([near.untilClosed(), far.untilClosed()]);
}
