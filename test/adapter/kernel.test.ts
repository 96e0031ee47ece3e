import { after, before, describe, it } from "node:test";
import { connect as connectRaw, createServer, type Server } from "node:net";
import process from "node:process";
import { setImmediate, setTimeout } from "node:timers";
import { assert, assertEquals, assertLess, assertThrows } from "@std/assert";
import { Agenda, Appointment } from "../../adapters/_agenda.ts";
import { loadRuntime } from "../../adapters/detect.ts";
import { eventLayout, type Kernel, nodeForeign, openKernel } from "../../adapters/_kernel.ts";
import { KernelAddress } from "../../adapters/_kernel_address.ts";
import { KernelSocket } from "../../adapters/_kernel_socket.ts";
import { NetListener } from "../../adapters/_listener.ts";
import { openOpenSsl } from "../../adapters/_openssl.ts";
import { type Pollable, Poller, READABLE } from "../../adapters/_poller.ts";
import type { Runtime, Socket } from "../../src/runtime.ts";
import { isFailure } from "../../src/runtime.ts";
import { Exchange, Peer, SOCKETS_AT_ONCE, tryListen } from "./_peer.ts";

describe("the kernel's calls", () => {
  it("can be made on this machine", () => {
    assert(openKernel() !== undefined);
  });

  it("say why they failed", () => {
    const kernel = openKernel();
    if (kernel === undefined) return;
    assertEquals([kernel.close(-1), kernel.errno()], [-1, 9]);
    assertEquals([kernel.socket(-1, 1, 0), kernel.errno()], [-1, 97]);
  });

  it("leave the stream of warnings alone, and as it was", () => {
    const { emitWarning } = process;
    const warnings: unknown[] = [];
    process.emitWarning = (warning: unknown) => void warnings.push(warning);
    const ours = process.emitWarning;
    try {
      // Opened anew each time, and only Node has it.
      if ("Deno" in globalThis || "Bun" in globalThis) assertThrows(() => nodeForeign());
      else nodeForeign();
      assertEquals([process.emitWarning === ours, warnings], [true, []]);
    } finally {
      process.emitWarning = emitWarning;
    }
  });
});

describe("the kernel's addresses", () => {
  const address = new KernelAddress();

  it("come back as they were put", () => {
    for (const host of ["127.0.0.1", "192.0.2.255", "::1", "2001:db8::a:0:0:1", "::ffff:192.0.2.1", "fe80::1"]) {
      for (const port of [0, 25, 65535]) {
        assertEquals(address.put(host, port), host.includes(":") ? 28 : 16);
        assertEquals(address.take(), { family: host.includes(":") ? 6 : 4, host, port });
      }
    }
  });

  it("keep nothing of one that was longer", () => {
    address.put("2001:db8:1:2:3:4:5:6", 993);
    address.put("10.0.0.1", 143);
    assert(address.octets.subarray(8).every((octet) => octet === 0));
  });

  it("come back whether it is the same host as before or another", () => {
    for (let i = 0; i <= 256; i++) {
      const host = `10.0.${i >> 8}.${i & 255}`;
      for (const port of [1, 2]) {
        address.put(host, port);
        assertEquals(address.take(), { family: 4, host, port });
      }
    }
    address.put("10.0.0.0", 3);
    assertEquals(address.take(), { family: 4, host: "10.0.0.0", port: 3 });
  });

  it("are numeric, and have no zone", () => {
    for (const host of ["127.0.0.1", "::1", "2001:db8::1"]) {
      assert(address.fits(host));
      address.put(host, 1);
      assert(address.fits(host));
    }
    for (const host of ["", "localhost", "127.1", "[::1]", "fe80::1%1", "127.0.0.1.", "/socket"]) {
      assert(!address.fits(host), host);
      address.put(host, 1);
      assert(!address.fits(host), `${host}, put`);
    }
  });

  it("of other families are none", () => {
    address.octets.fill(0);
    address.octets[0] = 1;
    assertEquals(address.take(), undefined);
  });
});

describe("an agenda", () => {
  it("knows what is due next, or a time before it", () => {
    const agenda = new Agenda();
    assertEquals(agenda.next(0), Infinity);
    const [first, second] = [new Appointment(10), new Appointment(20)];
    agenda.add(second);
    agenda.add(first);
    assertEquals(agenda.next(0), 10);
    agenda.remove(first);
    // What was taken back is looked for only when its time has come.
    assertEquals([agenda.next(9), agenda.next(10), agenda.next(20)], [10, 20, 20]);
    agenda.remove(second);
    assertEquals(agenda.next(21), Infinity);
  });

  it("promises nothing of many but that it will look soon", () => {
    const agenda = new Agenda();
    for (let i = 0; i <= 64; i++) agenda.add(new Appointment(1_000));
    assertEquals(agenda.next(0), 1_000);
    assertLess(agenda.next(1_000), 1_010);
  });
});

describe("a poller", () => {
  let kernel: Kernel;
  let poller: Poller;
  let runtime: Runtime;

  before(async () => {
    const opened = openKernel();
    const layout = eventLayout();
    assert(opened !== undefined && layout !== undefined);
    kernel = opened;
    poller = new Poller({ kernel, layout });
    runtime = await loadRuntime();
    poller.heed({ sockets: runtime.sockets, longestSleep: 1_000 });
  });

  /** A socket of UDP that has got something. */
  function readable(): number {
    const address = new KernelAddress();
    const descriptor = kernel.socket(2, 2 | 0o4000 | 0o2000000, 0);
    kernel.bind(descriptor, address.octets, address.put("127.0.0.1", 0));
    address.clear();
    kernel.getsockname(descriptor, address.octets, address.length);
    kernel.connect(descriptor, address.octets, 16);
    kernel.write(descriptor, new Uint8Array(1));
    return descriptor;
  }

  /** What an owner is told first. */
  function told(descriptor: number): Promise<number> {
    return new Promise((resolve) => {
      const owner: Pollable = {
        ticket: 0,
        ready(events) {
          poller.remove(descriptor);
          kernel.close(descriptor);
          resolve(events);
        },
      };
      assert(poller.add(descriptor, READABLE, owner));
    });
  }

  it("tells what is ready", async () => {
    assertEquals(await told(readable()), 1);
  });

  it("tells a descriptor's owner nothing that was meant for the one before", async () => {
    const heard: string[] = [];
    const [first, second] = [readable(), readable()];
    const done = new Promise<void>((resolve) => {
      const owner: Pollable = {
        ticket: 0,
        ready() {
          heard.push("first");
          // Both are ready in the same turn: the second one's descriptor gets another owner.
          poller.remove(second);
          kernel.close(second);
          const again = readable();
          assertEquals(again, second);
          const next: Pollable = { ticket: 0, ready: () => {} };
          poller.add(again, 0, next);
          next.ready = () => heard.push("stranger");
          poller.remove(first);
          kernel.close(first);
          setImmediate(() => {
            poller.remove(again);
            kernel.close(again);
            resolve();
          });
        },
      };
      poller.add(first, READABLE, owner);
      poller.add(second, READABLE, { ticket: 0, ready: () => heard.push("second") });
    });
    await done;
    assertEquals(heard, ["first"]);
  });

  it("wakes for what the runtime has to do, and for timers, and lets nobody wait for its longest sleep", async () => {
    const silent = kernel.socket(2, 2 | 0o4000, 0);
    assert(poller.add(silent, READABLE, { ticket: 0, ready: () => {} }));
    const started = performance.now();
    const server: Server = createServer((socket) => socket.end("hello"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const peer = await Exchange.open(runtime);
    const { near, far } = await peer.connect();
    const [left, right] = [new Peer(near), new Peer(far)];
    right.socket.resume();
    left.say("ping");
    await right.untilReceived(4);
    await new Promise<void>((resolve) => runtime.timer(20, resolve));
    left.socket.abort();
    await right.untilEnded();
    right.socket.abort();
    await peer.close();
    await new Promise<void>((resolve) => server.close(() => resolve()));
    const took = performance.now() - started;
    poller.remove(silent);
    kernel.close(silent);
    assertLess(took, 900);
  });

  it("wakes for what the runtime does when it has no sockets yet", async () => {
    const alone = new Poller({ kernel, layout: eventLayout() ?? { words: 0, data: 0 } });
    alone.heed({ sockets: () => 0, longestSleep: 60_000 });
    const silent = kernel.socket(2, 2 | 0o4000, 0);
    assert(alone.add(silent, READABLE, { ticket: 0, ready: () => {} }));
    const server = createServer((socket) => socket.end("hello"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    assert(typeof address === "object" && address !== null);
    for (let i = 0; i < 4; i++) {
      const started = performance.now();
      assert(!isFailure(await runtime.lookup("localhost")));
      await new Promise<void>((resolve) => connectRaw(address.port, "127.0.0.1").resume().on("end", resolve));
      assertLess(performance.now() - started, 30_000);
    }
    alone.remove(silent);
    kernel.close(silent);
    server.close();
  });

  it("gives the runtime its turns, and has timers ring, while octets are passed on without an end", async () => {
    const alone = new Poller({ kernel, layout: eventLayout() ?? { words: 0, data: 0 } });
    alone.heed({ sockets: () => 0, longestSleep: 1_000 });
    const octet = new Uint8Array(1);
    const endless = readable();
    let told = 0;
    const ready = () => {
      told++;
      kernel.read(endless, octet);
      kernel.write(endless, octet);
    };
    assert(alone.add(endless, READABLE, { ticket: 0, ready }));
    for (let turns = 0; turns < 10; turns++) {
      const before = told;
      await new Promise<void>((resolve) => setImmediate(resolve));
      await new Promise<void>((resolve) => runtime.timer(1, resolve));
      assertLess(before, told);
    }
    alone.remove(endless);
    kernel.close(endless);
  });

  it("sleeps behind what was planned, and what that planned", async () => {
    const heard: string[] = [];
    const listening: Kernel = {
      ...kernel,
      epoll_wait: (epoll, events, most, timeout) => {
        if (timeout > 0) heard.push("sleep");
        return kernel.epoll_wait(epoll, events, most, timeout);
      },
    };
    const alone = new Poller({ kernel: listening, layout: eventLayout() ?? { words: 0, data: 0 } });
    alone.heed({ sockets: () => 0, longestSleep: 1_000 });
    const octet = new Uint8Array(1);
    const one = readable();
    const plan = (left: number) => {
      heard.push(`planned, ${left} to go`);
      if (left > 0) queueMicrotask(() => plan(left - 1));
    };
    let told = 0;
    await new Promise<void>((resolve) => {
      const ready = () => {
        kernel.read(one, octet);
        // In the first turns the runtime may have something to do.
        if (++told < 10) return void kernel.write(one, octet);
        heard.length = 0;
        plan(4);
        runtime.timer(500, resolve);
      };
      assert(alone.add(one, READABLE, { ticket: 0, ready }));
    });
    alone.remove(one);
    kernel.close(one);
    assertEquals(heard.slice(0, 6), [...[4, 3, 2, 1, 0].map((left) => `planned, ${left} to go`), "sleep"]);
  });

  it("has timers ring when what was passed on was all", async () => {
    const alone = new Poller({ kernel, layout: eventLayout() ?? { words: 0, data: 0 } });
    alone.heed({ sockets: () => 0, longestSleep: 60_000 });
    const octet = new Uint8Array(1);
    const single = readable();
    const passed = new Promise<void>((resolve) => {
      const ready = () => {
        kernel.read(single, octet);
        resolve();
      };
      assert(alone.add(single, READABLE, { ticket: 0, ready }));
    });
    await passed;
    for (const delay of [2, 20]) await new Promise<void>((resolve) => runtime.timer(delay, resolve));
    alone.remove(single);
    kernel.close(single);
  });

  it("lets others do what they plan without telling it, a little later", async () => {
    const silent = kernel.socket(2, 2 | 0o4000, 0);
    assert(poller.add(silent, READABLE, { ticket: 0, ready: () => {} }));
    const started = performance.now();
    await new Promise<void>((resolve) => setTimeout(resolve, 1));
    const took = performance.now() - started;
    poller.remove(silent);
    kernel.close(silent);
    assertLess(took, 2_500);
  });
});

describe("a runtime that may have the kernel's sockets", () => {
  let runtime: Runtime;

  before(async () => {
    runtime = await loadRuntime({ sockets: "kernel", longestSleep: 2 });
  });

  /** Dials, says a word and hears it again; gives back the listener's end. */
  async function converse(exchange: Exchange, word: string): Promise<Socket> {
    const raw = connectRaw({ host: "127.0.0.1", port: exchange.port });
    raw.write(word);
    const socket = await exchange.accept();
    const far = new Peer(socket);
    far.socket.resume();
    await far.untilReceived(word.length);
    const heard = new Promise<string>((resolve) => raw.once("data", (bytes) => resolve(bytes.toString())));
    far.say(far.text);
    assertEquals(await heard, word);
    assertEquals(socket.remote, { family: 4, host: "127.0.0.1", port: raw.localPort ?? 0 });
    const ended = new Promise<void>((resolve) => raw.once("end", resolve));
    far.socket.close();
    await ended;
    raw.end();
    await far.untilClosed();
    return socket;
  }

  it("has them from the first client on, which loses nothing by that, until there is a lull", async () => {
    const exchange = await Exchange.open(runtime);
    for (const word of ["first", "second", "third"]) {
      assert(await converse(exchange, word) instanceof KernelSocket, word);
    }
    assertEquals(runtime.sockets(), 0);
    await new Promise<void>((resolve) => runtime.timer(1_500, resolve));
    const connected: Socket[] = [];
    const cancel = runtime.connect({ host: "127.0.0.1", port: exchange.port }, {
      connected: (socket) => connected.push(socket),
      failed: () => {},
    });
    const far = await exchange.accept();
    while (connected.length === 0) await new Promise<void>((resolve) => setImmediate(resolve));
    assert(!(connected[0] instanceof KernelSocket), "the runtime should have it again");
    cancel();
    for (const socket of [far, ...connected]) socket.abort();
    while (runtime.sockets() > 0) await new Promise<void>((resolve) => setImmediate(resolve));
    assert(await converse(exchange, "again") instanceof KernelSocket);
    await exchange.close();
  });

  it("leaves listeners on which TLS will be begun to a runtime whose TLS is spoken on them", async () => {
    const isOurs = openOpenSsl() !== undefined;
    assertEquals(isOurs, runtime.name !== "bun");
    const exchange = await Exchange.open(runtime, { isSecure: true });
    const words = ["first", "second"];
    const sockets: Socket[] = [];
    for (const word of words) sockets.push(await converse(exchange, word));
    await exchange.close();
    assertEquals(sockets.map((socket) => socket instanceof KernelSocket), [isOurs, isOurs]);
  });

  it("closes a listener in either state, and listens there again", async () => {
    for (const words of [[], ["taken"]]) {
      const first = await Exchange.open(runtime);
      const { port } = first;
      for (const word of words) await converse(first, word);
      await first.close();
      const second = await Exchange.open(runtime, { address: { host: "127.0.0.1", port } });
      await converse(second, "there");
      await second.close();
    }
  });
});

/** Sends as much as the kernel takes, for ever. */
class Source extends Peer {
  fill(): void {
    while (this.socket.write(new Uint8Array(1 << 20)));
  }

  override drained(): void {
    this.fill();
  }
}

describe("a runtime with the kernel's sockets", () => {
  let runtime: Runtime;
  let exchange: Exchange;

  before(async () => {
    runtime = await loadRuntime({ sockets: "kernel", ...SOCKETS_AT_ONCE });
    exchange = await Exchange.open(runtime);
  });

  after(() => exchange.close());

  it("has them for what it accepts and connects in clear", async () => {
    const { near, far } = await exchange.connect();
    assertEquals([near, far].map((socket) => socket instanceof KernelSocket), [true, true]);
    assertEquals(runtime.sockets(), 2);
    const peers = [near, far].map((socket) => new Peer(socket));
    for (const { socket } of peers) socket.close();
    for (const peer of peers) await peer.untilClosed();
    assertEquals(runtime.sockets(), 0);
  });

  it("hears of a server that has gone before it is looked at, and of what that said", async () => {
    const kernel = openKernel();
    assert(kernel !== undefined);
    const address = new KernelAddress();
    const server = await tryListen(await loadRuntime(), {});
    const descriptor = server instanceof NetListener ? server.descriptor() : undefined;
    assert(!isFailure(server) && server.address.family !== "unix" && descriptor !== undefined);
    const { host, port } = server.address;
    for (const words of ["", "* BYE\r\n"]) {
      const connected = new Promise<Peer>((resolve, reject) => {
        runtime.connect({ host, port }, {
          connected(socket) {
            const peer = new Peer(socket);
            peer.socket.resume();
            resolve(peer);
          },
          failed: reject,
        });
      });
      // All of it happens before the poller has its turn.
      address.clear();
      const accepted = kernel.accept4(descriptor.number, address.octets, address.length, 0);
      assertLess(0, accepted);
      kernel.write(accepted, new TextEncoder().encode(words));
      kernel.close(accepted);
      const peer = await connected;
      await peer.untilEnded();
      assertEquals(peer.text, words);
      peer.socket.close();
      await peer.untilClosed();
    }
    if (descriptor.isOurs) kernel.close(descriptor.number);
    await server.close();
  });

  it("tells a reset even while nobody reads", async () => {
    const raw = connectRaw({ host: "127.0.0.1", port: exchange.port });
    raw.write("x");
    const far = new Peer(await exchange.accept());
    far.socket.resume();
    await far.untilReceived(1);
    far.socket.pause();
    raw.resetAndDestroy();
    await far.untilClosed();
    assertEquals([far.failure?.number, far.hasEnded, far.closings], [104, false, 1]);
  });

  it("waits for its peer's end when it is closed at once only if there is something unread", {
    timeout: 60_000,
  }, async () => {
    for (const isUnread of [false, true]) {
      const { near, far } = await exchange.connect();
      const [peer, other] = [new Peer(far), new Peer(near)];
      assert(far instanceof KernelSocket);
      peer.socket.resume();
      other.say("a LOGOUT\r\n");
      await peer.untilReceived(10);
      peer.socket.pause();
      if (isUnread) {
        other.say("b NOOP\r\n");
        await exchange.untilTold();
      }
      peer.say("* BYE\r\n");
      far.closeAtOnce();
      other.socket.resume();
      await other.untilEnded();
      assertEquals([isUnread, other.text, peer.closings], [isUnread, "* BYE\r\n", isUnread ? 0 : 1]);
      other.socket.close();
      await Promise.all([peer.untilClosed(), other.untilClosed()]);
      assertEquals([other.failure, peer.failure, peer.text], [undefined, undefined, "a LOGOUT\r\n"]);
    }
  });

  it("tells nobody anything of a socket that was given away, gone or not", async () => {
    for (const isGone of [false, true]) {
      const { near, far } = await exchange.connect();
      const [peer, other] = [new Peer(far), new Peer(near)];
      assert(far instanceof KernelSocket);
      if (isGone) far.abort();
      const given = far.surrender();
      assertEquals(given === undefined, isGone);
      const kernel = openKernel();
      if (given !== undefined) kernel?.close(given.descriptor);
      other.socket.resume();
      await other.untilEnded();
      other.socket.close();
      await other.untilClosed();
      assertEquals([peer.closings, peer.hasEnded, far.isClosed], [0, false, true]);
    }
    assertEquals(runtime.sockets(), 0);
  });

  it("shares its time fairly between one that floods and others", async () => {
    const [flood, other] = [await exchange.connect(), await exchange.connect()];
    const [source, sink] = [new Source(flood.near), new Peer(flood.far, true)];
    source.fill();
    sink.socket.resume();
    const [asks, answers] = [new Peer(other.near), new Peer(other.far)];
    answers.socket.resume();
    asks.say("ping");
    await answers.untilReceived(4);
    for (const { socket } of [source, sink, asks, answers]) socket.abort();
    for (const peer of [source, sink, asks, answers]) await peer.untilClosed();
    assertLess(0, sink.received);
  });

  it("leaves a listener that it has taken over to nobody else", async () => {
    const accepted: Socket[] = [];
    const listener = await tryListen(runtime, {}, (socket) => accepted.push(socket));
    assert(!isFailure(listener) && listener.address.family !== "unix");
    const { host, port } = listener.address;
    const connected = await Promise.all(Array.from({ length: 32 }, () =>
      new Promise<Socket>((resolve, reject) => {
        runtime.connect({ host, port }, { connected: resolve, failed: reject });
      })));
    while (accepted.length < 32) await new Promise<void>((resolve) => setImmediate(resolve));
    assert(accepted.every((socket) => socket instanceof KernelSocket));
    for (const socket of [...connected, ...accepted]) socket.abort();
    await listener.close();
    const refused = await new Promise<unknown>((resolve) => {
      runtime.connect({ host, port }, { connected: resolve, failed: resolve });
    });
    assertEquals(refused, { number: 111, text: "Connection refused" });
  });
});
