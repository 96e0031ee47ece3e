import { createSocket, type Socket as RawSocket } from "node:dgram";
import { after, before, describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { loadRuntime } from "../../adapters/detect.ts";
import type { DatagramHandler, Runtime, SocketAddress, SystemFailure } from "../../src/runtime.ts";

/** Writes down what a datagram socket tells. */
class Listener implements DatagramHandler {
  readonly datagrams: { readonly text: string; readonly from: SocketAddress }[] = [];
  readonly failures: SystemFailure[] = [];
  #changed = () => {};

  received(bytes: Uint8Array, from: SocketAddress): void {
    this.datagrams.push({ text: new TextDecoder("latin1").decode(bytes), from });
    this.#changed();
  }

  failed(failure: SystemFailure): void {
    this.failures.push(failure);
    this.#changed();
  }

  /** Resolves with the first event from now on. */
  next(): Promise<void> {
    return new Promise((resolve) => this.#changed = resolve);
  }
}

/** A UDP server of the test. */
class Peer {
  readonly raw: RawSocket;
  readonly heard: { readonly text: string; readonly port: number }[] = [];
  #changed = () => {};

  constructor(type: "udp4" | "udp6" = "udp4") {
    this.raw = createSocket(type);
    // Bun tells it when one of the sockets under test is closed already.
    this.raw.on("error", () => {});
    this.raw.on("message", (bytes, from) => {
      this.heard.push({ text: bytes.toString("latin1"), port: from.port });
      this.#changed();
    });
  }

  async open(host = "127.0.0.1"): Promise<{ host: string; port: number }> {
    await new Promise<void>((resolve) => this.raw.bind(0, host, resolve));
    return { host, port: this.raw.address().port };
  }

  async until(count: number): Promise<void> {
    while (this.heard.length < count) await new Promise<void>((resolve) => this.#changed = resolve);
  }

  say(text: string, port: number, host = "127.0.0.1"): void {
    this.raw.send(text, port, host);
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.raw.close(() => resolve()));
  }
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

const DEAF = "Deno" in globalThis && "Deno does not tell that nobody listens: the asker's own timer has to do";

describe("a datagram socket", () => {
  let runtime: Runtime;
  const peers: Peer[] = [];

  before(async () => {
    runtime = await loadRuntime();
  });

  after(async () => {
    for (const peer of peers) await peer.close();
  });

  async function peerAt(host = "127.0.0.1"): Promise<{ peer: Peer; target: { host: string; port: number } }> {
    const peer = new Peer(host.includes(":") ? "udp6" : "udp4");
    const target = await peer.open(host);
    peers.push(peer);
    return { peer, target };
  }

  it("sends what it is given at once and later, and says who answers", async () => {
    const { peer, target } = await peerAt();
    const listener = new Listener();
    const socket = runtime.datagram(target, listener);
    socket.send(encode("one"));
    await peer.until(1);
    socket.send(encode("two"));
    await peer.until(2);
    assertEquals(peer.heard.map(({ text }) => text), ["one", "two"]);
    assertEquals(peer.heard[0]?.port, peer.heard[1]?.port);
    const answer = listener.next();
    peer.say("answer", peer.heard[0]?.port ?? 0);
    await answer;
    assertEquals(listener.datagrams, [{ text: "answer", from: { family: 4, ...target } }]);
    socket.close();
    assertEquals(listener.failures, []);
  });

  it("keeps the order of what it is given in one turn", async () => {
    const { peer, target } = await peerAt();
    const socket = runtime.datagram(target, new Listener());
    const texts = Array.from({ length: 8 }, (_, i) => `${i}`);
    for (const text of texts) socket.send(encode(text));
    await peer.until(8);
    assertEquals(peer.heard.map(({ text }) => text), texts);
    socket.close();
  });

  it("speaks IPv6", async () => {
    const { peer, target } = await peerAt("::1");
    const listener = new Listener();
    const socket = runtime.datagram(target, listener);
    socket.send(encode("six"));
    await peer.until(1);
    const answer = listener.next();
    peer.say("answer", peer.heard[0]?.port ?? 0, "::1");
    await answer;
    assertEquals(listener.datagrams, [{ text: "answer", from: { family: 6, ...target } }]);
    socket.close();
  });

  it("has a port of its own", async () => {
    const { peer, target } = await peerAt();
    const sockets = Array.from({ length: 8 }, () => runtime.datagram(target, new Listener()));
    for (const socket of sockets) socket.send(encode("x"));
    await peer.until(8);
    assertEquals(new Set(peer.heard.map(({ port }) => port)).size, 8);
    for (const socket of sockets) socket.close();
  });

  it("says nothing and sends nothing once it is closed", async () => {
    const { peer, target } = await peerAt();
    const listener = new Listener();
    const socket = runtime.datagram(target, listener);
    socket.send(encode("first"));
    await peer.until(1);
    socket.close();
    socket.close();
    socket.send(encode("late"));
    peer.say("late", peer.heard[0]?.port ?? 0);
    const second = new Listener();
    const other = runtime.datagram(target, second);
    other.close();
    other.send(encode("never"));
    const third = runtime.datagram(target, new Listener());
    third.send(encode("last"));
    await peer.until(2);
    assertEquals(peer.heard.map(({ text }) => text), ["first", "last"]);
    assertEquals([listener.datagrams, listener.failures, second.failures], [[], [], []]);
    third.close();
  });

  it("fails when nobody listens there", { skip: DEAF }, async () => {
    const { peer, target } = await peerAt();
    peers.splice(peers.indexOf(peer), 1);
    await peer.close();
    const listener = new Listener();
    const socket = runtime.datagram(target, listener);
    const failure = listener.next();
    socket.send(encode("hello"));
    await failure;
    assertEquals(listener.failures.map(({ text }) => text), ["Connection refused"]);
    socket.close();
    assertEquals(listener.failures.length, 1);
  });

  it("fails later, never at once, for what cannot be sent", async () => {
    const { target } = await peerAt();
    const listener = new Listener();
    const socket = runtime.datagram(target, listener);
    const failure = listener.next();
    socket.send(new Uint8Array(70_000));
    assertEquals(listener.failures, []);
    await failure;
    assertEquals(listener.failures.length, 1);
  });
});
