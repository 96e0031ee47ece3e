import { assert, assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "node:test";
import { StartError } from "../../../src/proxy/mod.ts";
import { Proxy, settle, TAIL } from "./_support.ts";

const BYE = "* BYE shutting down\r\n";
const SHUTDOWN_TIMEOUT = "worker_shutdown_timeout 10s;";

describe("a fast stop", () => {
  it("tells every client, logged in or not", async () => {
    const proxy = await Proxy.start();
    const early = proxy.client();
    proxy.logIn(proxy.client());
    proxy.log();
    const stopped = proxy.server.stop("fast");
    await settle();
    assertEquals(early.heard(), BYE);
    const [relay] = proxy.runtime.relays;
    assertEquals(relay?.lastLine, BYE);
    relay?.finish({ end: "stopped" });
    proxy.runtime.clock.advance(2000);
    await stopped;
    assertEquals(proxy.log(), [`[info] *2 proxied session done${TAIL}`]);
  });

  it("cuts off who does not read", async () => {
    const proxy = await Proxy.start();
    const client = proxy.client();
    const upstream = proxy.logIn(client);
    const stopped = proxy.server.stop("fast");
    await settle();
    proxy.runtime.clock.advance(2999);
    assertEquals([client.ending, upstream.ending], [undefined, undefined]);
    proxy.runtime.clock.advance(1);
    assertEquals([client.ending, upstream.ending], ["abort", "abort"]);
    proxy.runtime.relays[0]?.finish({ end: "stopped" });
    await stopped;
  });
});

describe("worker_shutdown_timeout", () => {
  it("ends sessions of every kind after a graceful stop, and the log says why", async () => {
    const proxy = await Proxy.start("", SHUTDOWN_TIMEOUT);
    const early = proxy.client();
    const relayed = proxy.client();
    proxy.logIn(relayed);
    proxy.log();
    const stopped = proxy.server.stop("graceful");
    await settle();
    proxy.runtime.clock.advance(9_999);
    assertEquals([early.heard(), proxy.runtime.relays[0]?.lastLine], ["", undefined]);
    proxy.runtime.clock.advance(1);
    assertEquals([early.heard(), proxy.runtime.relays[0]?.lastLine], [BYE, BYE]);
    proxy.runtime.relays[0]?.finish({ end: "stopped" });
    proxy.runtime.clock.advance(2000);
    await stopped;
    assertEquals(proxy.log(), [
      `[info] *2 shutdown timeout while proxying${TAIL}`,
      "[info] *1 shutdown timeout while in auth state, client: 192.0.2.1, server: 127.0.0.1:143",
    ]);
  });

  it("ends nobody when it is 0, as in nginx", async () => {
    const proxy = await Proxy.start("", "worker_shutdown_timeout 0;");
    const relayed = proxy.client();
    proxy.logIn(relayed);
    await proxy.reload("", "worker_shutdown_timeout 0s;");
    const stopped = proxy.server.stop("graceful");
    await settle();
    proxy.runtime.clock.advance(3_600_000);
    assertEquals(proxy.runtime.relays[0]?.lastLine, undefined);
    proxy.runtime.relays[0]?.finish({ end: "clientClosed" });
    await stopped;
  });

  it("counts from a reload too, for the sessions from before it, once", async () => {
    const proxy = await Proxy.start("", SHUTDOWN_TIMEOUT);
    const first = proxy.client();
    await proxy.reload("", "worker_shutdown_timeout 1s;");
    const second = proxy.client();
    proxy.runtime.clock.advance(5_000);
    assertEquals([first.heard(), second.heard()], ["", ""]);
    await proxy.reload();
    const third = proxy.client();
    proxy.runtime.clock.advance(1_000);
    assertEquals([first.heard(), second.heard(), third.heard()], ["", BYE, ""]);
    proxy.runtime.clock.advance(4_000);
    assertEquals([first.heard(), third.heard()], [BYE, ""]);
    proxy.runtime.clock.advance(60_000 - 1 - 5_000);
    assert(!third.isClosed);
  });
});

describe("a reload", () => {
  it("opens nothing once the server is stopping", async () => {
    const proxy = await Proxy.start();
    const client = proxy.client();
    const stopped = proxy.server.stop("graceful");
    await settle();
    await assertRejects(() => proxy.reload("server { listen 127.0.0.1:144; protocol imap; }"), StartError, "stopping");
    assertEquals(proxy.listeners.map(({ isClosed }) => isClosed), proxy.listeners.map(() => true));
    client.breaks();
    await stopped;
  });

  it("closes what it has just opened when a stop comes meanwhile", async () => {
    const proxy = await Proxy.start();
    const reload = assertRejects(
      () => proxy.reload("server { listen 127.0.0.1:144; protocol imap; }"),
      StartError,
      "stopping",
    );
    await Promise.all([proxy.server.stop("fast"), reload]);
    assertEquals(proxy.listeners.map(({ isClosed }) => isClosed), proxy.listeners.map(() => true));
  });
});
