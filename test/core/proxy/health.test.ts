import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { serve } from "../../../src/proxy/mod.ts";
import { Boards } from "../../support/boards.ts";
import { load } from "../../support/config.ts";
import { FakeRuntime } from "../../support/fake_runtime.ts";
import { Proxy, settle } from "./_support.ts";

/** The connects that were asked for and are neither answered nor taken back. */
function connects(proxy: Proxy): readonly unknown[] {
  return proxy.runtime.connects.filter(({ socket, isCancelled, isRefused }) => {
    return socket === undefined && !isCancelled && !isRefused;
  }).map(({ target }) => target);
}

async function checking(servers: string, check = "health_check;", more = ""): Promise<Proxy> {
  const proxy = await Proxy.start(`${more} upstream x { ${servers} ${check} }`);
  proxy.runtime.clock.advance(0);
  return proxy;
}

describe("health checks of a configuration", () => {
  it("connect as sessions do, to the port that is to be checked", async () => {
    const plain = await checking("server 192.0.2.3:143;");
    assertEquals(connects(plain), [{ host: "192.0.2.3", port: 143 }]);
    const bound = await checking("server 192.0.2.3;", "health_check port=1143;", "proxy_bind 192.0.2.8;");
    assertEquals(connects(bound), [{ host: "192.0.2.3", port: 1143, localAddress: "192.0.2.8" }]);
  });

  it("are made where the runtime can do less than is configured, too", async () => {
    const runtime = new FakeRuntime();
    const text =
      "events {} mail { upstream x { server 192.0.2.3:143; health_check; } proxy_pass x; server { listen 143; } }";
    const whole = load(text);
    // As `fitted` makes them where a runtime lacks something.
    const config = { ...whole, servers: whole.servers.map((server) => ({ ...server })) };
    await serve(config, runtime);
    runtime.clock.advance(0);
    assertEquals(runtime.connects.length, 1);
  });

  it("are for servers that may get sessions, once for each", async () => {
    const lines = ["a:143", "a:143", "b:143 down", "c:143 drain"].map((line) => {
      return `server 192.0.2.${"abc".indexOf(line.charAt(0)) + 1}${line.slice(1)};`;
    });
    const proxy = await checking(lines.join(" "));
    assertEquals(connects(proxy), [{ host: "192.0.2.1", port: 143 }]);
    proxy.runtime.connects[0]?.refuse();
    assertEquals(proxy.log(), [
      '[error] health check of 192.0.2.1:143 in upstream "x" failed: connect() failed (111: Connection refused): ' +
      "it gets no sessions",
    ]);
  });

  it("are made for each protocol where the port follows from that", async () => {
    const proxy = await checking("server 192.0.2.3;", "health_check;", "server { listen 127.0.0.1:110; }");
    assertEquals(connects(proxy), [{ host: "192.0.2.3", port: 110 }, { host: "192.0.2.3", port: 143 }]);
    proxy.runtime.connects[0]?.refuse();
    assertEquals(proxy.log(), [
      '[error] health check of 192.0.2.3:110 in upstream "x" failed: connect() failed (111: Connection refused): ' +
      "it gets no sessions",
    ]);
  });

  it("have no verdict where there is no room for them", async () => {
    const proxy = await Proxy.start("upstream x { server 192.0.2.3:143; health_check; }", "", "worker_connections 3;");
    const [client] = [proxy.client(), proxy.client()];
    proxy.log();
    proxy.runtime.clock.advance(1);
    assertEquals([connects(proxy), proxy.log()], [[], ["[alert] 3 worker_connections are not enough"]]);
    client.hangsUp();
    proxy.runtime.clock.advance(5001);
    assertEquals(connects(proxy), [{ host: "192.0.2.3", port: 143 }]);
  });

  it("end with the generation that began them, and go on in the next one", async () => {
    const group = (check: string) => `upstream x { server 192.0.2.3:143; ${check} }`;
    const proxy = await Proxy.start(group("health_check;"));
    proxy.runtime.clock.advance(0);
    const first = proxy.runtime.connects[0];
    await proxy.reload(group("health_check interval=1s;"));
    assertEquals([first?.isCancelled, connects(proxy)], [true, []]);
    proxy.runtime.clock.advance(0);
    assertEquals(connects(proxy).length, 1);
    await proxy.reload(group(""));
    proxy.runtime.clock.advance(60_000);
    assertEquals(connects(proxy), []);
    await proxy.reload(group("health_check;"));
    const stopped = proxy.server.stop("fast");
    await settle();
    proxy.runtime.clock.advance(60_000);
    await stopped;
    assertEquals([connects(proxy), proxy.runtime.clock.pending], [[], 0]);
  });

  it("are made by the first worker, and what they find holds for all", async () => {
    const boards = new Boards();
    const start = async (id: number) => {
      const runtime = new FakeRuntime();
      const group = "server 192.0.2.3:143; server 192.0.2.4:143; health_check interval=60s mandatory;";
      const config = load(`events {} mail { upstream x { ${group} } server { listen 127.0.0.1:143; proxy_pass x; } }`);
      await serve(config, runtime, { board: boards.board(id) });
      runtime.clock.advance(0);
      return runtime;
    };
    const first = await start(1);
    const second = await start(2);
    assertEquals([first.connects.length, second.connects.length], [2, 0]);
    first.connects[0]?.refuse();
    const socket = first.connects[1]?.accept();
    socket?.says("* OK ready\r\n");
    socket?.says("h OK done\r\n");
    // One that is started in the place of another knows at once what the others know.
    const third = await start(3);
    for (const { listeners, connects } of [second, third]) {
      listeners[0]?.client().says("a LOGIN joe secret\r\n");
      assertEquals(connects.map(({ target }) => target), [{ host: "192.0.2.4", port: 143 }]);
    }
  });

  it("go on as they were when a reload is refused", async () => {
    const proxy = await Proxy.start("upstream x { server 192.0.2.3:143; health_check interval=1s; }");
    proxy.runtime.clock.advance(0);
    proxy.runtime.connects[0]?.refuse();
    proxy.log();
    const refused = proxy.reload("upstream x { server 192.0.2.3:143; server unknown.example:143; health_check; }");
    assertEquals(await refused.then(() => "taken", () => "refused"), "refused");
    proxy.runtime.clock.advance(1000);
    const socket = proxy.runtime.connects[1]?.accept();
    socket?.says("* OK ready\r\n");
    socket?.says("h OK done\r\n");
    assertEquals(proxy.log(), ['[notice] health check of 192.0.2.3:143 in upstream "x" passed: it gets sessions']);
  });
});
