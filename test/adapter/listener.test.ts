import { after, before, describe, it } from "node:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assert, assertEquals } from "@std/assert";
import type { KeepAlive, Runtime, Socket, SocketAddress } from "../../src/runtime.ts";
import { isFailure } from "../../src/runtime.ts";
import { connectTo, describeBoth, Exchange, listenAt, Peer, portOf, tryListen } from "./_peer.ts";

describeBoth("a listener", (load) => {
  let runtime: Runtime;
  let folder: string;

  before(async () => {
    runtime = await load();
    folder = mkdtempSync(join(tmpdir(), "postern-listener-"));
  });

  after(() => rmSync(folder, { recursive: true }));

  it("frees its address when it is closed, and leaves what it accepted alone", async () => {
    const first = await Exchange.open(runtime);
    const { near, far } = await first.connect();
    await first.close();
    const second = await Exchange.open(runtime, { address: { host: "127.0.0.1", port: first.port } });
    const [left, right] = [new Peer(near), new Peer(far)];
    right.socket.resume();
    left.say("still here");
    await right.untilReceived(10);
    await closeBoth(left, right);
    await second.close();
    await second.close();
  });

  it("tells an address that this machine does not have", async () => {
    assertEquals(await tryListen(runtime, { address: { host: "192.0.2.1", port: 0 } }), {
      number: 99,
      text: "Cannot assign requested address",
    });
  });

  it("takes every form of so_keepalive, and a backlog", async () => {
    const settings: (KeepAlive | boolean)[] = [
      true,
      false,
      { idle: 60_000, interval: undefined, count: undefined },
      { idle: undefined, interval: 10_000, count: 3 },
    ];
    for (const keepAlive of settings) {
      const exchange = await Exchange.open(runtime, { keepAlive, backlog: 16 });
      const { near, far } = await exchange.connect();
      await closeBoth(new Peer(near), new Peer(far));
      await exchange.close();
    }
  });

  describe("on a unix socket", () => {
    it("is reached by its path, and takes the file away when it closes", async () => {
      const path = join(folder, "imap.sock");
      const exchange = await Exchange.open(runtime, { address: { path } });
      const { near, far } = await exchange.connect();
      assertEquals(exchange.listener.address, { family: "unix", path });
      assertEquals([near.remote, near.local], [{ family: "unix", path }, { family: "unix", path: "" }]);
      assertEquals([far.remote, far.local], [{ family: "unix", path: "" }, { family: "unix", path }]);
      const [left, right] = [new Peer(near), new Peer(far)];
      left.socket.resume();
      right.say("* OK\r\n");
      await left.untilReceived(6);
      await closeBoth(left, right);
      await exchange.close();
      assertEquals(runtime.files.exists(path), false);
    });

    it("has a path of octets", async () => {
      const octets = `${folder}/\xc3\xa4.sock`;
      const exchange = await Exchange.open(runtime, { address: { path: octets } });
      assertEquals(runtime.files.list(folder), ["\xc3\xa4.sock"]);
      const { near, far } = await exchange.connect();
      await closeBoth(new Peer(near), new Peer(far));
      await exchange.close();
    });

    it("replaces a file that a dead process left", async () => {
      const path = join(folder, "stale.sock");
      await leaveStaleSocket(runtime, path);
      const exchange = await Exchange.open(runtime, { address: { path } });
      const { near, far } = await exchange.connect();
      await closeBoth(new Peer(near), new Peer(far));
      await exchange.close();
    });

    it("does not take the path from a living one", async () => {
      const path = join(folder, "living.sock");
      const exchange = await Exchange.open(runtime, { address: { path } });
      const second = await tryListen(runtime, { address: { path } });
      assertEquals(second, { number: 98, text: "Address already in use" });
      // Whoever asks whether it lives connects.
      (await exchange.accept()).close();
      const { near, far } = await exchange.connect();
      await closeBoth(new Peer(near), new Peer(far));
      await exchange.close();
    });

    it("tells a folder that does not exist", async () => {
      const failure = await tryListen(runtime, { address: { path: join(folder, "none", "imap.sock") } });
      assertEquals(failure, { number: 2, text: "No such file or directory" });
    });

    it("does not take the path from a file of another kind", async () => {
      const path = join(folder, "precious.txt");
      writeFileSync(path, "precious");
      const failure = await tryListen(runtime, { address: { path } });
      assert(isFailure(failure));
      assertEquals(runtime.files.exists(path), true);
    });
  });

  describe("on IPv6", () => {
    it("stands beside an IPv4 listener on the same port", async () => {
      const accepted: [string, SocketAddress, SocketAddress][] = [];
      const sockets: Socket[] = [];
      const take = (name: string) => (socket: Socket) => {
        accepted.push([name, socket.remote, socket.local]);
        sockets.push(socket);
        new Peer(socket).say(name);
      };
      const v6 = await listenAt(runtime, { address: { host: "::", port: 0 }, ipv6Only: true }, take("v6"));
      const port = portOf(v6);
      const v4 = await listenAt(runtime, { address: { host: "0.0.0.0", port } }, take("v4"));
      assertEquals(v6.address, { family: 6, host: "::", port });
      assertEquals(v4.address, { family: 4, host: "0.0.0.0", port });

      const over6 = await greetedBy(runtime, "::1", port);
      const over4 = await greetedBy(runtime, "127.0.0.1", port);
      assertEquals([over6.text, over4.text], ["v6", "v4"]);
      assertEquals(accepted, [
        ["v6", over6.socket.local, { family: 6, host: "::1", port }],
        ["v4", over4.socket.local, { family: 4, host: "127.0.0.1", port }],
      ]);

      await v6.close();
      const again4 = await greetedBy(runtime, "127.0.0.1", port);
      assertEquals(again4.text, "v4");
      await v4.close();
      for (const { socket } of [over6, over4, again4]) socket.abort();
      for (const socket of sockets) socket.abort();
    });

    it("leaves IPv4 alone: refused, or closed at once where the runtime cannot refuse it", async () => {
      const exchange = await Exchange.open(runtime, { address: { host: "::", port: 0 }, ipv6Only: true });
      const target = { host: "127.0.0.1", port: exchange.port };
      const result = await connectTo(runtime, target);
      if (runtime.capabilities["listen.ipv6Only"].state === "yes") {
        assertEquals(result, { number: 111, text: "Connection refused" });
      } else {
        assert(!isFailure(result));
        const peer = new Peer(result);
        result.resume();
        await peer.until(() => peer.hasEnded || peer.closings > 0);
        assertEquals(peer.received, 0);
        result.abort();
      }
      await exchange.close();
    });

    it("takes IPv4 as well when asked to", async () => {
      const exchange = await Exchange.open(runtime, { address: { host: "::", port: 0 } });
      const near = await connectTo(runtime, { host: "127.0.0.1", port: exchange.port });
      assert(!isFailure(near));
      const far = await exchange.accept();
      assertEquals(far.local, { family: 6, host: "::ffff:127.0.0.1", port: exchange.port });
      await closeBoth(new Peer(near), new Peer(far));
      await exchange.close();
    });

    it("refuses the port to a second one", async () => {
      const first = await listenAt(runtime, { address: { host: "::", port: 0 }, ipv6Only: true }, () => {});
      const second = await tryListen(runtime, { address: { host: "::", port: portOf(first) }, ipv6Only: true });
      assertEquals(second, { number: 98, text: "Address already in use" });
      await first.close();
    });
  });
});

/** Binds a socket file and leaves it behind, as a killed process does. */
async function leaveStaleSocket(runtime: Runtime, path: string): Promise<void> {
  const living = `${path}.living`;
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(living, resolve));
  // Closing removes the file by the name it was bound to.
  const { linkSync } = await import("node:fs");
  linkSync(living, path);
  await new Promise<void>((resolve) => server.close(() => resolve()));
  assertEquals(runtime.files.exists(path), true);
}

async function greetedBy(runtime: Runtime, host: string, port: number): Promise<Peer> {
  const socket = await connectTo(runtime, { host, port });
  if (isFailure(socket)) throw new Error(`cannot connect: ${socket.text}`);
  const peer = new Peer(socket);
  socket.resume();
  await peer.untilReceived(2);
  return peer;
}

async function closeBoth(near: Peer, far: Peer): Promise<void> {
  near.socket.close();
  far.socket.close();
  await Promise.all([near.untilClosed(), far.untilClosed()]);
}
