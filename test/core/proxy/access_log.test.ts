import { assert, assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { serve } from "../../../src/proxy/mod.ts";
import { load } from "../../support/config.ts";
import { type FakeConnect, FakeRuntime } from "../../support/fake_runtime.ts";
import { Proxy, settle } from "./_support.ts";

const LOG = "/access.log";

/** Which event of which connection, how far it came, how it ended and through whom, in nginx's numbers. */
const FORMAT = "log_format it '$connection $session_event $session_phase $session_result $session_fault $status';";
const IT = `${FORMAT} access_log ${LOG} it;`;

function lines({ runtime }: Proxy, path = LOG): string[] {
  return (runtime.files.contents.get(path) ?? "").split("\n").slice(0, -1);
}

const REFUSED = "HTTP/1.0 200 OK\r\nAuth-Status: Invalid login\r\nAuth-Wait: 3\r\n\r\n";

describe("a line of the access log", () => {
  it("tells each end", async () => {
    const proxy = await Proxy.start(`${IT} max_errors 1; imap_client_buffer 64; timeout 60s;`);
    const { runtime } = proxy;
    proxy.client().says("a LOGOUT\r\n");
    proxy.client().breaks();
    proxy.client().says("nonsense\r\n");
    proxy.client().says(`a LOGIN ${"x".repeat(70)}`);
    const guest = proxy.client();
    proxy.logIn(guest);
    runtime.relays[0]?.finish({ end: "clientClosed" });
    proxy.client();
    runtime.clock.advance(60_000);
    runtime.clock.advance(3_000);
    assertEquals(lines(proxy).sort(), [
      "1 end login quit - 200",
      "2 end login clientGone client 400",
      "3 end login tooManyErrors client 400",
      "4 end login tooLongCommand client 400",
      "5 end relay clientClosed - 200",
      "6 end login timeout client 400",
    ]);
  });

  it("tells who failed between the claim and the relay", async () => {
    const proxy = await Proxy.start(IT);
    const one = proxy.client();
    proxy.ask(one);
    const [auth] = proxy.runtime.connects;
    auth?.refuse();
    const two = proxy.client();
    proxy.ask(two);
    proxy.answer();
    proxy.runtime.connects.at(-1)?.refuse();
    const three = proxy.client();
    proxy.admit(three).says("* BYE too busy\r\n");
    proxy.runtime.clock.advance(3_000);
    assertEquals(lines(proxy), [
      "1 end auth authUnavailable auth 503",
      "2 end connect upstreamUnavailable upstream 502",
      "3 end upstream upstreamRefused upstream 502",
    ]);
  });

  it("blames no server for what we are short of", async () => {
    const proxy = await Proxy.start(IT);
    proxy.ask(proxy.client());
    proxy.runtime.connects.at(-1)?.refuse(NO_DESCRIPTOR);
    proxy.ask(proxy.client());
    proxy.answer();
    proxy.runtime.connects.at(-1)?.refuse(NO_DESCRIPTOR);
    proxy.runtime.clock.advance(3_000);
    assertEquals(lines(proxy), ["1 end auth noRoom us 503", "2 end connect noRoom us 503"]);
  });

  it("tells a failed login at once, each time, and then the end", async () => {
    const proxy = await Proxy.start(IT);
    const client = proxy.client();
    for (let attempt = 0; attempt < 2; attempt++) {
      proxy.ask(client);
      proxy.runtime.connects.at(-1)?.accept().says(REFUSED);
      assertEquals(lines(proxy).length, attempt + 1);
      proxy.runtime.clock.advance(3_000);
    }
    client.says("b LOGOUT\r\n");
    proxy.runtime.clock.advance(3_000);
    assertEquals(lines(proxy), [
      "1 login_failed auth refused user 403",
      "1 login_failed auth refused user 403",
      "1 end login quit - 200",
    ]);
  });

  it("counts a login once that a cached answer let in and its source is asked about again", async () => {
    const proxy = await Proxy.start(
      `log_format it '$session_event $auth_attempts'; access_log ${LOG} it; auth_http_cache zone=a:1m;`,
    );
    const first = proxy.client();
    proxy.logIn(first);
    proxy.runtime.relays[0]?.finish({ end: "clientClosed" });
    proxy.runtime.clock.advance(1);
    const second = proxy.client();
    proxy.ask(second);
    const upstream = proxy.nextConnect().accept();
    for (const line of ["* OK ready", "+ go on", "+ go on", "a NO not here"]) upstream.says(`${line}\r\n`);
    proxy.nextConnect().accept().says(REFUSED);
    proxy.runtime.clock.advance(3_000);
    second.says("b LOGIN anna sesame\r\n");
    proxy.nextConnect().accept().says(REFUSED);
    second.breaks();
    assertEquals(lines(proxy), ["end 1", "login_failed 1", "login_failed 2", "end 2"]);
  });

  it("tells that a failed login was the last", async () => {
    const proxy = await Proxy.start(IT);
    proxy.ask(proxy.client());
    proxy.runtime.connects.at(-1)?.accept().says(REFUSED.replace("Auth-Wait: 3\r\n", ""));
    proxy.runtime.clock.advance(3_000);
    assertEquals(lines(proxy), ["1 login_failed auth refused user 403", "1 end auth refused user 403"]);
  });

  it("is written for whoever is turned away", async () => {
    const proxy = await Proxy.start(`${IT} deny 192.0.2.1;`);
    proxy.client();
    proxy.runtime.clock.advance(3_000);
    assertEquals(lines(proxy), ["1 end login forbidden client 403"]);
  });

  it("is written for whoever finds no room", async () => {
    const proxy = await Proxy.start(IT, "", "worker_connections 2;");
    proxy.client();
    proxy.client();
    assertEquals(lines(proxy), ["2 end accepted noRoom us 503"]);
  });

  it("is written for whoever is cut off by our end", async () => {
    const proxy = await Proxy.start(IT);
    proxy.client();
    proxy.logIn(proxy.client());
    const stopped = proxy.server.stop("fast");
    await settle();
    proxy.runtime.relays[0]?.finish({ end: "stopped" });
    proxy.runtime.clock.advance(3_000);
    await stopped;
    assertEquals(lines(proxy).sort(), ["1 end login shutdown us 503", "2 end relay stopped us 200"]);
  });
});

describe("the access log", () => {
  it("has only what its condition lets in, and several have each their own", async () => {
    const proxy = await Proxy.start(
      `${FORMAT} map $session_event $failed { login_failed 1; default 0; }
       access_log ${LOG} it if=$failed; access_log /all it;`,
    );
    proxy.ask(proxy.client());
    proxy.runtime.connects.at(-1)?.accept().says(REFUSED.replace("Auth-Wait: 3\r\n", ""));
    proxy.runtime.clock.advance(3_000);
    assertEquals([lines(proxy).length, lines(proxy, "/all").length], [1, 2]);
  });

  it("waits in its buffer until logs are opened anew, and at the end", async () => {
    const proxy = await Proxy.start(`${FORMAT} access_log ${LOG} it buffer=64k;`);
    const leave = () => {
      proxy.client().says("a LOGOUT\r\n");
      proxy.runtime.clock.advance(3_000);
    };
    leave();
    assertEquals(lines(proxy), []);
    proxy.server.reopenLogs();
    assertEquals(lines(proxy).length, 1);
    leave();
    assertEquals(lines(proxy).length, 1);
    await proxy.server.stop("fast");
    await proxy.server.closeLogs();
    assertEquals(lines(proxy).length, 2);
  });

  it("follows a reload, for new sessions", async () => {
    const proxy = await Proxy.start(IT);
    const old = proxy.client();
    await proxy.reload(`${FORMAT} access_log /other it;`);
    proxy.client().says("a LOGOUT\r\n");
    old.says("a LOGOUT\r\n");
    proxy.runtime.clock.advance(3_000);
    assertEquals([lines(proxy), lines(proxy, "/other")], [["1 end login quit - 200"], ["2 end login quit - 200"]]);
  });

  it("on a full disk costs its lines and nothing else", async () => {
    const proxy = await Proxy.start(IT);
    proxy.log();
    proxy.runtime.files.writeFailure = { number: 28, text: "No space left on device" };
    for (let i = 0; i < 3; i++) {
      const client = proxy.client();
      client.says("a LOGOUT\r\n");
      assert(client.heard().includes("a OK"));
    }
    proxy.runtime.clock.advance(3_000);
    proxy.runtime.files.writeFailure = undefined;
    proxy.client().says("a LOGOUT\r\n");
    proxy.runtime.clock.advance(3_000);
    assertEquals(lines(proxy), ["4 end login quit - 200"]);
    const notices = proxy.log().filter((line) => line.includes("write()"));
    assertEquals(notices, ['[notice] write() to "/access.log" succeeds again, 3 lines were lost']);
  });

  it("has no password, whatever is logged", async () => {
    const { BUILTINS } = await import("../../../src/variables/mod.ts");
    const all = BUILTINS.map(({ name }) => `$${name}`).join(" ");
    const proxy = await Proxy.start(
      `log_format all escape=none '${all}'; access_log ${LOG} all; access_log /json json;`,
    );
    const client = proxy.client();
    proxy.ask(client);
    proxy.runtime.connects.at(-1)?.accept().says(REFUSED);
    proxy.runtime.clock.advance(3_000);
    client.says("b AUTHENTICATE PLAIN AGFubmEAc2VzYW1l\r\n");
    proxy.runtime.connects.at(-1)?.accept().says(REFUSED);
    proxy.runtime.clock.advance(3_000);
    proxy.logIn(proxy.client());
    proxy.runtime.relays[0]?.finish();
    client.breaks();
    const text = [LOG, "/json"].flatMap((path) => lines(proxy, path)).join("\n");
    assertEquals(lines(proxy).length, 4);
    assert(text.includes("anna"));
    for (const secret of ["sesame", "AGFubmEAc2VzYW1l", "c2VzYW1l"]) assert(!text.includes(secret), secret);
  });
});

const NO_DESCRIPTOR = { number: 24, text: "Too many open files" };

/** What a line says of a login, and what the upstream took for it. */
const PROGRESS = "$session_phase $session_result $session_fault $auth_attempts $upstream_login_time";

/** A server block that leaves passwords to its mail server. */
async function passingThrough(block: string) {
  const runtime = new FakeRuntime();
  const log = `log_format it '${PROGRESS}'; access_log ${LOG} it;`;
  await serve(load(`mail { ${log} server { listen 127.0.0.1:143; proxy_pass 192.0.2.3; ${block} } }`), runtime);
  return {
    runtime,
    client: () => {
      const client = runtime.listeners[0]?.client();
      if (client === undefined) throw new Error("nobody listens");
      return client;
    },
    upstream: () => (runtime.connects.at(-1) as FakeConnect).accept(),
    lines: () => (runtime.files.contents.get(LOG) ?? "").split("\n").slice(0, -1),
  };
}

describe("a line about a login that the mail server checks", () => {
  it("knows that a POP3 server has greeted before the client tries anything", async () => {
    const { runtime, client, upstream, lines } = await passingThrough("protocol pop3; pop3_auth plain apop;");
    const silent = client();
    upstream().says("+OK ready <1@x>\r\n");
    silent.abort();
    runtime.clock.advance(1);
    const modern = client();
    upstream().says("+OK ready <2@x>\r\n");
    modern.says("USER anna\r\nPASS sesame\r\n");
    const next = upstream();
    for (const line of ["+OK ready <3@x>", "-ERR no CAPA", "+OK", "+OK done"]) next.says(`${line}\r\n`);
    runtime.relays[0]?.finish({ end: "clientClosed" });
    assertEquals(lines(), ["login clientGone client 0 -", "relay clientClosed - 1 0.000"]);
  });

  it("has what the upstream takes for it, without what the client takes", async () => {
    const { runtime, client, upstream, lines } = await passingThrough("protocol pop3; pop3_auth plain apop;");
    const [anna, server] = [client(), upstream()];
    runtime.clock.advance(1000);
    server.says("+OK ready <1@x>\r\n");
    runtime.clock.advance(5000);
    anna.says(`APOP anna ${"a".repeat(32)}\r\n`);
    runtime.clock.advance(2000);
    server.says("+OK done\r\n");
    runtime.relays[0]?.finish({ end: "clientClosed" });
    assertEquals(lines(), ["relay clientClosed - 1 3.000"]);
  });

  it("knows whom a challenge waits for", async () => {
    const { runtime, client, upstream, lines } = await passingThrough("protocol imap; imap_auth cram-md5;");
    for (const end of ["client", "upstream"]) {
      const anna = client();
      anna.says("a AUTHENTICATE CRAM-MD5\r\n");
      const server = upstream();
      for (const line of ["* OK ready", "* CAPABILITY AUTH=CRAM-MD5", "a OK", "+ PDFAeD4="]) server.says(`${line}\r\n`);
      if (end === "client") anna.abort();
      else server.breaks();
      runtime.clock.advance(3000);
    }
    assertEquals(lines(), ["login clientGone client 1 -", "upstream upstreamUnavailable upstream 1 -"]);
  });
});
