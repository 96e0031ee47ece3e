import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { loadRuntime } from "../../adapters/detect.ts";
import type { DatagramSocket, Runtime, SystemFailure } from "../../src/runtime.ts";
import { UNIX_DATAGRAMS, UnixSyslogServer } from "../support/unix_syslog_server.ts";
import { eventually } from "../support/watch.ts";

/** How many datagrams are kept for a server that does not read, beside those that the kernel keeps. */
const MOST_WAITING = 4_096;

describe("a datagram socket towards a path", UNIX_DATAGRAMS, () => {
  let runtime: Runtime;
  let folder: string;
  const failures: SystemFailure[] = [];
  /** Why datagrams were lost, by their numbers. */
  const losses: number[] = [];
  const servers: UnixSyslogServer[] = [];
  const sockets: DatagramSocket[] = [];

  const listener = createServer();

  before(async () => {
    runtime = await loadRuntime();
    folder = mkdtempSync(join(tmpdir(), "postern-datagram-"));
  });
  afterEach(() => {
    listener.close();
    for (const socket of sockets.splice(0)) socket.close();
    for (const server of servers.splice(0)) server.stop();
    failures.length = 0;
    losses.length = 0;
  });
  after(() => rmSync(folder, { recursive: true }));

  /** Has a server there that wants connections. */
  function listen(path: string): Promise<void> {
    return new Promise((resolve) => listener.listen(path, resolve));
  }

  function serverAt(name: string): UnixSyslogServer {
    const server = new UnixSyslogServer(join(folder, name));
    servers.push(server);
    server.start();
    return server;
  }

  function socketTo(path: string): DatagramSocket {
    const socket = runtime.datagram({ path }, {
      received() {},
      failed: (failure) => void failures.push(failure),
      lost: ({ number }) => void losses.push(number),
    });
    sockets.push(socket);
    return socket;
  }

  it("is what the runtime says that it has", () => {
    assertEquals(runtime.capabilities["log.unixDatagram"], { state: "yes" });
  });

  it("has sent a datagram when it has taken it", () => {
    const server = serverAt("at once");
    const socket = socketTo(server.path);
    socket.send(octets("one"));
    socket.send(octets("\xff\0 two"));
    socket.send(octets("x".repeat(9_000)));
    server.read();
    assertEquals(server.lines, ["one", "\xff\0 two", "x".repeat(9_000)]);
    socket.close();
    socket.close();
    socket.send(octets("late"));
    server.read();
    assertEquals([server.lines.length, failures], [3, []]);
  });

  it("finds a path of 107 octets, of any kind", () => {
    const rest = 107 - folder.length - 1;
    const server = serverAt("\u00e4".repeat(rest % 2) + "n".repeat(rest - 2 * (rest % 2)));
    assertEquals(new TextEncoder().encode(server.path).length, 107);
    socketTo(octetPath(server.path)).send(octets("far"));
    server.read();
    assertEquals(server.lines, ["far"]);
  });

  it("goes to the server that has the path by then", () => {
    const server = serverAt("taken over");
    const socket = socketTo(server.path);
    socket.send(octets("to the first"));
    server.stop();
    server.start();
    socket.send(octets("to the second"));
    const third = serverAt("taken over");
    socket.send(octets("to the third"));
    server.read();
    third.read();
    assertEquals([server.lines, third.lines, failures], [["to the first", "to the second"], ["to the third"], []]);
  });

  it("keeps for a slow server what comes, in its order, and waits for it at the end", async () => {
    const server = serverAt("slow");
    const socket = socketTo(server.path);
    const inKernel = Number(readFileSync("/proc/sys/net/unix/max_dgram_qlen", "latin1")) + 1;
    const texts = Array.from({ length: 100 + inKernel }, (_, i) => `line ${i}`);
    for (const text of texts) socket.send(octets(text));
    server.read();
    assertLess(server.lines.length, texts.length);
    const ended = socket.end();
    await server.until(texts.length);
    assertEquals(server.lines, texts);
    await ended;
  });

  it("keeps no more than it should, and loses what comes then", async () => {
    const server = serverAt("overrun");
    const socket = socketTo(server.path);
    const texts = Array.from({ length: 10_000 }, (_, i) => `line ${i}`);
    for (const text of texts) socket.send(octets(text));
    // What is in the kernel when nothing has been read.
    const kept = server.read();
    await server.until(kept + 100);
    assertEquals(server.lines.slice(0, kept + 100), texts.slice(0, kept + 100));
    assertEquals(losses, Array(texts.length - kept - MOST_WAITING).fill(11));
    assertEquals(failures, []);
  });

  it("does not wait for ever for a server that has stopped reading", async () => {
    const server = serverAt("stuck");
    const socket = socketTo(server.path);
    for (let i = 0; i < 2_000; i++) socket.send(octets("x"));
    const start = performance.now();
    const awake = setInterval(() => {}, 1_000);
    await socket.end();
    clearInterval(awake);
    assertGreater(performance.now() - start, 400);
    assertLess(performance.now() - start, 3_000);
    assert(server.read() < 2_000);
    assertEquals(failures, []);
  });

  const nobody: readonly [string, SystemFailure][] = [
    ["nobody", { number: 111, text: "Connection refused" }],
    ["nothing", { number: 2, text: "No such file or directory" }],
    ["file", { number: 111, text: "Connection refused" }],
    ["stream", { number: 91, text: "Protocol wrong type for socket" }],
  ];
  for (const [name, failure] of nobody) {
    it(`fails later, once, and never at once: ${name}`, async () => {
      const path = join(folder, name);
      if (name === "nobody") serverAt(name).stop();
      if (name === "file") writeFileSync(path, "");
      if (name === "stream") await listen(path);
      const socket = socketTo(path);
      for (let i = 0; i < 3; i++) socket.send(octets("lost"));
      assertEquals(failures, []);
      await eventually(() => failures.length > 0, () => "no failure");
      socket.send(octets("lost"));
      await socket.end();
      assertEquals(failures, [failure]);
    });
  }

  it("does not tell who has closed it", async () => {
    const socket = socketTo(join(folder, "nothing"));
    socket.send(octets("lost"));
    socket.close();
    await Promise.resolve();
    assertEquals(failures, []);
  });
});

function octets(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function octetPath(path: string): string {
  return String.fromCharCode(...new TextEncoder().encode(path));
}
