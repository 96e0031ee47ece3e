import { after, before, describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { loadRuntime } from "../../adapters/detect.ts";
import { FIONREAD, INT, isPassing, type Kernel, kernelMemory, openKernel, SOL_SOCKET } from "../../adapters/_kernel.ts";
import { KernelPipe, type Move } from "../../adapters/_kernel_pipe.ts";
import { KernelSocket } from "../../adapters/_kernel_socket.ts";
import type { Socket } from "../../src/runtime.ts";
import { eventually } from "../support/watch.ts";
import { Exchange, pattern, SOCKETS_AT_ONCE } from "./_peer.ts";

describe("the way past memory", () => {
  let kernel: Kernel;
  let exchange: Exchange;
  const room = new Uint8Array(262_144);
  const open: number[] = [];

  before(async () => {
    const opened = openKernel();
    assert(opened !== undefined);
    kernel = opened;
    exchange = await Exchange.open(await loadRuntime({ sockets: "kernel", ...SOCKETS_AT_ONCE }));
  });

  after(async () => {
    for (const descriptor of open) kernel.close(descriptor);
    await exchange.close();
  });

  /** The descriptors of both ends of a connection. */
  async function connection(): Promise<readonly [number, number]> {
    const { near, far } = await exchange.connect();
    return [descriptorOf(near), descriptorOf(far)];
  }

  function descriptorOf(socket: Socket): number {
    const given = socket instanceof KernelSocket ? socket.surrender() : undefined;
    assert(given !== undefined);
    open.push(given.descriptor);
    return given.descriptor;
  }

  /** All that there is to read of a socket for which so much is on its way. */
  async function readAll(descriptor: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length;) {
      const read = kernel.read(descriptor, bytes.subarray(at));
      if (read > 0) at += read;
      else if (read === 0 || !isPassing(kernel.errno())) throw new Error(`Ended after ${at} of ${length} octets`);
      else await new Promise((resolve) => setTimeout(resolve, 1));
    }
    return bytes;
  }

  /** Waits until a socket has so much to read: what was written to its peer need not be there at once. */
  async function untilUnread(descriptor: number, octets: number): Promise<void> {
    const count = kernelMemory(INT);
    const unread = () => kernel.ioctl(descriptor, FIONREAD, count) === 0 ? new Int32Array(count.buffer)[0] ?? 0 : 0;
    await eventually(() => unread() >= octets, () => `${unread()} of ${octets} octets are there`);
  }

  /** Writes to one end of a connection, and waits until there is enough of it at the other end. */
  async function send(from: number, to: number, octets: Uint8Array, enough = ENOUGH): Promise<void> {
    assertEquals(kernel.write(from, octets), octets.length);
    await untilUnread(to, enough);
  }

  function fill(descriptor: number): number {
    const bytes = new Uint8Array(100_000);
    let all = 0;
    for (let taken = 1; taken > 0;) all += Math.max(taken = kernel.write(descriptor, bytes), 0);
    return all;
  }

  /** Moves, where that is to succeed. */
  function move(pipe: KernelPipe, source: number, sink: number): Move {
    const done = pipe.move(source, sink);
    assert(typeof done === "object", `${done}`);
    assert(done.octets > 0);
    return done;
  }

  /** Ends a connection without a FIN. */
  function reset(descriptor: number): void {
    const linger = kernelMemory(8);
    linger[0] = 1;
    assertEquals(kernel.setsockopt(descriptor, SOL_SOCKET, SO_LINGER, linger, 8), 0);
    kernel.close(descriptor);
    open.splice(open.indexOf(descriptor), 1);
  }

  it("moves what is there but for the last KiB", async () => {
    const pipe = new KernelPipe(kernel, room);
    const [[from, source], [sink, to]] = [await connection(), await connection()];
    const octets = pattern(100_000);
    await send(from, source, octets);
    const moved = move(pipe, source, sink);
    assert(moved.octets <= octets.length - 1024, `moved ${moved.octets}`);
    assertEquals([moved.left.length, moved.failure], [0, 0]);
    assertEquals(await readAll(to, moved.octets), octets.subarray(0, moved.octets));
    assertEquals(await readAll(source, octets.length - moved.octets), octets.subarray(moved.octets));
  });

  it("moves no more at a time than there is room for", async () => {
    const pipe = new KernelPipe(kernel, room);
    const [[from, source], [sink, to]] = [await connection(), await connection()];
    const octets = pattern(900_000);
    assertEquals(kernel.write(from, octets), octets.length);
    let all = 0;
    while (octets.length - all >= ENOUGH) {
      await untilUnread(source, ENOUGH);
      const done = move(pipe, source, sink);
      assert(done.octets <= room.length, `moved ${done.octets}`);
      assertEquals(await readAll(to, done.octets), octets.subarray(all, all + done.octets));
      all += done.octets;
    }
    assert(all > room.length && all <= octets.length - 1024, `moved ${all}`);
    assertEquals(await readAll(source, octets.length - all), octets.subarray(all));
  });

  it("leaves what is little to others", async () => {
    const pipe = new KernelPipe(kernel, room);
    const [[from, source], [sink]] = [await connection(), await connection()];
    await send(from, source, pattern(ENOUGH - 1), ENOUGH - 1);
    assertEquals(pipe.move(source, sink), undefined);
    await send(from, source, new Uint8Array(1));
    assert(move(pipe, source, sink).octets <= 65_536);
  });

  it("gives back what the sink does not take", async () => {
    const pipe = new KernelPipe(kernel, room);
    const [[from, source], [sink, to]] = [await connection(), await connection()];
    const before = fill(sink);
    const octets = pattern(200_000);
    await send(from, source, octets);
    const first = move(pipe, source, sink);
    const taken = first.octets - first.left.length;
    assert(first.left.length > 0);
    assertEquals(first.failure, 0);
    assertEquals(first.left, octets.subarray(taken, first.octets));
    assertEquals((await readAll(to, before + taken)).subarray(before), octets.subarray(0, taken));
    await send(from, source, octets);
    const second = move(pipe, source, sink);
    assertEquals(second.left.length, 0);
    const all = new Uint8Array([...octets, ...octets]);
    assertEquals(await readAll(to, second.octets), all.subarray(first.octets, first.octets + second.octets));
  });

  it("gives back what a sink does not take that is gone, and says why", async () => {
    const pipe = new KernelPipe(kernel, room);
    const [[from, source], [sink, to]] = [await connection(), await connection()];
    const octets = pattern(100_000);
    await send(from, source, octets);
    reset(to);
    await exchange.untilTold();
    const { octets: moved, left, failure } = move(pipe, source, sink);
    assertEquals(left, octets.subarray(0, moved));
    assertEquals(failure, ECONNRESET);
  });

  it("moves what a source has said before its reset", async () => {
    const pipe = new KernelPipe(kernel, room);
    const [[from, source], [sink, to]] = [await connection(), await connection()];
    const octets = pattern(100_000);
    await send(from, source, octets, octets.length);
    reset(from);
    const { octets: moved } = move(pipe, source, sink);
    assertEquals(await readAll(to, moved), octets.subarray(0, moved));
    assertEquals(await readAll(source, octets.length - moved), octets.subarray(moved));
    assertEquals([kernel.read(source, room), kernel.errno()], [-1, ECONNRESET]);
  });

  it("does nothing with what is no socket", async () => {
    const pipe = new KernelPipe(kernel, room);
    const [from, source] = await connection();
    const octets = pattern(100_000);
    await send(from, source, octets);
    assertEquals(pipe.move(-1, source), undefined);
    const { octets: moved, left, failure } = move(pipe, source, -1);
    assertEquals([left, failure], [octets.subarray(0, moved), EBADF]);
  });

  it("is tried again where there were no descriptors for it", async () => {
    let isShort = true;
    const pipe = new KernelPipe({ ...kernel, pipe2: (...all) => isShort ? -1 : kernel.pipe2(...all) }, room);
    const [[from, source], [sink]] = [await connection(), await connection()];
    await send(from, source, pattern(100_000));
    assertEquals(pipe.move(source, sink), undefined);
    isShort = false;
    move(pipe, source, sink);
  });

  for (const [what, number] of [["forbidden", 1], ["unheard of", 38]] as const) {
    it(`is never tried again where it is ${what}, and leaves all octets where they are`, async () => {
      let calls = 0;
      const splice = () => {
        calls++;
        return -1;
      };
      const pipe = new KernelPipe({ ...kernel, splice, errno: () => number }, room);
      const [[from, source], [sink]] = [await connection(), await connection()];
      const octets = pattern(100_000);
      await send(from, source, octets);
      for (let i = 0; i < 3; i++) assertEquals(pipe.move(source, sink), undefined);
      assertEquals(calls, 1);
      assertEquals(await readAll(source, octets.length), octets);
    });
  }

  it("is not taken where it may not be big", async () => {
    const closed: number[] = [];
    const pipe = new KernelPipe({ ...kernel, fcntl: () => 65_536, close: closing(closed) }, room);
    const [[from, source], [sink]] = [await connection(), await connection()];
    const octets = pattern(100_000);
    await send(from, source, octets);
    for (let i = 0; i < 3; i++) assertEquals(pipe.move(source, sink), undefined);
    assertEquals(closed.length, 2);
    assertEquals(await readAll(source, octets.length), octets);
  });

  it("never shows to a session what another one has lost in it", async () => {
    let loses = true;
    const closed: number[] = [];
    const readPipe: Kernel["readPipe"] = (...all) => loses ? -1 : kernel.readPipe(...all);
    const pipe = new KernelPipe({ ...kernel, readPipe, close: closing(closed) }, room);
    const [from, source] = await connection();
    await send(from, source, pattern(200_000, 1));
    assertEquals([pipe.move(source, -1), closed.length], ["lost", 2]);
    loses = false;
    const [[other, second], [sink, to]] = [await connection(), await connection()];
    const octets = pattern(100_000, 2);
    await send(other, second, octets);
    const { octets: moved } = move(pipe, second, sink);
    assertEquals(await readAll(to, moved), octets.subarray(0, moved));
  });

  function closing(closed: number[]): Kernel["close"] {
    return (descriptor) => {
      closed.push(descriptor);
      return kernel.close(descriptor);
    };
  }
});

/** So many octets are worth moving. */
const ENOUGH = 65_536 + 1_024;
const SO_LINGER = 13;
const [EBADF, ECONNRESET] = [9, 104];
