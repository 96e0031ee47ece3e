import { after, before, describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { loadRuntime } from "../../adapters/detect.ts";
import { type Kernel, openKernel } from "../../adapters/_kernel.ts";
import { KernelPipe } from "../../adapters/_kernel_pipe.ts";
import { KernelSocket } from "../../adapters/_kernel_socket.ts";
import type { Socket } from "../../src/runtime.ts";
import { Exchange, pattern, SOCKETS_AT_ONCE } from "./_peer.ts";

describe("the way past memory", () => {
  let kernel: Kernel;
  let exchange: Exchange;
  const room = new Uint8Array(262_144);
  const open: number[] = [];

  before(async () => {
    const opened = await openKernel();
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
      else await new Promise((resolve) => setTimeout(resolve, 1));
    }
    return bytes;
  }

  function fill(descriptor: number): number {
    const bytes = new Uint8Array(100_000);
    let all = 0;
    for (let taken = 1; taken > 0;) all += Math.max(taken = kernel.write(descriptor, bytes), 0);
    return all;
  }

  it("moves what is there but for a rest that is read", async () => {
    const pipe = new KernelPipe(kernel, room);
    const [[from, source], [sink, to]] = [await connection(), await connection()];
    const octets = pattern(100_000);
    assertEquals(kernel.write(from, octets), octets.length);
    const moved = pipe.move(source, sink);
    assert(moved > 0 && moved <= octets.length - 1024, `moved ${moved}`);
    assertEquals(pipe.rest.length, 0);
    assertEquals(await readAll(to, moved), octets.subarray(0, moved));
    assertEquals(await readAll(source, octets.length - moved), octets.subarray(moved));
  });

  it("moves no more at a time than a read would bring", async () => {
    const pipe = new KernelPipe(kernel, room);
    const [[from, source], [sink, to]] = [await connection(), await connection()];
    const octets = pattern(900_000);
    assertEquals(kernel.write(from, octets), octets.length);
    let all = 0;
    for (let moved = 1; moved > 0; all += moved) {
      moved = pipe.move(source, sink);
      assert(moved >= 0 && moved <= 262_144, `moved ${moved}`);
      assertEquals(await readAll(to, moved), octets.subarray(all, all + moved));
    }
    assert(all > 262_144 && all <= octets.length - 1024, `moved ${all}`);
    assertEquals(await readAll(source, octets.length - all), octets.subarray(all));
  });

  it("leaves what is little to others", async () => {
    const pipe = new KernelPipe(kernel, room);
    const [[from, source], [sink]] = [await connection(), await connection()];
    const octets = pattern(65_536 + 1023);
    kernel.write(from, octets);
    assertEquals(pipe.move(source, sink), 0);
    kernel.write(from, new Uint8Array(1));
    const moved = pipe.move(source, sink);
    assert(moved > 0 && moved <= 65_536, `moved ${moved}`);
  });

  it("gives back what the sink does not take", async () => {
    const pipe = new KernelPipe(kernel, room);
    const [[from, source], [sink, to]] = [await connection(), await connection()];
    const before = fill(sink);
    const octets = pattern(200_000);
    kernel.write(from, octets);
    const moved = pipe.move(source, sink);
    const taken = moved - pipe.rest.length;
    assert(pipe.rest.length > 0);
    assertEquals(pipe.rest, octets.subarray(taken, moved));
    assertEquals((await readAll(to, before + taken)).subarray(before), octets.subarray(0, taken));
    const again = pipe.move(source, sink);
    assertEquals(pipe.rest.length, 0);
    assertEquals(await readAll(to, again), octets.subarray(moved, moved + again));
  });

  it("gives back what a sink that is gone does not take, and does nothing with a source that is none", async () => {
    const pipe = new KernelPipe(kernel, room);
    const [from, source] = await connection();
    const octets = pattern(100_000);
    kernel.write(from, octets);
    assertEquals(pipe.move(-1, source), 0);
    const moved = pipe.move(source, -1);
    assert(moved > 0);
    assertEquals(pipe.rest, octets.subarray(0, moved));
  });

  it("is not taken where there are no descriptors for it", async () => {
    const pipe = new KernelPipe({ ...kernel, pipe2: () => -1 }, room);
    const [[from, source], [sink]] = [await connection(), await connection()];
    const octets = pattern(100_000);
    kernel.write(from, octets);
    assertEquals(pipe.move(source, sink), 0);
    assertEquals(await readAll(source, octets.length), octets);
  });

  it("never shows to a session what another one has lost in it", async () => {
    let loses = true;
    const closed: number[] = [];
    const pipe = new KernelPipe({
      ...kernel,
      readPipe: (descriptor, bytes) => loses ? -1 : kernel.readPipe(descriptor, bytes),
      close: (descriptor) => {
        closed.push(descriptor);
        return kernel.close(descriptor);
      },
    }, room);
    const [from, source] = await connection();
    kernel.write(from, pattern(200_000, 1));
    assertEquals([pipe.move(source, -1), closed.length], [-1, 2]);
    loses = false;
    const [[other, second], [sink, to]] = [await connection(), await connection()];
    const octets = pattern(100_000, 2);
    kernel.write(other, octets);
    const moved = pipe.move(second, sink);
    assert(moved > 0);
    assertEquals(await readAll(to, moved), octets.subarray(0, moved));
  });
});
