import { assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "node:test";
import type { Config } from "../../../src/config/types.ts";
import { serve, StartError } from "../../../src/proxy/mod.ts";
import type { Listener, ListenOptions, Socket, SystemFailure } from "../../../src/runtime.ts";
import { load } from "../../support/config.ts";
import { FakeRuntime } from "../../support/fake_runtime.ts";
import { settle } from "./_support.ts";

/** A runtime whose listeners take until `close` to be closed. */
class SlowRuntime extends FakeRuntime {
  close: () => void = () => {};
  readonly #closed = new Promise<void>((resolve) => this.close = resolve);

  override async listen(options: ListenOptions, accept: (socket: Socket) => void): Promise<Listener | SystemFailure> {
    const listener = await super.listen(options, accept);
    if (!("close" in listener)) return listener;
    const close = listener.close.bind(listener);
    listener.close = () => close().then(() => this.#closed);
    return listener;
  }
}

/** IMAP at this port, for a group whose server is checked each second. */
function configuration(port: number, host = "192.0.2.10"): Config {
  return load(
    `error_log /error.log; events {}
     mail { upstream mail { server ${host}; health_check interval=1s; }
            server { listen 127.0.0.1:${port}; protocol imap; proxy_pass mail; } }`,
  );
}

/** The ports that are listened on. */
function portsOf({ listeners }: FakeRuntime): readonly number[] {
  const open = listeners.filter(({ isClosed }) => !isClosed);
  return open.map(({ address }) => "port" in address ? address.port : 0);
}

/** How many checks begin in ten seconds in which no server answers. */
function checksIn({ clock, connects }: FakeRuntime): number {
  const before = connects.length;
  for (let second = 0; second < 10; second++) {
    clock.advance(1_000);
    for (const connect of connects) if (connect.isOpen) connect.refuse();
  }
  return connects.length - before;
}

describe("reloads", () => {
  it("at the same time are one behind the other", async () => {
    const runtime = new FakeRuntime();
    const server = await serve(configuration(1143), runtime);
    const checks = checksIn(runtime);
    await Promise.all([server.reload(configuration(2143)), server.reload(configuration(3143))]);
    assertEquals([portsOf(runtime), server.listeners.map(({ text }) => text)], [[3143], ["127.0.0.1:3143"]]);
    assertEquals(checksIn(runtime), checks);
    await server.stop("graceful");
    assertEquals([portsOf(runtime), runtime.clock.pending], [[], 0]);
  });

  it("of which one fails are none for the other", async () => {
    const runtime = new FakeRuntime();
    const server = await serve(configuration(1143), runtime);
    const wrong = configuration(2143, "nowhere.test");
    const [failed, done] = await Promise.allSettled([server.reload(wrong), server.reload(configuration(2143))]);
    assertEquals([failed.status, done.status, portsOf(runtime)], ["rejected", "fulfilled", [2143]]);
    await server.stop("graceful");
    assertEquals(runtime.clock.pending, 0);
  });

  it("that a stop comes into leave nothing that goes on", async () => {
    const runtime = new SlowRuntime();
    const server = await serve(configuration(1143), runtime);
    const reloaded = assertRejects(() => server.reload(configuration(2143)), StartError, "the process is stopping");
    await settle();
    assertEquals(portsOf(runtime), [2143]);
    const stopped = server.stop("graceful");
    runtime.close();
    await Promise.all([reloaded, stopped]);
    assertEquals([portsOf(runtime), runtime.clock.pending], [[], 0]);
  });
});
