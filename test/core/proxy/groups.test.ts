/** What a session makes of a group of servers, and what the log says of it. */

import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { ConfigError } from "../../../src/config/mod.ts";
import { serve } from "../../../src/proxy/mod.ts";
import type { SocketAddress } from "../../../src/runtime.ts";
import { load } from "../../support/config.ts";
import { type FakeConnect, FakeRuntime, type FakeSocket } from "../../support/fake_runtime.ts";
import { Proxy } from "./_support.ts";

const INTERNAL = "* BAD [UNAVAILABLE] internal server error\r\n";
const REFUSED = "connect() failed (111: Connection refused)";

function group(...servers: readonly string[]): string {
  return `upstream mail { ${servers.map((server, i) => `server 192.0.2.${10 + i}:143 ${server};`).join(" ")} }`;
}

/** A client that the auth server has let in to the group. */
function admitted(proxy: Proxy, from = "192.0.2.1"): FakeSocket {
  const [listener] = proxy.listeners;
  const remote: SocketAddress = { family: 4, host: from, port: 40000 };
  const client = listener?.client(remote);
  if (client === undefined) throw new Error("nobody listens");
  client.heard();
  proxy.ask(client);
  proxy.answer("mail");
  return client;
}

/** The last octet of the server that is being connected to, or `-`. */
function tried(proxy: Proxy): string {
  const waiting = proxy.runtime.connects.filter((each) => each.socket === undefined && each.isOpen);
  return waiting.map(({ target }) => "host" in target ? target.host.slice("192.0.2.".length) : "").join(" ") || "-";
}

function last({ runtime }: Proxy): FakeConnect {
  const connect = runtime.connects.at(-1);
  if (connect === undefined) throw new Error("nobody connects");
  return connect;
}

function logIn(proxy: Proxy): FakeSocket {
  const upstream = last(proxy).accept();
  for (const line of ["* OK ready", "+ go on", "+ go on", "a OK done"]) upstream.says(`${line}\r\n`);
  return upstream;
}

function hangUp({ runtime }: Proxy, upstream: FakeSocket): void {
  upstream.abort();
  runtime.clock.advance(1);
}

function tail(server: string): string {
  return `, client: 192.0.2.1, server: 127.0.0.1:143, login: "anna", upstream: 192.0.2.${server}:143`;
}

describe("a login to a group", () => {
  it("goes on where the next server is, and the log tells how it came there", async () => {
    const proxy = await Proxy.start(group("", ""));
    admitted(proxy);
    proxy.log();
    assertEquals(tried(proxy), "10");
    last(proxy).refuse();
    assertEquals(tried(proxy), "11");
    logIn(proxy);
    assertEquals(
      proxy.log(),
      [
        `[error] *1 ${REFUSED} while connecting to upstream${tail("10")}`,
        `[warn] upstream server temporarily disabled: 192.0.2.10:143 in upstream "mail", 1 failure, ${REFUSED}`,
        `[info] *1 client logged in${tail("11")}`,
      ],
    );
    proxy.runtime.clock.advance(25_000);
    for (admitted(proxy); tried(proxy) === "11"; admitted(proxy)) logIn(proxy);
    proxy.log();
    logIn(proxy);
    assertEquals(proxy.log().filter((line) => !line.includes("client")), [
      '[notice] upstream server is back: 192.0.2.10:143 in upstream "mail", after 25s',
    ]);
  });

  it("does not take the end of the connection before for that of the next one", async () => {
    const proxy = await Proxy.start(group("", ""));
    const client = admitted(proxy);
    last(proxy).accept().says("* BYE closed\r\n");
    const upstream = last(proxy).accept();
    proxy.runtime.clock.advance(1);
    for (const line of ["* OK ready", "+ go on", "+ go on", "a OK done"]) upstream.says(`${line}\r\n`);
    assertEquals([client.heard(), proxy.runtime.relays.length], ["", 1]);
  });

  it("fails when all servers have failed, each of them once", async () => {
    const proxy = await Proxy.start(group("", "", "backup"));
    const client = admitted(proxy);
    const way = [];
    for (; tried(proxy) !== "-"; last(proxy).refuse()) way.push(tried(proxy));
    assertEquals([way, client.heard()], [["10", "11", "12"], INTERNAL]);
    proxy.runtime.clock.advance(1);
    admitted(proxy);
    assertEquals(["10", "11"].includes(tried(proxy)), true);
  });

  it("says that there is no server to try", async () => {
    const proxy = await Proxy.start(group("down", "drain"));
    const client = admitted(proxy);
    assertEquals([tried(proxy), client.heard()], ["-", INTERNAL]);
    const tail = ', client: 192.0.2.1, server: 127.0.0.1:143, login: "anna", upstream: mail';
    assertEquals(proxy.log().at(-1), `[error] *1 no live upstreams while connecting to upstream${tail}`);
  });
});

describe("proxy_next_upstream", () => {
  const rows: readonly [lines: string, way: string][] = [
    ["", "10 11 12"],
    ["proxy_next_upstream on; proxy_next_upstream_tries 0;", "10 11 12"],
    ["proxy_next_upstream off;", "10"],
    ["proxy_next_upstream off; proxy_next_upstream_tries 3;", "10"],
    ["proxy_next_upstream_tries 1;", "10"],
    ["proxy_next_upstream_tries 2;", "10 11"],
    ["proxy_next_upstream_tries 9;", "10 11 12"],
    ["proxy_next_upstream_timeout 3s;", "10 11 12"],
    ["proxy_next_upstream_timeout 2s;", "10 11"],
    ["proxy_next_upstream_timeout 1s;", "10"],
  ];
  for (const [lines, way] of rows) {
    it(lines || "is on", async () => {
      const proxy = await Proxy.start(`${group("", "", "")} ${lines}`);
      const client = admitted(proxy);
      const tries = [];
      for (; tried(proxy) !== "-"; last(proxy).refuse()) {
        tries.push(tried(proxy));
        proxy.runtime.clock.advance(1000);
      }
      assertEquals([tries.join(" "), client.heard()], [way, INTERNAL]);
    });
  }
});

describe("a server of a group", () => {
  /** Whether the server is out after this happened at it to one client, over and over. */
  async function isOutAfter(happen: (proxy: Proxy) => void, lines = ""): Promise<boolean> {
    const proxy = await Proxy.start(`${group("", "backup")} ${lines}`);
    for (let i = 0; i < 3; i++) {
      admitted(proxy);
      if (tried(proxy) !== "10") return true;
      happen(proxy);
      if (tried(proxy) === "11") logIn(proxy);
      proxy.runtime.clock.advance(1);
    }
    return false;
  }

  const rows: readonly [what: string, happen: (proxy: Proxy) => void, isOut: boolean][] = [
    ["that refuses connections", (proxy) => last(proxy).refuse(), true],
    ["that takes too long to connect", ({ runtime }) => runtime.clock.advance(10_000), true],
    [
      "that does not greet",
      (proxy) => {
        last(proxy).accept();
        proxy.runtime.clock.advance(10_000);
      },
      true,
    ],
    ["that hangs up instead of a greeting", (proxy) => hangUp(proxy, last(proxy).accept()), true],
    ["that is closed", (proxy) => last(proxy).accept().says("* BYE closed\r\n"), true],
    [
      "that hangs up on a login",
      (proxy) => {
        const upstream = last(proxy).accept();
        upstream.says("* OK\r\n");
        hangUp(proxy, upstream);
      },
      false,
    ],
    [
      "that has no time for a login",
      (proxy) => {
        const upstream = last(proxy).accept();
        upstream.says("* OK\r\n");
        upstream.says("a NO [UNAVAILABLE] later\r\n");
      },
      false,
    ],
    [
      "that refuses a login",
      (proxy) => {
        const upstream = last(proxy).accept();
        upstream.says("* OK\r\n");
        upstream.says("a NO [AUTHENTICATIONFAILED] no\r\n");
      },
      false,
    ],
    ["for which we have no socket", (proxy) => last(proxy).refuse({ number: 24, text: "Too many open files" }), false],
    ["for which we have no port", (proxy) => last(proxy).refuse({ number: 99, text: "Cannot assign" }), false],
  ];
  for (const [what, happen, isOut] of rows) {
    it(`${what} is ${isOut ? "" : "not "}out for one client`, async () => {
      assertEquals(await isOutAfter(happen), isOut);
    });
  }

  it("that was told by a PROXY header who the client is, and says nothing then, is not out for one client", async () => {
    const happen = (proxy: Proxy) => hangUp(proxy, last(proxy).accept());
    assertEquals(await isOutAfter(happen, "proxy_protocol on;"), false);
  });

  it("is out when logins of two clients fail", async () => {
    const proxy = await Proxy.start(group("", "backup"));
    for (const from of ["192.0.2.1", "192.0.2.2"]) {
      admitted(proxy, from);
      assertEquals(tried(proxy), "10");
      const upstream = last(proxy).accept();
      upstream.says("* OK\r\n");
      upstream.says("a NO [UNAVAILABLE] later\r\n");
      logIn(proxy);
    }
    admitted(proxy);
    assertEquals(tried(proxy), "11");
    assertEquals(proxy.log().filter((line) => line.startsWith("[warn]")), [
      '[warn] upstream server temporarily disabled: 192.0.2.10:143 in upstream "mail", 2 failures, the last: ' +
      'upstream sent invalid response: "NO [UNAVAILABLE] later"',
    ]);
  });

  it("that is silent is left for the next one in time, and the log says so", async () => {
    const proxy = await Proxy.start(group("", ""));
    admitted(proxy);
    last(proxy).accept();
    proxy.log();
    proxy.runtime.clock.advance(10_000);
    assertEquals(tried(proxy), "11");
    assertEquals(proxy.log().at(-1)?.includes("upstream timed out (110: Connection timed out)"), true);
  });
});

describe("a server that is silent", () => {
  it("is left after 10 seconds for one that may serve, and the last one has all the time", async () => {
    const proxy = await Proxy.start(group("", "", "down"));
    const client = admitted(proxy);
    last(proxy).accept();
    proxy.log();
    proxy.runtime.clock.advance(9_999);
    assertEquals(proxy.log(), []);
    proxy.runtime.clock.advance(1);
    assertEquals(proxy.log(), [
      `[error] *1 upstream timed out (110: Connection timed out) while reading response from upstream${tail("10")}`,
      '[warn] upstream server temporarily disabled: 192.0.2.10:143 in upstream "mail", 1 failure, ' +
      "upstream timed out (110: Connection timed out)",
    ]);
    assertEquals(tried(proxy), "11");
    proxy.runtime.clock.advance(59_999);
    logIn(proxy);
    assertEquals([client.heard(), proxy.runtime.relays.length], ["", 1]);
  });

  it("has as much time as a login once it has said a word", async () => {
    const proxy = await Proxy.start(group("", ""));
    admitted(proxy);
    const upstream = last(proxy).accept();
    proxy.runtime.clock.advance(9_000);
    upstream.says("* OK ready\r\n");
    proxy.runtime.clock.advance(50_000);
    assertEquals(tried(proxy), "-");
    proxy.runtime.clock.advance(1_000);
    assertEquals(tried(proxy), "11");
  });

  it("has the time that proxy_connect_timeout says", async () => {
    const proxy = await Proxy.start(`${group("", "")} proxy_connect_timeout 30s;`);
    admitted(proxy);
    proxy.runtime.clock.advance(29_999);
    assertEquals(tried(proxy), "10");
    proxy.runtime.clock.advance(1);
    assertEquals(tried(proxy), "11");
  });

  it("is at fault when clients leave because of it, but not at once", async () => {
    const proxy = await Proxy.start(`${group("", "backup")} proxy_connect_timeout 60s;`);
    const leaveAfter = (seconds: number) => {
      const client = admitted(proxy);
      last(proxy).accept();
      proxy.runtime.clock.advance(seconds * 1000);
      client.breaks({ number: 104, text: "Connection reset by peer" });
    };
    for (let i = 0; i < 3; i++) leaveAfter(9);
    admitted(proxy);
    assertEquals(tried(proxy), "10");
    last(proxy).refuse();
    const other = await Proxy.start(`${group("", "backup")} proxy_connect_timeout 60s;`);
    const client = admitted(other);
    last(other).accept();
    other.runtime.clock.advance(12_000);
    client.breaks({ number: 104, text: "Connection reset by peer" });
    admitted(other);
    assertEquals([tried(other), other.log().filter((line) => line.startsWith("[warn]"))], ["11", [
      '[warn] upstream server temporarily disabled: 192.0.2.10:143 in upstream "mail", 1 failure, ' +
      "no greeting for 12s, until the client left",
    ]]);
  });
});

describe("a group over a reload", () => {
  it("counts the connections that go on", async () => {
    const proxy = await Proxy.start(group("max_conns=1", "max_conns=2"));
    const upstreams = [];
    for (let i = 0; i < 3; i++) {
      admitted(proxy);
      upstreams.push(logIn(proxy));
    }
    await proxy.reload(group("max_conns=1", "max_conns=3"));
    admitted(proxy);
    assertEquals(tried(proxy), "11");
    logIn(proxy);
    assertEquals(admitted(proxy).heard(), INTERNAL);
    proxy.runtime.relays[0]?.finish();
    admitted(proxy);
    assertEquals(tried(proxy), "10");
  });

  it("knows still which server is out, but not of one that is new", async () => {
    const proxy = await Proxy.start(group("", ""));
    admitted(proxy);
    last(proxy).refuse();
    logIn(proxy);
    await proxy.reload(group("weight=5", ""));
    admitted(proxy);
    assertEquals(tried(proxy), "11");
    logIn(proxy);
    await proxy.reload(group("", "").replace("192.0.2.10", "192.0.2.12"));
    await proxy.reload(group("weight=100", ""));
    admitted(proxy);
    assertEquals(tried(proxy), "10");
  });

  it("that fails goes on as it was", async () => {
    const proxy = await Proxy.start(group("", ""));
    admitted(proxy);
    last(proxy).refuse();
    logIn(proxy);
    const failing = "upstream mail { server nowhere.example:143; }";
    let message = "";
    await proxy.reload(failing).catch((error: Error) => message = error.message);
    assertEquals(message, 'host not found in upstream "nowhere.example:143" in f:2');
    admitted(proxy);
    assertEquals(tried(proxy), "11");
  });
});

describe("a server of a group that has a name", () => {
  it("stands for all addresses it has at the start", async () => {
    const proxy = await Proxy.start("upstream mail { server localhost; }").catch((error: Error) => error.message);
    assertEquals(proxy, 'host not found in upstream "localhost" in f:2');
  });
});

describe("proxy_pass to a plain word", () => {
  async function problem(lines: string, names: readonly string[] = []): Promise<string> {
    const runtime = new FakeRuntime();
    for (const name of names) runtime.names.set(name, ["192.0.2.9"]);
    const config = load(`events {} mail {\n${lines}\n }`);
    try {
      const server = await serve(config, runtime);
      await server.stop("fast");
      return "ok";
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      return `${error.message}\n${error.hint}`;
    }
  }
  const to = (word: string) => `server { listen 143; proxy_pass ${word}; }`;
  const mail = "upstream Imap_Backend { server 192.0.2.1; }";

  it("is a group's name in any case, or a host's", async () => {
    assertEquals(await problem(`${mail} ${to("imap_backend")}`), "ok");
    assertEquals(await problem(to("dovecot"), ["dovecot"]), "ok");
  });

  it("that is neither is an error at the start", async () => {
    assertEquals(
      await problem(to("imap_backend")),
      'host not found in upstream "imap_backend" in f:2\nneither a host nor an "upstream" has that name',
    );
    assertEquals(
      await problem(`${mail} ${to("imap_backnd")}`),
      'host not found in upstream "imap_backnd" in f:2\ndid you mean "Imap_Backend"?',
    );
  });

  it("is nothing else", async () => {
    for (const other of ["nowhere.example", "nowhere:143", "192.0.2.1", "[::1]", "unix:/run/x", "$auth_user"]) {
      assertEquals(await problem(to(other)), "ok");
    }
  });
});
