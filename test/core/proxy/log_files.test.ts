import { assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "node:test";
import { StartError } from "../../../src/proxy/mod.ts";
import type { FakeSocket } from "../../support/fake_runtime.ts";
import { Proxy } from "./_support.ts";

const FORMAT = "log_format it '$connection $session_result';";

/** The logs that are open, beside the one that always is. */
function open({ runtime }: Proxy): string[] {
  return [...runtime.files.openLogs].filter((path) => path !== "/error.log");
}

function leave({ runtime }: Proxy, client: FakeSocket): void {
  client.says("a LOGOUT\r\n");
  runtime.clock.advance(3_000);
}

describe("the logs of an earlier configuration", () => {
  it("are closed with its last session, which loses no line", async () => {
    const proxy = await Proxy.start(`${FORMAT} access_log /old it buffer=64k; error_log /old.info info;`);
    const clients = [proxy.client(), proxy.client()];
    await proxy.reload(`${FORMAT} access_log /new it;`);
    for (const client of clients) {
      assertEquals(open(proxy), ["/old.info", "/old", "/new"]);
      leave(proxy, client);
    }
    assertEquals(open(proxy), ["/new"]);
    assertEquals(proxy.runtime.files.contents.get("/old"), "1 quit\n2 quit\n");
  });

  it("are closed at once when it has no session", async () => {
    const proxy = await Proxy.start(`${FORMAT} access_log /old it;`);
    leave(proxy, proxy.client());
    await proxy.reload("");
    assertEquals(open(proxy), []);
  });

  it("stay open where the next one writes to them too", async () => {
    const proxy = await Proxy.start(`${FORMAT} access_log /both it buffer=64k; access_log /old it;`);
    leave(proxy, proxy.client());
    await proxy.reload(`${FORMAT} access_log /both it;`);
    assertEquals(open(proxy), ["/both"]);
    leave(proxy, proxy.client());
    assertEquals(proxy.runtime.files.contents.get("/both"), "1 quit\n2 quit\n");
  });

  it("stay open to the end of a stop", async () => {
    const proxy = await Proxy.start(`${FORMAT} access_log /last it;`);
    await proxy.server.stop("fast");
    assertEquals(open(proxy), ["/last"]);
    await proxy.server.closeLogs();
    assertEquals([...proxy.runtime.files.openLogs], []);
  });
});

describe("the logs of a configuration that cannot be", () => {
  const CASES = {
    "for want of a log": ["access_log /new it; access_log /missing/log it;", ""],
    "for want of a name server's address": ["access_log /new it; resolver nowhere.example;", ""],
    "for want of an address to listen on": [
      "access_log /new it; server { listen nowhere.example:144; protocol imap; }",
      "",
    ],
    "for want of the main log": ["access_log /new it;", "error_log /new.main; error_log /missing/log;"],
  };
  for (const [why, [mail, main]] of Object.entries(CASES)) {
    it(`${why} are closed`, async () => {
      const proxy = await Proxy.start(`${FORMAT} access_log /old it;`);
      await assertRejects(() => proxy.reload(`${FORMAT} ${mail}`, main), StartError);
      assertEquals(open(proxy), ["/old"]);
      leave(proxy, proxy.client());
      assertEquals(proxy.runtime.files.contents.get("/old"), "1 quit\n");
    });
  }

  it("hear nothing of what the present ones have to say", async () => {
    const proxy = await Proxy.start(`${FORMAT} access_log /log it;`);
    const failing = `${FORMAT} access_log /log it; error_log /new info; access_log /missing/log it;`;
    await assertRejects(() => proxy.reload(failing), StartError);
    proxy.log();
    proxy.runtime.files.writeFailure = { number: 28, text: "No space left on device" };
    leave(proxy, proxy.client());
    proxy.runtime.files.writeFailure = undefined;
    leave(proxy, proxy.client());
    const notices = proxy.log().filter((line) => line.includes("write()"));
    assertEquals(notices, ['[notice] write() to "/log" succeeds again, 1 lines were lost']);
  });
});

describe("a syslog server that is given by name", () => {
  it("is looked up at each reload, and sessions keep the address that they began with", async () => {
    const mail = `${FORMAT} access_log syslog:server=logs.example it;`;
    const proxy = await Proxy.start(mail, "", "", new Map([["logs.example", ["192.0.2.7"]]]));
    const { names, datagrams } = proxy.runtime;
    const old = proxy.client();
    leave(proxy, proxy.client());
    names.set("logs.example", ["192.0.2.8"]);
    await proxy.reload(mail);
    leave(proxy, proxy.client());
    leave(proxy, old);
    assertEquals(datagrams.map(({ target, sent, isClosed }) => [target.host, sent.length, isClosed]), [
      ["192.0.2.7", 2, true],
      ["192.0.2.8", 1, false],
    ]);
    await proxy.reload(mail);
    leave(proxy, proxy.client());
    assertEquals(datagrams.map(({ sent }) => sent.length), [2, 2]);
  });
});
