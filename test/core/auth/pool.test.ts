import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { MAX_BODY } from "../../../src/auth/_http_body.ts";
import { IDLE_TIMEOUT, MAX_IDLE, PATIENCE, RESPITE } from "../../../src/auth/_http_pool.ts";
import { templateOf } from "../../support/facts.ts";
import type { FakeSocket } from "../../support/fake_runtime.ts";
import { Bench, FIELDS, KEPT, type Login, seeded } from "./_support.ts";

function types(...logins: readonly Login[]): (string | undefined)[] {
  return logins.map(({ verdicts }) => verdicts[0]?.type);
}

function response(...lines: readonly string[]): string {
  return `HTTP/1.1 200 OK\r\n${FIELDS}${lines.join("\r\n")}\r\n\r\n`;
}

describe("a connection to an auth server", () => {
  it("serves one login after the other", () => {
    const bench = new Bench();
    const socket = bench.rest();
    for (let round = 0; round < 20; round++) {
      const login = bench.login({ login: `user${round}` });
      assert(socket.heard().includes(`\r\nAuth-User: user${round}\r\n`));
      socket.spells(round % 2 === 0 ? KEPT : `${response("Transfer-Encoding: chunked")}3\r\nabc\r\n0\r\n\r\n`);
      assertEquals(types(login), ["accepted"]);
      bench.runtime.clock.advance(1);
    }
    assertEquals(bench.runtime.connects.length, 1);
  });

  it("serves one login at a time", () => {
    const bench = new Bench();
    const kept = bench.rest();
    const first = bench.login();
    const second = bench.login();
    const other = bench.accept();
    other.says("HTTP/1.1 200 OK\r\nAuth-Status: no\r\nContent-Length: 0\r\n\r\n");
    assertEquals(types(first, second), [undefined, "refused"]);
    kept.says(KEPT);
    assertEquals(types(first, second), ["accepted", "refused"]);
  });

  it("is closed in order after its answer when the server wants it so, or leaves the end open", () => {
    const open = [
      `HTTP/1.0 200 OK\r\n${FIELDS}\r\n`,
      response("Connection: close", "Content-Length: 0"),
      response(`Content-Length: ${MAX_BODY + 1}`),
      response("Transfer-Encoding: gzip"),
      response("X: y"),
      `${FIELDS}\r\n`,
      `${response("Transfer-Encoding: chunked")}nonsense`,
      `${KEPT}more`,
      KEPT + KEPT,
    ];
    for (const answer of open) {
      const bench = new Bench();
      const login = bench.login();
      const socket = bench.accept();
      socket.says(answer);
      assertEquals(types(login), ["accepted"]);
      assertEquals(socket.ending, "close");
      bench.runtime.clock.advance(1);
      bench.login();
      assertEquals(bench.waiting, 1);
    }
  });

  it("serves once where the request has said so, whatever the server makes of it", () => {
    for (const [name, text] of [["Connection", "close"], ["connection", "x, Close"]] as const) {
      const bench = new Bench({ headers: [{ name, value: templateOf(text) }] });
      for (const body of ["", "body"]) {
        const login = bench.login();
        const socket = bench.accept();
        socket.says(response(`Content-Length: ${body.length}`));
        assertEquals(types(login), ["accepted"]);
        socket.says(body);
        assertEquals(socket.ending, "close");
        bench.runtime.clock.advance(1);
      }
      assertEquals(bench.runtime.connects.length, 2);
    }
    const bench = new Bench({ headers: [{ name: "X-Connection", value: templateOf("close") }] });
    bench.rest();
    bench.login();
    assertEquals(bench.waiting, 0);
  });

  it("serves again only when the body is over, and is closed when that takes too long or does not come", () => {
    const start = (): readonly [Bench, FakeSocket] => {
      const bench = new Bench();
      const login = bench.login();
      const socket = bench.accept();
      socket.says(response("Content-Length: 4"));
      assertEquals(types(login), ["accepted"]);
      return [bench, socket];
    };
    const [bench, socket] = start();
    bench.login();
    const other = bench.accept();
    other.says(`HTTP/1.0 200 OK\r\n${FIELDS}\r\n`);
    socket.spells("body");
    bench.runtime.clock.advance(1);
    socket.heard();
    const login = bench.login();
    bench.runtime.clock.advance(20_000);
    socket.says(KEPT);
    assertEquals(types(login), ["accepted"]);

    const [slow, slowSocket] = start();
    slow.runtime.clock.advance(10_000);
    assertEquals(slowSocket.ending, "abort");
    assertEquals(slow.runtime.clock.pending, 0);

    for (const end of ["hangsUp", "breaks"] as const) {
      const [cut, cutSocket] = start();
      cutSocket[end]();
      assertEquals(cut.runtime.clock.pending, 0);
      cut.login();
      assertEquals(cut.waiting, 1);
    }
  });

  it("rests for a short while, the one that rested longest being used first", () => {
    const bench = new Bench();
    const logins = [bench.login(), bench.login(), bench.login()];
    const sockets = [bench.accept(), bench.accept(), bench.accept()];
    for (const socket of sockets) {
      socket.says(KEPT);
      socket.heard();
      bench.runtime.clock.advance(100);
    }
    assertEquals(types(...logins), ["accepted", "accepted", "accepted"]);
    bench.runtime.clock.advance(IDLE_TIMEOUT - 301);
    assertEquals(sockets.map(({ ending }) => ending), [undefined, undefined, undefined]);
    bench.runtime.clock.advance(1);
    assertEquals(sockets.map(({ ending }) => ending), ["close", undefined, undefined]);
    bench.login();
    assertEquals(sockets.map((socket) => socket.heard() !== ""), [false, true, false]);
    sockets[1]?.says(KEPT);
    bench.runtime.clock.advance(IDLE_TIMEOUT);
    assertEquals(sockets.map(({ ending }) => ending), ["close", "close", "close"]);
    assertEquals(bench.runtime.clock.pending, 0);
  });

  it("rests with no more than a few others", () => {
    const bench = new Bench();
    const logins = Array.from({ length: MAX_IDLE + 3 }, () => bench.login());
    const sockets = logins.map(() => bench.accept());
    for (const socket of sockets) socket.says(KEPT);
    assertEquals(sockets.filter(({ ending }) => ending === "close").length, 3);
    bench.runtime.clock.advance(1);
    for (const _ of logins) bench.login();
    assertEquals(bench.waiting, 3);
  });

  it("ends when anything happens to it at rest", () => {
    const happenings: Readonly<Record<string, (socket: FakeSocket) => void>> = {
      "an answer to nobody": (socket) => socket.says(KEPT),
      "an octet": (socket) => socket.says("\n"),
      "its end": (socket) => socket.hangsUp(),
      "a reset": (socket) => socket.breaks(),
    };
    for (const [name, happen] of Object.entries(happenings)) {
      const bench = new Bench();
      const socket = bench.rest();
      happen(socket);
      const login = bench.login();
      assertEquals([bench.waiting, socket.heard()], [1, ""], name);
      bench.accept().says("Auth-Status: no\n\n");
      assertEquals(types(login), ["refused"]);
      bench.runtime.clock.advance(10_000);
      assertEquals(bench.runtime.clock.pending, 0);
      assert(socket.isClosed);
    }
  });

  it("is not used in the moment its answer came, so that what comes with it is seen for what it is", () => {
    const bench = new Bench();
    const first = bench.login();
    const socket = bench.accept();
    socket.says("HTTP/1.1 200 OK\r\nAuth-Status: no\r\nContent-Length: 0\r\n\r\n");
    const second = bench.login();
    assertEquals(bench.waiting, 1);
    socket.says(KEPT);
    assertEquals(types(first, second), ["refused", undefined]);
    assertEquals(socket.ending, "abort");
  });
});

describe("a kept connection that turns out to be stale", () => {
  const stale: Readonly<Record<string, (socket: FakeSocket) => void>> = {
    "ended": (socket) => socket.hangsUp(),
    "reset": (socket) => socket.breaks(),
    "broken for writing": (socket) => socket.breaks({ number: 32, text: "Broken pipe" }),
    "holding what a body had too many": (socket) => socket.says("<html>OK</html>\n"),
    "holding fields of another answer": (socket) => socket.says(`${FIELDS}\r\n`),
    "holding a line's end": (socket) => socket.says("\r\n"),
  };
  for (const [name, happen] of Object.entries(stale)) {
    it(`(${name}) is replaced by a new one, and nobody notices`, () => {
      const bench = new Bench();
      const socket = bench.rest();
      const login = bench.login({ login: "berta" });
      const request = socket.heard();
      happen(socket);
      assertEquals([types(login), login.notes], [[undefined], []]);
      const fresh = bench.accept();
      assertEquals(fresh.heard(), request);
      fresh.says(KEPT);
      assertEquals([types(login), login.notes], [["accepted"], []]);
      bench.runtime.clock.advance(10_000);
      assertEquals(bench.runtime.clock.pending, 0);
    });
  }

  it("is replaced once, and within the same timeout", () => {
    const bench = new Bench({ timeout: 3000 });
    const sockets = [bench.rest()];
    const login = bench.login();
    bench.runtime.clock.advance(2000);
    sockets[0]?.hangsUp();
    bench.accept().hangsUp();
    assertEquals(types(login), ["unavailable"]);
    assertEquals(login.notes, ["error: auth http server auth.test:9000 closed connection prematurely"]);

    bench.rest();
    const late = bench.login();
    bench.runtime.connects.at(-1)?.socket?.hangsUp();
    bench.runtime.clock.advance(3000);
    assertEquals(late.notes, ["error: auth http server auth.test:9000 timed out (110: Connection timed out)"]);
  });

  it("never leads to another kept connection", () => {
    const bench = new Bench();
    bench.login();
    bench.login();
    const sockets = [bench.accept(), bench.accept()];
    for (const socket of sockets) socket.says(KEPT);
    bench.runtime.clock.advance(1);
    bench.login();
    sockets[0]?.hangsUp();
    assertEquals(bench.waiting, 1);
  });

  it("is not replaced when the answer had begun", () => {
    for (const end of ["hangsUp", "breaks"] as const) {
      const bench = new Bench();
      const socket = bench.rest();
      const login = bench.login();
      socket.says("H");
      socket[end]();
      assertEquals(types(login), ["unavailable"]);
      assertEquals(bench.waiting, 0);
    }
    const bench = new Bench();
    const socket = bench.rest();
    const login = bench.login();
    socket.says("HTTP/1.1 200 OK\r\n_\r\n");
    assertEquals(login.notes, ["error: auth http server auth.test:9000 sent invalid header in response"]);
  });

  it("can be cancelled like any other", () => {
    const bench = new Bench();
    const socket = bench.rest();
    const login = bench.login();
    socket.hangsUp();
    login.cancel();
    assertEquals(bench.runtime.connects.map(({ isCancelled }) => isCancelled), [false, true]);
    bench.runtime.clock.advance(10_000);
    assertEquals([login.verdicts, bench.runtime.clock.pending], [[], 0]);
  });
});

describe("a slow auth server", () => {
  it("gets a connection for each request, since it may have to end one before it serves the next", () => {
    const bench = new Bench();
    const kept = bench.rest();
    const fast = bench.login();
    const slow = bench.login();
    const other = bench.accept();
    kept.says(KEPT);
    bench.runtime.clock.advance(PATIENCE + 1);
    other.says(KEPT);
    assertEquals(types(fast, slow), ["accepted", "accepted"]);
    assertEquals([kept.ending, other.ending], ["close", "close"]);
    bench.login();
    const next = bench.accept();
    next.says(KEPT);
    assertEquals(next.ending, "close");
    bench.runtime.clock.advance(RESPITE);
    bench.login();
    const later = bench.accept();
    later.says(KEPT);
    assertEquals(later.ending, undefined);
  });
});

describe("an authenticator that is closed", () => {
  it("closes what rests, and what would rest later, and serves on", () => {
    const bench = new Bench();
    const kept = bench.rest();
    const login = bench.login();
    bench.login();
    const other = bench.accept();
    other.says(KEPT);
    bench.authenticator.close();
    assertEquals([kept.ending, other.ending], [undefined, "close"]);
    kept.says(KEPT);
    assertEquals(types(login), ["accepted"]);
    assertEquals(kept.ending, "close");
    const late = bench.login();
    const socket = bench.accept();
    socket.says(KEPT);
    assertEquals(types(late), ["accepted"]);
    assertEquals(socket.ending, "close");
    assertEquals(bench.runtime.clock.pending, 0);
    bench.authenticator.close();
  });
});

describe("many logins at once, on a server that does all sorts of things", () => {
  it("have one verdict each, which is their own, and leave nothing behind", () => {
    for (let seed = 0; seed < 60; seed++) playRandomly(seed);
  });
});

/** Plays a server that answers, cuts, delays and closes at random; each answer names the user that was asked for. */
function playRandomly(seed: number): void {
  const random = seeded(seed);
  const bench = new Bench({ timeout: 5000 });
  const { clock } = bench.runtime;
  const logins: { readonly user: string; readonly login: Login; isCancelled: boolean }[] = [];
  /** What each socket has still to say. */
  const speeches = new Map<FakeSocket, string>();
  for (let step = 0; step < 400; step++) {
    for (const [socket, rest] of speeches) {
      if (socket.isClosed) speeches.delete(socket);
      else speeches.set(socket, rest + answersTo(socket.heard(), random));
    }
    const sockets = [...speeches.keys()];
    const socket = sockets[random(Math.max(sockets.length, 1))];
    switch (random(8)) {
      case 0:
        logins.push({
          user: `u${logins.length}`,
          login: bench.login({ login: `u${logins.length}` }),
          isCancelled: false,
        });
        break;
      case 1:
        if (bench.waiting > 0 && random(10) === 0) bench.refuse();
        else if (bench.waiting > 0) speeches.set(bench.accept(), "");
        break;
      case 2: {
        const victim = logins[random(Math.max(logins.length, 1))];
        if (victim !== undefined && random(3) === 0) {
          victim.isCancelled ||= victim.login.verdicts.length === 0;
          victim.login.cancel();
        }
        break;
      }
      case 3:
        clock.advance(random(20) === 0 ? 6000 : random(40));
        break;
      case 4:
        if (socket !== undefined && random(4) === 0) random(2) === 0 ? socket.hangsUp() : socket.breaks();
        break;
      default:
        if (socket !== undefined) {
          const rest = speeches.get(socket) ?? "";
          const length = random(3) === 0 ? rest.length : random(60);
          speeches.set(socket, rest.slice(length));
          socket.says(rest.slice(0, length));
        }
    }
  }
  bench.authenticator.close();
  clock.advance(30_000);
  for (const { user, login, isCancelled } of logins) {
    assertEquals(login.verdicts.length, isCancelled ? 0 : 1, `seed ${seed}, ${user}`);
    const [verdict] = login.verdicts;
    if (verdict?.type === "accepted") assertEquals(verdict.login, `${user}!`, `seed ${seed}`);
  }
  assertEquals(clock.pending, 0, `seed ${seed}`);
  assertEquals(bench.runtime.sockets(), 0, `seed ${seed}`);
}

function answersTo(requests: string, random: (below: number) => number): string {
  let answers = "";
  for (const request of requests.split("\r\n\r\n").slice(0, -1)) {
    const user = /^Auth-User: (.*)$/m.exec(request)?.[1] ?? "";
    const fields = `${FIELDS}Auth-User: ${user}!\r\n`;
    const kinds = [
      `HTTP/1.1 200 OK\r\n${fields}Content-Length: 0\r\n\r\n`,
      `HTTP/1.1 200 OK\r\n${fields}Content-Length: 7\r\n\r\nabcdefg`,
      `HTTP/1.1 200 OK\r\n${fields}Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n`,
      `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n${fields}Content-Length: 0\r\n\r\n`,
      `HTTP/1.0 200 OK\r\n${fields}\r\n`,
      "HTTP/1.1 200 OK\r\nAuth-Status: no\r\nContent-Length: 0\r\n\r\n",
      `HTTP/1.1 200 OK\r\n${fields}Content-Length: 2\r\n\r\n<html>`,
      "HTTP/1.1 200 OK\r\n\0\r\n\r\n",
    ];
    answers += kinds[random(kinds.length)] ?? "";
  }
  return answers;
}
