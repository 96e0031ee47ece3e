import { assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "node:test";
import { StartError } from "../../../src/proxy/mod.ts";
import { Proxy } from "./_support.ts";

const events = (connections: number) => `worker_connections ${connections};`;

describe("worker_connections", () => {
  it("must be more than there are listeners", async () => {
    const start = () => Proxy.start("", "", events(1));
    await assertRejects(start, StartError, "1 worker_connections are not enough for 1 listening sockets");
    await Proxy.start("", "", events(2));
  });

  it("turns away clients past it, in their protocol's words", async () => {
    const proxy = await Proxy.start("", "", events(3));
    const [first, second] = [proxy.client(), proxy.client()];
    const third = proxy.listeners[0]?.client();
    assertEquals([first.ending, second.ending, third?.ending], [undefined, undefined, "close"]);
    assertEquals(third?.heard(), "* BYE [LIMIT] too many connections\r\n");
    assertEquals(proxy.log().at(-1), "[alert] 3 worker_connections are not enough");
  });

  it("tells a few of a flood, and the log once a second", async () => {
    const proxy = await Proxy.start("", "", events(2));
    proxy.client();
    proxy.log();
    const crowd = Array.from({ length: 40 }, () => proxy.client());
    assertEquals(crowd.filter(({ ending }) => ending === "close").length, 32);
    assertEquals(crowd.filter(({ ending }) => ending === "abort").length, 8);
    proxy.runtime.clock.advance(1_000);
    assertEquals(proxy.client().ending, "abort");
    assertEquals(proxy.log(), [
      "[alert] 2 worker_connections are not enough",
      "[alert] 2 worker_connections are not enough, 40 times since it was last told",
    ]);
  });

  it("counts connections to auth servers", async () => {
    const proxy = await Proxy.start("", "", events(3));
    const [first, second] = [proxy.client(), proxy.client()];
    proxy.log();
    first.says("a LOGIN anna sesame\r\n");
    proxy.runtime.clock.advance(1);
    assertEquals(proxy.runtime.connects, []);
    assertEquals(first.heard(), "* BAD [UNAVAILABLE] internal server error\r\n");
    assertEquals(proxy.log(), [
      "[alert] 3 worker_connections are not enough",
      "[error] *1 connect() failed (24: Too many open files) with auth http server 192.0.2.9 while in http auth state, " +
      'client: 192.0.2.1, server: 127.0.0.1:143, login: "anna"',
    ]);
    assertEquals(second.ending, undefined);
  });

  it("counts connections to upstreams that are still being made", async () => {
    const proxy = await Proxy.start("", "", events(5));
    const [first, second] = [proxy.client(), proxy.client()];
    proxy.ask(first);
    proxy.ask(second);
    proxy.log();
    proxy.answer();
    proxy.runtime.clock.advance(1);
    assertEquals(first.heard(), "* BAD [UNAVAILABLE] internal server error\r\n");
    assertEquals(proxy.log(), [
      "[alert] 5 worker_connections are not enough",
      "[error] *1 connect() failed (24: Too many open files) while connecting to upstream, client: 192.0.2.1, " +
      'server: 127.0.0.1:143, login: "anna", upstream: 192.0.2.3:143',
    ]);
  });
});

describe("a shortage of descriptors", () => {
  it("is told once, lets nobody in meanwhile, and its end is told", async () => {
    const proxy = await Proxy.start();
    const before = proxy.client();
    runOut(proxy);
    assertEquals([proxy.client().ending, proxy.client().ending, before.ending], ["abort", "abort", undefined]);
    proxy.ask(before);
    proxy.runtime.clock.advance(3_000);
    assertEquals(before.heard(), "* BAD [UNAVAILABLE] internal server error\r\n");
    recover(proxy);
    assertEquals(proxy.log().filter((line) => !line.includes("*")), [
      "[crit] no descriptor is left (24: Too many open files): nobody is accepted until there are some again",
      "[notice] there are descriptors again after 3s, accepting",
    ]);
    assertEquals(proxy.client().ending, undefined);
  });

  it("that comes and goes is told now and then", async () => {
    const proxy = await Proxy.start();
    for (let i = 0; i < 40; i++) {
      runOut(proxy);
      proxy.runtime.clock.advance(250);
      recover(proxy);
      proxy.runtime.clock.advance(250);
    }
    assertEquals(proxy.log().length, 4);
  });

  it("is of no interest any more to a proxy that has stopped", async () => {
    const proxy = await Proxy.start();
    await proxy.server.stop("fast");
    assertEquals(proxy.runtime.shortageHearers.size, 0);
  });
});

function runOut({ runtime }: Proxy): void {
  for (const hear of runtime.shortageHearers) hear({ number: 24, text: "Too many open files" });
}

function recover({ runtime }: Proxy): void {
  for (const hear of runtime.shortageHearers) hear(undefined);
}
