import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { describe, it } from "node:test";
import { StartError } from "../../../src/proxy/mod.ts";
import { Proxy } from "./_support.ts";

const BYE = "* BYE [LIMIT] too many connections\r\n";
const PER_ADDRESS = "limit_conn_zone $binary_remote_addr zone=perip:1m; limit_conn perip 2;";
const PER_USER = "limit_conn_zone $auth_user zone=peruser:1m; limit_conn peruser 1; limit_conn_log_level notice;";

/** A client from there, and what it heard. */
function connect(proxy: Proxy, host = "192.0.2.1"): { heard: string; leave: () => void } {
  const client = proxy.listeners[0]?.client({ family: 4, host, port: 40000 });
  const leave = () => {
    client?.abort();
    proxy.runtime.clock.advance(1);
  };
  return { heard: client?.heard() ?? "", leave };
}

const GREETING = "* OK IMAP4 ready\r\n";

describe("connections of one address", () => {
  it("are as many as is configured, and one more when one is over", async () => {
    const proxy = await Proxy.start(PER_ADDRESS);
    const [first, second, third] = [connect(proxy), connect(proxy), connect(proxy)];
    assertEquals([first.heard, second.heard, third.heard], [GREETING, GREETING, BYE]);
    assertEquals(connect(proxy, "192.0.2.7").heard, GREETING);
    third.leave();
    assertEquals(connect(proxy).heard, BYE);
    second.leave();
    assertEquals([connect(proxy).heard, connect(proxy).heard], [GREETING, BYE]);
  });

  it("are refused with one line in the log, with the zone and the key", async () => {
    const proxy = await Proxy.start(PER_ADDRESS);
    for (const _ of [1, 2]) connect(proxy);
    proxy.log();
    connect(proxy);
    assertEquals(proxy.log(), [
      "[info] *3 client 192.0.2.1:40000 connected to 127.0.0.1:143",
      '[error] *3 limiting connections by zone "perip", key "192.0.2.1" while sending client greeting line, ' +
      "client: 192.0.2.1, server: 127.0.0.1:143",
    ]);
  });

  it("stay counted over a reload, and fewer may be allowed then", async () => {
    const proxy = await Proxy.start(PER_ADDRESS);
    const [first] = [connect(proxy), connect(proxy)];
    await proxy.reload(PER_ADDRESS);
    assertEquals(connect(proxy).heard, BYE);
    first?.leave();
    assertEquals(connect(proxy).heard, GREETING);
    await proxy.reload(PER_ADDRESS.replace("perip 2", "perip 1"));
    assertEquals(connect(proxy).heard, BYE);
    await proxy.reload(PER_ADDRESS.replace("perip 2", "perip 3"));
    assertEquals([connect(proxy).heard, connect(proxy).heard], [GREETING, BYE]);
  });

  it("are counted anew when the key becomes another one", async () => {
    const proxy = await Proxy.start(PER_ADDRESS);
    for (const _ of [1, 2]) connect(proxy);
    await proxy.reload(PER_ADDRESS.replace("$binary_remote_addr", "$remote_addr"));
    assertEquals(connect(proxy).heard, GREETING);
  });

  it("are let in by a dry run, and not counted past the limit", async () => {
    const proxy = await Proxy.start(`${PER_ADDRESS} limit_conn_dry_run on; limit_conn_log_level warn;`);
    for (const _ of [1, 2]) connect(proxy);
    proxy.log();
    const third = connect(proxy);
    assertEquals(third.heard, GREETING);
    assertEquals(
      proxy.log()[1]?.split(" while ")[0],
      '[warn] *3 limiting connections, dry run, by zone "perip", key "192.0.2.1"',
    );
    third.leave();
    assertEquals(connect(proxy).heard, GREETING);
    assertEquals(proxy.log().filter((line) => line.includes("dry run")).length, 1);
  });

  it("are told to the access log", async () => {
    const log = 'log_format limits "$remote_addr $limit_conn_status $session_result"; access_log /access limits;';
    const proxy = await Proxy.start(`${log} ${PER_ADDRESS}`);
    const clients = [connect(proxy), connect(proxy), connect(proxy)];
    for (const { leave } of clients) leave();
    const lines = proxy.runtime.files.contents.get("/access");
    assertEquals(lines, "192.0.2.1 PASSED clientGone\n192.0.2.1 PASSED clientGone\n192.0.2.1 REJECTED limited\n");
  });

  it("of whom nothing is denied counts who is denied", async () => {
    const proxy = await Proxy.start(
      `${PER_ADDRESS} limit_conn_zone all zone=all:1m; limit_conn all 1; deny 192.0.2.9;`,
    );
    assertEquals(connect(proxy, "192.0.2.9").heard, "* BYE access denied\r\n");
    assertEquals(connect(proxy).heard, GREETING);
    assertEquals(connect(proxy, "192.0.2.2").heard, BYE);
  });

  it("whose key is empty, or too long, are not counted", async () => {
    const map = 'map $remote_addr $key { 192.0.2.1 ""; 192.0.2.2 "$long$long$long"; default x; }';
    const long = `map $remote_addr $long { default ${"x".repeat(100)}; }`;
    const proxy = await Proxy.start(`${map} ${long} limit_conn_zone $key zone=z:1m; limit_conn z 1;`);
    for (const host of ["192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.2", "192.0.2.3"]) {
      assertEquals(connect(proxy, host).heard, GREETING);
    }
    assertEquals(connect(proxy, "192.0.2.4").heard, BYE);
  });

  it("are logged by a key that can be read and forges nothing", async () => {
    const mail = 'limit_conn_zone "$binary_remote_addr/$auth_user" zone=z:1m; limit_conn z 1;';
    const proxy = await Proxy.start(mail);
    for (const _ of [1, 2]) {
      const client = proxy.client();
      client.says("a LOGIN {6}\r\n");
      client.says('an"\xe9\x1b\x7f x\r\n');
      proxy.answer();
      proxy.runtime.connects.at(-1)?.accept();
    }
    const [line] = proxy.log().filter((line) => line.includes("limiting"));
    assertStringIncludes(line ?? "", 'key "192.0.2.1/an\\x22\\xe9\\x1b\\x7f" while');
  });

  it("beyond the keys of a full zone are refused", async () => {
    const proxy = await Proxy.start("limit_conn_zone $remote_addr zone=small:32k; limit_conn small 9;");
    for (let last = 0; last < 256; last++) assertEquals(connect(proxy, `192.0.2.${last}`).heard, GREETING);
    proxy.log();
    assertEquals(connect(proxy, "192.0.3.1").heard, BYE);
    assertEquals(
      proxy.log()[1]?.split(" while ")[0],
      '[error] *257 limiting connections by zone "small", which is full, key "192.0.3.1"',
    );
    assertEquals(connect(proxy, "192.0.2.1").heard, GREETING);
  });

  it("find the zone as large as it was when a reload has failed", async () => {
    const zone = (size: string) => `limit_conn_zone $remote_addr zone=small:${size}; limit_conn small 9;`;
    const proxy = await Proxy.start(zone("32k"));
    for (let last = 0; last < 256; last++) assertEquals(connect(proxy, `192.0.2.${last}`).heard, GREETING);
    const other = "server { listen 127.0.0.1:144; protocol imap; set_real_ip_from 192.0.2.9; }";
    await assertRejects(() => proxy.reload(`${zone("64k")} set_real_ip_from nowhere.test; ${other}`), StartError);
    assertEquals(connect(proxy, "192.0.3.1").heard, BYE);
    await proxy.reload(`${zone("64k")} ${other}`);
    assertEquals(connect(proxy, "192.0.3.1").heard, GREETING);
  });
});

describe("connections of one user", () => {
  it("are judged when the login was right, and only then", async () => {
    const proxy = await Proxy.start(PER_USER);
    const [first, second] = [proxy.client(), proxy.client()];
    proxy.logIn(first);
    proxy.log();
    proxy.ask(second);
    assertEquals(second.heard(), "");
    proxy.answer();
    assertEquals(second.heard(), "a NO [LIMIT] Too many connections\r\n");
    assertEquals(proxy.log(), [
      '[notice] *2 limiting connections by zone "peruser", key "anna" while in http auth state, client: 192.0.2.1, ' +
      'server: 127.0.0.1:143, login: "anna"',
    ]);
    first.abort();
    proxy.runtime.clock.advance(1);
    proxy.admit(second);
  });

  it("are waited for again when they were refused, and the access log tells how that ended", async () => {
    const format = 'log_format limits "$session_phase $session_result $limit_conn_status"; access_log /access limits;';
    const proxy = await Proxy.start(`${format} ${PER_USER}`);
    const [first, second] = [proxy.client(), proxy.client()];
    proxy.logIn(first);
    proxy.ask(second);
    proxy.answer();
    second.abort();
    proxy.runtime.clock.advance(1);
    assertEquals(proxy.runtime.files.contents.get("/access"), "login clientGone REJECTED\n");
  });

  it("are counted once, also where a cached answer has to be asked for again", async () => {
    const proxy = await Proxy.start(`${PER_USER} auth_http_cache zone=a:1m;`);
    const first = proxy.client();
    proxy.logIn(first);
    first.abort();
    proxy.runtime.clock.advance(1);
    const second = proxy.client();
    proxy.ask(second);
    const upstream = proxy.runtime.connects.at(-1)?.accept();
    for (const line of ["* OK ready", "+ go on", "+ go on", "a NO not here"]) upstream?.says(`${line}\r\n`);
    proxy.answer();
    assertEquals(second.heard(), "");
    const again = proxy.runtime.connects.at(-1)?.accept();
    for (const line of ["* OK ready", "+ go on", "+ go on", "a OK done"]) again?.says(`${line}\r\n`);
    assertEquals(proxy.log().filter((line) => line.includes("limiting")), []);
    assertEquals(proxy.runtime.relays.length, 2);
  });

  it("are not counted whose kept answer holds no more, while they wait for another try", async () => {
    const proxy = await Proxy.start(`${PER_USER} auth_http_cache zone=a:1m;`);
    const owner = proxy.client();
    proxy.logIn(owner);
    owner.abort();
    proxy.runtime.clock.advance(1);
    const guesser = proxy.client();
    proxy.ask(guesser);
    const upstream = proxy.nextConnect().accept();
    for (const line of ["* OK ready", "+ go on", "+ go on", "a NO not here"]) upstream.says(`${line}\r\n`);
    const auth = proxy.nextConnect().accept();
    auth.says("HTTP/1.0 200 OK\r\nAuth-Status: Invalid login\r\nAuth-Wait: 3\r\n\r\n");
    proxy.admit(proxy.client());
    assertEquals(proxy.log().filter((line) => line.includes("limiting")), []);
    assertEquals(guesser.isClosed, false);
  });
});

describe("several limits", () => {
  it("all hold, and whoever is refused by one is counted by none", async () => {
    const zones = "limit_conn_zone $remote_addr zone=perip:1m; limit_conn_zone all zone=all:1m;";
    const proxy = await Proxy.start(`${zones} limit_conn perip 2; limit_conn all 1; limit_conn_dry_run on;`);
    connect(proxy, "192.0.2.9");
    for (const _ of [1, 2, 3]) connect(proxy);
    const found = proxy.log().filter((line) => line.includes("dry run")).map((line) => /zone "(\w+)"/.exec(line)?.[1]);
    assertEquals(found, ["all", "all", "all"]);
  });
});
