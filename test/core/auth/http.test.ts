import { describe, it } from "node:test";
import { assert, assertEquals, assertFalse } from "@std/assert";
import { NO_WORDS } from "../../../src/auth/_http_answer.ts";
import type { Credentials, Verdict } from "../../../src/auth/mod.ts";
import { Secret } from "../../../src/session/secret.ts";
import { Bench, FIELDS, KEPT, ROUTE, seeded } from "./_support.ts";
import { factsOf } from "../../support/facts.ts";

/** A verdict as `assertEquals` can compare it. */
function shown(verdicts: readonly Verdict[]): unknown[] {
  return verdicts.map((verdict) =>
    verdict.type === "accepted" ? { ...verdict, secret: verdict.secret?.reveal() } : verdict
  );
}

const ACCEPTED = { type: "accepted", route: ROUTE, login: "anna", secret: "sesame" };
const UNAVAILABLE: Verdict = { type: "unavailable" };
const CLOSING = `HTTP/1.0 200 OK\r\n${FIELDS}\r\n`;

describe("a login by auth_http", () => {
  it("asks the server and tells its verdict, once", () => {
    const bench = new Bench();
    const login = bench.login();
    assertEquals(bench.runtime.connects.map(({ target }) => target), [{ host: "192.0.2.9", port: 9000 }]);
    const socket = bench.accept();
    assert(socket.heard().startsWith("GET /auth HTTP/1.1\r\nHost: auth.test\r\n"));
    assertEquals(socket.writes.length, 1);
    socket.says(KEPT);
    socket.says(KEPT);
    socket.hangsUp();
    bench.runtime.clock.advance(120_000);
    assertEquals(shown(login.verdicts), [ACCEPTED]);
    assertEquals(login.notes, []);
    assertEquals(bench.runtime.clock.pending, 0);
  });

  it("reaches a server on a unix socket", () => {
    const bench = new Bench({ address: { path: "/run/auth" }, host: "localhost" });
    const login = bench.login();
    assertEquals(bench.runtime.connects[0]?.target, { path: "/run/auth" });
    const socket = bench.accept();
    assert(socket.heard().includes("\r\nHost: localhost\r\n"));
    socket.says(KEPT);
    assertEquals(shown(login.verdicts), [ACCEPTED]);
  });

  it("has its verdict as soon as the head is whole, and not before", () => {
    for (const response of [KEPT, CLOSING, KEPT.replace("Length: 0", "Length: 9")]) {
      const bench = new Bench();
      const login = bench.login();
      const socket = bench.accept();
      socket.spells(response.slice(0, -1));
      assertEquals(login.verdicts, []);
      socket.says("\n");
      assertEquals(shown(login.verdicts), [ACCEPTED]);
    }
  });

  it("is refused in the server's words", () => {
    const bench = new Bench();
    const login = bench.login({ protocol: "smtp", clientHost: "mx.test" });
    bench.accept().says(
      "HTTP/1.1 200 OK\r\nAuth-Status: Bad login\r\nAuth-Wait: 3\r\nAuth-Error-Code: 535 5.7.8\r\n\r\n",
    );
    assertEquals(login.verdicts, [{
      type: "refused",
      text: "Bad login",
      wait: 3000,
      smtpCode: "535 5.7.8",
      saslError: undefined,
    }]);
    assertEquals(login.notes, []);
  });

  it("may ask again from within its verdict", () => {
    const bench = new Bench();
    const verdicts: string[] = [];
    const attempt = (count: number) => {
      const credentials = { ...ANY, attempt: count };
      bench.authenticator.authenticate(credentials, () => {}, (verdict) => {
        verdicts.push(verdict.type);
        if (count < 3) attempt(count + 1);
      });
    };
    attempt(1);
    for (let count = 1; count <= 3; count++) {
      const socket = bench.accept();
      assert(socket.heard().includes(`Auth-Login-Attempt: ${count}\r\n`));
      socket.says("Auth-Status: no\r\n\r\n");
    }
    assertEquals(verdicts, ["refused", "refused", "refused"]);
  });
});

describe("an auth server that fails", () => {
  const A = "error: auth http server auth.test:9000";
  const cases: Readonly<Record<string, readonly [response: string, note: string]>> = {
    "closes before it says anything": ["", `${A} closed connection prematurely`],
    "closes in mid-head": [KEPT.slice(0, -1), `${A} closed connection prematurely`],
    "closes after an interim response": ["HTTP/1.1 100 x\r\n\r\n", `${A} closed connection prematurely`],
    "sends no status line that makes sense": ["HTTP/1.1 OK\r\n\r\n", `${A} sent invalid response`],
    "sends a line of no sense": [
      `HTTP/1.1 200 OK\r\nAuth_Status: OK\r\n${FIELDS}\r\n`,
      `${A} sent invalid header in response`,
    ],
    "sends NUL": [`HTTP/1.1 200 OK\r\nX: \0\r\n${FIELDS}\r\n`, `${A} sent invalid header in response`],
    "sends HTML at once": ["<html>\n", `${A} sent invalid header in response`],
    "sends a megabyte of head": [
      `HTTP/1.1 200 OK\r\n${"X: y\r\n".repeat(170_000)}`,
      `${A} sent too long response header`,
    ],
    "sends a megabyte without a line": ["x".repeat(1_000_000), `${A} sent too long response header`],
    "does not say whether": ["HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", `${A} did not send status`],
    "is busy": [`HTTP/1.1 503 Busy\r\n${FIELDS}Content-Length: 0\r\n\r\n`, `${A} sent status 503`],
    "names no server": ["HTTP/1.1 200 OK\r\nAuth-Status: OK\r\n\r\n", `${A} did not send server or port`],
  };
  for (const [what, [response, note]] of Object.entries(cases)) {
    it(`and ${what} makes the login impossible for now, and itself known`, () => {
      const bench = new Bench();
      const login = bench.login();
      const socket = bench.accept();
      socket.says(response);
      socket.hangsUp();
      assertEquals(login.verdicts, [UNAVAILABLE]);
      assertEquals(login.notes, [note]);
      bench.runtime.clock.advance(10_000);
      assertEquals(bench.runtime.clock.pending, 0);
      assertEquals(bench.waiting, 0);
      assert(socket.isClosed);
    });
  }

  it("by refusing the connection", () => {
    const bench = new Bench();
    const login = bench.login();
    bench.refuse();
    assertEquals(login.verdicts, [UNAVAILABLE]);
    assertEquals(login.notes, [
      "error: connect() failed (111: Connection refused) with auth http server auth.test:9000",
    ]);
    assertEquals(bench.runtime.clock.pending, 0);
  });

  it("by breaking the connection", () => {
    for (const beginning of ["", "HTTP/1.1 2"]) {
      const bench = new Bench();
      const login = bench.login();
      const socket = bench.accept();
      socket.says(beginning);
      socket.breaks();
      assertEquals(login.verdicts, [UNAVAILABLE]);
      assertEquals(login.notes, [
        "error: recv() failed (104: Connection reset by peer) with auth http server auth.test:9000",
      ]);
    }
    const bench = new Bench();
    const login = bench.login();
    bench.accept().breaks({ number: 32, text: "Broken pipe" });
    assertEquals(login.notes, ["error: send() failed (32: Broken pipe) with auth http server auth.test:9000"]);
  });

  it("by vanishing without a reason", () => {
    const bench = new Bench();
    const login = bench.login();
    const socket = bench.accept();
    socket.handler.closed(undefined);
    assertEquals(login.notes, [`${A} closed connection prematurely`]);
  });

  const timedOut = [`${A} timed out (110: Connection timed out)`];
  it("by not accepting in time", () => {
    const bench = new Bench({ timeout: 5000 });
    const login = bench.login();
    bench.runtime.clock.advance(4999);
    assertEquals(login.verdicts, []);
    bench.runtime.clock.advance(1);
    assertEquals(login.verdicts, [UNAVAILABLE]);
    assertEquals(login.notes, timedOut);
    assert(bench.runtime.connects[0]?.isCancelled);
  });

  it("by not answering in time, counted from the start and not from the last octet", () => {
    const bench = new Bench({ timeout: 5000 });
    const login = bench.login();
    bench.runtime.clock.advance(4000);
    const socket = bench.accept();
    socket.says("HTTP/1.1 200 OK\r\n");
    bench.runtime.clock.advance(900);
    socket.says(FIELDS);
    bench.runtime.clock.advance(99);
    assertEquals(login.verdicts, []);
    bench.runtime.clock.advance(1);
    assertEquals(login.verdicts, [UNAVAILABLE]);
    assertEquals(login.notes, timedOut);
    assertEquals(socket.ending, "abort");
    assertEquals(bench.runtime.clock.pending, 0);
  });

  it("only once in a while: other logins at the same time have their answers", () => {
    const bench = new Bench();
    const logins = [bench.login(), bench.login(), bench.login()];
    const [first, second, third] = [bench.accept(), bench.accept(), bench.accept()];
    second.says("\0\0\0\n");
    third.says(KEPT);
    first.says(KEPT);
    assertEquals(logins.map(({ verdicts }) => verdicts[0]?.type), ["accepted", "unavailable", "accepted"]);
  });
});

describe("an auth server that says WAIT", () => {
  const wait = (seconds: string) => `HTTP/1.1 200 OK\r\nAuth-Status: WAIT\r\n${seconds}Content-Length: 0\r\n\r\n`;

  it("is asked the same again after that time, and need not say anything else ever", () => {
    const bench = new Bench({ timeout: 3000 });
    const login = bench.login({ attempt: 4 });
    let socket = bench.accept();
    const request = socket.heard();
    for (let round = 0; round < 5; round++) {
      socket.says(wait("Auth-Wait: 7\r\n"));
      bench.runtime.clock.advance(6999);
      assertEquals(bench.waiting, 0);
      bench.runtime.clock.advance(1);
      socket = bench.accept();
      assertEquals(socket.heard(), request);
    }
    assertEquals(login.verdicts, []);
    socket.says(KEPT);
    assertEquals(shown(login.verdicts), [ACCEPTED]);
  });

  it("is asked no sooner than after a second", () => {
    for (const seconds of ["", "Auth-Wait: 0\r\n", "Auth-Wait: -1\r\n", "Auth-Wait: 1\r\n"]) {
      const bench = new Bench();
      const login = bench.login();
      const first = bench.accept();
      const request = first.heard();
      first.says(wait(seconds));
      bench.runtime.clock.advance(999);
      assertEquals([bench.waiting, first.heard()], [0, ""]);
      bench.runtime.clock.advance(1);
      const second = bench.accept();
      assertEquals(second.heard(), request);
      second.says("HTTP/1.1 200 OK\r\nAuth-Status:\r\n\r\n");
      assertEquals(login.verdicts, [{
        type: "refused",
        text: NO_WORDS,
        wait: 0,
        smtpCode: undefined,
        saslError: undefined,
      }]);
    }
  });

  it("has each of its answers within the timeout", () => {
    const bench = new Bench({ timeout: 5000 });
    const login = bench.login();
    bench.accept().says(wait("Auth-Wait: 10\r\n"));
    bench.runtime.clock.advance(10_000);
    bench.accept();
    bench.runtime.clock.advance(4999);
    assertEquals(login.verdicts, []);
    bench.runtime.clock.advance(1);
    assertEquals(login.verdicts, [UNAVAILABLE]);
  });
});

describe("a login that is cancelled", () => {
  it("while it connects, gives the connect up", () => {
    const bench = new Bench();
    const login = bench.login();
    login.cancel();
    assert(bench.runtime.connects[0]?.isCancelled);
    bench.accept();
    bench.runtime.clock.advance(100_000);
    assertEquals(login.verdicts, []);
    assertEquals(bench.runtime.clock.pending, 0);
  });

  it("after any part of its answer, leaves that to nobody", () => {
    for (let length = 0; length < KEPT.length; length++) {
      const bench = new Bench();
      const cancelled = bench.login();
      const socket = bench.accept();
      socket.says(KEPT.slice(0, length));
      cancelled.cancel();
      assertEquals(socket.ending, "abort");
      bench.runtime.clock.advance(5);
      const next = bench.login();
      const fresh = bench.accept();
      socket.says(KEPT.slice(length));
      assertEquals([cancelled.verdicts, next.verdicts, cancelled.notes], [[], [], []]);
      fresh.says("HTTP/1.1 200 OK\r\nAuth-Status: no\r\n\r\n");
      assertEquals(next.verdicts[0]?.type, "refused");
      cancelled.cancel();
      assertEquals(bench.runtime.clock.pending, 0);
    }
  });

  it("on a kept connection, ends that", () => {
    const bench = new Bench();
    const socket = bench.rest();
    const login = bench.login();
    assert(socket.heard().includes("Auth-User: anna"));
    login.cancel();
    assertEquals(socket.ending, "abort");
    bench.login();
    assertEquals(bench.waiting, 1);
  });

  it("while it waits, asks no more", () => {
    const bench = new Bench();
    const login = bench.login();
    bench.accept().says("HTTP/1.1 200 OK\r\nAuth-Status: WAIT\r\nAuth-Wait: 5\r\n\r\n");
    login.cancel();
    assertEquals(bench.runtime.clock.pending, 0);
    bench.runtime.clock.advance(60_000);
    assertEquals(bench.waiting, 0);
    assertEquals(login.verdicts, []);
  });

  it("after its verdict, takes nothing from others", () => {
    const bench = new Bench();
    const first = bench.login();
    const socket = bench.accept();
    socket.says(KEPT);
    bench.runtime.clock.advance(1);
    const second = bench.login();
    first.cancel();
    first.cancel();
    socket.says(KEPT);
    assertEquals(shown(second.verdicts), [ACCEPTED]);
  });

  it("from within a note or its verdict does no harm", () => {
    const bench = new Bench();
    let cancel = () => {};
    let verdicts = 0;
    cancel = bench.authenticator.authenticate(ANY, () => cancel(), () => {
      verdicts++;
      cancel();
    });
    bench.accept().says("HTTP/1.1 503 x\r\n\r\n");
    assertEquals(verdicts, 1);
    assertEquals(bench.runtime.clock.pending, 0);
  });
});

describe("the secrets of a login", () => {
  it("are in no line of the log, whatever the server does", () => {
    const random = seeded(77);
    const password = "Tr0ub4dor&3";
    const pieces = [
      FIELDS,
      "HTTP/1.1 200 OK\r\n",
      "HTTP/1.1 500 x\r\n",
      "\r\n",
      `Auth-Pass: ${password}\r\n`,
      "\0",
      "_\r\n",
    ];
    const more = ["Auth-Status: OK\r\n", "Auth-Port: 99999\r\n", "Auth-Server: a b\r\n", "Auth-Error-Code: 1\r\n"];
    const all = [...pieces, ...more];
    for (let round = 0; round < 300; round++) {
      const bench = new Bench();
      const login = bench.login({ secret: new Secret(password) });
      const socket = bench.accept();
      for (let count = random(8); count > 0; count--) socket.says(all[random(all.length)] ?? "");
      socket.hangsUp();
      assertEquals(login.verdicts.length, 1);
      assertFalse(JSON.stringify([login.notes, login.verdicts]).includes(password));
    }
  });
});

const ANY: Credentials = {
  protocol: "imap",
  method: "plain",
  login: "anna",
  secret: new Secret("sesame"),
  salt: undefined,
  attempt: 1,
  client: { family: 4, host: "198.51.100.7", port: 1 },
  proxied: undefined,
  clientHost: undefined,
  envelope: undefined,
  tls: undefined,
  facts: factsOf(),
};
