import { assert, assertEquals, assertFalse } from "@std/assert";
import { describe, it } from "node:test";
import { AnswerStore } from "../../../src/auth/cache.ts";
import type { Accepted, Authenticator, Credentials, Verdict } from "../../../src/auth/mod.ts";
import { joinUniquely } from "../../../src/auth/question.ts";
import { createAuthenticator } from "../../../src/proxy/authenticators.ts";
import type { Runtime } from "../../../src/runtime.ts";
import { Secret } from "../../../src/session/secret.ts";
import { inServer, load } from "../../support/config.ts";
import { FakeClock } from "../../support/fake_clock.ts";
import { factsOf } from "../../support/facts.ts";
import { FakeRuntime } from "../../support/fake_runtime.ts";
import { TLS } from "../../support/transcript.ts";
import { credentials, FIELDS } from "./_support.ts";

const CACHE = "auth_http_cache zone=logins:1m;";
const LETS_IN = `Auth-Status: OK\r\nAuth-Server: 192.0.2.5\r\nAuth-Port: 143\r\n`;

/** A server block's source of logins; the test plays the auth server. */
class Desk {
  readonly runtime = new FakeRuntime();
  readonly answers = new Map<string, AnswerStore>();
  readonly source: Authenticator;
  readonly notes: string[] = [];

  constructor(...lines: readonly string[]) {
    const [server] = load(inServer(...lines)).servers;
    if (server === undefined) throw new Error("no server");
    const { runtime, answers } = this;
    const connect: Runtime["connect"] = (target, handler) => runtime.connect(target, handler);
    this.source = createAuthenticator(server, {
      runtime,
      connect,
      answers,
      groups: () => new Map(),
      note: () => {},
      tells: () => true,
    });
  }

  /** Begins to log in. */
  begin(changes: Partial<Credentials> = {}): Waiting {
    const verdicts: Verdict[] = [];
    const note = (_level: string, text: string) => this.notes.push(text);
    const leave = this.source.authenticate(credentials(changes), note, (each) => verdicts.push(each));
    return { verdicts, leave };
  }

  /** The auth server answers a question. */
  answer(index: number, fields = LETS_IN): void {
    this.runtime.connects[index]?.accept().says(`HTTP/1.0 200 OK\r\n${fields}\r\n`);
  }

  /** Logs in; what the auth server says if it is asked. Gives whether it was, and the verdict. */
  ask(changes: Partial<Credentials> = {}, fields = LETS_IN): { readonly isAsked: boolean; readonly verdict: Verdict } {
    const before = this.runtime.connects.length;
    const verdicts: Verdict[] = [];
    const note = (_level: string, text: string) => this.notes.push(text);
    this.source.authenticate(credentials(changes), note, (each) => verdicts.push(each));
    const connect = this.runtime.connects[before];
    connect?.accept().says(`HTTP/1.0 200 OK\r\n${fields}\r\n`);
    const [verdict, ...more] = verdicts;
    if (verdict === undefined || more.length > 0) throw new Error("there must be one verdict");
    return { isAsked: connect !== undefined, verdict };
  }
}

/** A login that waits for its verdict. */
interface Waiting {
  readonly verdicts: Verdict[];
  readonly leave: () => void;
}

const accepted = (verdict: Verdict): Accepted => {
  assert(verdict.type === "accepted");
  return verdict;
};

describe("auth_http_cache", () => {
  it("is off unless it is asked for", () => {
    const desk = new Desk();
    assert(desk.ask().isAsked);
    assert(desk.ask().isAsked);
  });

  it("has an answer serve again for the same question, with the same secret, and the log says so", () => {
    const desk = new Desk(CACHE);
    const first = accepted(desk.ask({}, `${LETS_IN}Auth-User: inner\r\nAuth-Pass: backstage\r\n`).verdict);
    const again = desk.ask({ attempt: 3 });
    assertFalse(again.isAsked);
    const { login, secret, route, kept } = accepted(again.verdict);
    assertEquals([login, secret?.reveal(), route], ["inner", "backstage", first.route]);
    assertEquals([first.kept?.isOld, kept?.isOld], [false, true]);
    assertEquals(desk.notes, ["auth http answer is a cached one"]);
  });

  it("keeps it for its time and not a millisecond longer", () => {
    const desk = new Desk(CACHE, "auth_http_cache_valid 2s;");
    desk.ask();
    desk.runtime.clock.advance(1999);
    assertFalse(desk.ask().isAsked);
    desk.runtime.clock.advance(1);
    assert(desk.ask().isAsked);
  });

  it("is not prolonged by use", () => {
    const desk = new Desk(CACHE);
    desk.ask();
    for (const _ of [1, 2]) {
      desk.runtime.clock.advance(4999);
      assertFalse(desk.ask().isAsked);
    }
    desk.runtime.clock.advance(2);
    assert(desk.ask().isAsked);
  });

  it("never keeps a refusal, nor a failure", () => {
    const desk = new Desk(CACHE);
    for (const fields of ["Auth-Status: no\r\n", "", "Auth-Status: OK\r\n"]) {
      desk.ask({}, fields);
      assert(desk.ask({}, fields).isAsked);
    }
  });

  it("keeps no answer that says so", () => {
    for (const value of ["no-store", "No-Store, max-age=0", "private,no-store"]) {
      const desk = new Desk(CACHE);
      desk.ask({}, `${LETS_IN}Cache-Control: ${value}\r\n`);
      assert(desk.ask().isAsked, value);
    }
    const desk = new Desk(CACHE);
    desk.ask({}, `${LETS_IN}Cache-Control: no-cache, private\r\n`);
    assertFalse(desk.ask().isAsked);
  });

  const others: readonly [what: string, changes: Partial<Credentials>][] = [
    ["another password", { secret: new Secret("other") }],
    ["another user with the same password", { login: "berta" }],
    ["another protocol", { protocol: "pop3" }],
    ["another mechanism", { method: "xoauth2" }],
    ["another address", { client: { family: 4, host: "198.51.100.8", port: 40000 } }],
    ["a client over TLS", { tls: { facts: TLS, verification: undefined } }],
    ["a name that looks like the old name and password", { login: "annases", secret: new Secret("ame") }],
    ["another address in a PROXY header", {
      proxied: {
        source: { family: 4, host: "192.0.2.77", port: 1 },
        destination: { family: 4, host: "192.0.2.78", port: 143 },
      },
    }],
  ];
  for (const [what, changes] of others) {
    it(`does not serve ${what}`, () => {
      const desk = new Desk(CACHE);
      desk.ask();
      assert(desk.ask(changes).isAsked);
      assertFalse(desk.ask().isAsked);
    });
  }

  it("serves the same client with another port, also in a PROXY header", () => {
    const desk = new Desk(CACHE);
    const from = (port: number): Partial<Credentials> => ({
      client: { family: 4, host: "198.51.100.7", port },
      proxied: {
        source: { family: 4, host: "198.51.100.7", port },
        destination: { family: 4, host: "192.0.2.78", port: 143 },
      },
    });
    desk.ask(from(1));
    assertFalse(desk.ask(from(2)).isAsked);
  });

  it("looks at headers with variables, for the auth server may", () => {
    const desk = new Desk(CACHE, "auth_http_header X-Port $server_port;");
    desk.ask();
    const facts = factsOf({ server: { family: 4, host: "192.0.2.9", port: 993 } });
    assert(desk.ask({ facts }).isAsked);
    assertFalse(desk.ask().isAsked);
  });

  it("looks at nothing but the login and a key of one's own, where there is one", () => {
    const desk = new Desk(CACHE, "auth_http_cache_key $server_port;");
    const elsewhere: Partial<Credentials> = { client: { family: 4, host: "203.0.113.1", port: 1 } };
    desk.ask();
    assertFalse(desk.ask(elsewhere).isAsked);
    assert(desk.ask({ ...elsewhere, login: "berta" }).isAsked);
    assert(desk.ask({ ...elsewhere, secret: new Secret("other") }).isAsked);
    assert(desk.ask({ ...elsewhere, protocol: "smtp" }).isAsked);
    assert(desk.ask({ facts: factsOf({ server: { family: 4, host: "192.0.2.9", port: 993 } }) }).isAsked);
  });

  it("looks at the certificate that EXTERNAL shows, whatever the key", () => {
    const desk = new Desk(CACHE, "auth_http_cache_key always;", "auth_http_cache_methods external;");
    const shows = (fingerprint: string): Partial<Credentials> => {
      const certificate = { subject: "", issuer: "", serial: "", fingerprint, pem: "" } as never;
      const tls = { facts: { ...TLS, certificate }, verification: "SUCCESS" };
      return { method: "external", secret: new Secret(""), tls };
    };
    const pass = `${LETS_IN}Auth-Pass: backstage\r\n`;
    desk.ask(shows("a"), pass);
    assertFalse(desk.ask(shows("a"), pass).isAsked);
    assert(desk.ask(shows("b"), pass).isAsked);
  });

  it("keeps digests, tokens and mail without a login never, or only when they are named", () => {
    const pass = `${LETS_IN}Auth-Pass: backstage\r\n`;
    for (const method of ["cram-md5", "apop", "external", "xoauth2", "oauthbearer", "none"] as const) {
      const desk = new Desk(CACHE);
      desk.ask({ method, salt: "<1@x>" }, pass);
      assert(desk.ask({ method, salt: "<1@x>" }, pass).isAsked, method);
    }
    const desk = new Desk(CACHE, "auth_http_cache_methods xoauth2;");
    desk.ask({ method: "xoauth2" });
    assertFalse(desk.ask({ method: "xoauth2" }).isAsked);
    desk.ask();
    assert(desk.ask().isAsked);
  });

  it("works out anew where a login goes whose answer names no server", () => {
    const desk = new Desk(CACHE, "proxy_pass $server_addr;");
    const to = (host: string) => {
      const facts = factsOf({ server: { family: 4, host, port: 143 } });
      const { isAsked, verdict } = desk.ask({ facts }, "Auth-Status: OK\r\n");
      return [isAsked, accepted(verdict).route.select(factsOf()).next()?.peer.text];
    };
    assertEquals(to("192.0.2.6"), [true, "192.0.2.6"]);
    assertEquals(to("192.0.2.7"), [false, "192.0.2.7"]);
  });

  it("forgets a login that an upstream refuses", () => {
    const desk = new Desk(CACHE);
    accepted(desk.ask().verdict).kept?.forget();
    assert(desk.ask().isAsked);
  });

  it("is empty after a reload, and keeps nothing for whoever still asks", () => {
    const desk = new Desk(CACHE);
    desk.ask();
    desk.source.close();
    assertEquals(desk.answers.get("logins")?.size, 0);
    assert(desk.ask().isAsked);
    assert(desk.ask().isAsked);
  });

  it("has no password in its keys", () => {
    const desk = new Desk(CACHE);
    desk.ask();
    assertFalse(JSON.stringify([...desk.answers.values()]).includes("sesame"));
  });
});

describe("logins that ask the same at the same time", () => {
  const REFUSES = "Auth-Status: no\r\n";
  const types = (logins: readonly Waiting[]) => logins.map(({ verdicts }) => verdicts.map(({ type }) => type).join());

  it("cost one question, and only they", () => {
    const desk = new Desk(CACHE);
    const logins = [desk.begin(), desk.begin({ attempt: 2 }), desk.begin({ login: "berta" })];
    assertEquals(desk.runtime.connects.length, 2);
    desk.answer(0);
    assertEquals(types(logins), ["accepted", "accepted", ""]);
    desk.answer(1);
    assertEquals(types(logins), ["accepted", "accepted", "accepted"]);
    assertEquals(logins.map(({ verdicts: [verdict] }) => verdict && accepted(verdict).kept?.isOld), [
      false,
      false,
      false,
    ]);
  });

  it("are each refused by the server itself, and let in by what may not be kept", () => {
    for (
      const [fields, type] of [[REFUSES, "refused"], [`${LETS_IN}Cache-Control: no-store\r\n`, "accepted"]] as const
    ) {
      const desk = new Desk(CACHE);
      const logins = [desk.begin(), desk.begin(), desk.begin()];
      desk.answer(0, fields);
      assertEquals([types(logins), desk.runtime.connects.length], [[type, "", ""], 3]);
      for (const index of [1, 2]) desk.answer(index, fields);
      assertEquals(types(logins), [type, type, type]);
    }
  });

  it("hear at once that the server cannot be asked, and the log says that it was for another one", () => {
    const desk = new Desk(CACHE);
    const logins = [desk.begin(), desk.begin()];
    desk.runtime.connects[0]?.refuse();
    assertEquals([types(logins), desk.runtime.connects.length], [["unavailable", "unavailable"], 1]);
    assertEquals(desk.notes.at(-1), "auth http server could not be asked for another login, which this one waited for");
  });

  it("go on when the one that asks has left, and when one that waits has", () => {
    const desk = new Desk(CACHE);
    const logins = [desk.begin(), desk.begin(), desk.begin()];
    logins[1]?.leave();
    logins[0]?.leave();
    assertEquals([desk.runtime.connects.length, desk.runtime.connects[0]?.isCancelled], [2, true]);
    desk.answer(1);
    assertEquals(types(logins), ["", "", "accepted"]);
    assertFalse(desk.ask().isAsked);
  });

  it("leave nothing behind when all have left", () => {
    const desk = new Desk(CACHE);
    for (const { leave } of [desk.begin(), desk.begin()]) leave();
    assertEquals(desk.runtime.connects.filter(({ isOpen }) => isOpen), []);
    assert(desk.ask().isAsked);
  });
});

describe("a store of answers", () => {
  const verdict = accepted(new Desk().ask({}, FIELDS).verdict);

  it("has room for so many, and forgets the one used longest ago for one more", () => {
    const store = new AnswerStore(3, new FakeClock());
    for (const key of ["a", "b", "c"]) store.keep(key, verdict, 10);
    assertEquals(store.find("a"), verdict);
    store.keep("d", verdict, 10);
    assertEquals(store.size, 3);
    assertEquals(["a", "b", "c", "d"].map((key) => store.find(key) !== undefined), [true, false, true, true]);
  });

  it("takes the place of an answer for a later one", () => {
    const clock = new FakeClock();
    const store = new AnswerStore(3, clock);
    store.keep("a", verdict, 10);
    clock.advance(9);
    store.keep("a", verdict, 10);
    clock.advance(9);
    assertEquals([store.size, store.find("a") !== undefined], [1, true]);
    clock.advance(1);
    assertEquals([store.find("a"), store.size], [undefined, 0]);
  });

  it("drops what nobody asks for any more, and then has no timer", () => {
    const clock = new FakeClock();
    const store = new AnswerStore(3, clock);
    store.keep("a", verdict, 10);
    clock.advance(5);
    store.keep("b", verdict, 10);
    clock.advance(5);
    assertEquals([store.size, clock.pending], [1, 1]);
    clock.advance(10);
    assertEquals([store.size, clock.pending], [0, 0]);
    store.keep("c", verdict, 10);
    store.clear();
    assertEquals([store.size, clock.pending], [0, 0]);
  });

  it("drops each in its own time, where a server block keeps its answers longer than another one of the zone", () => {
    const clock = new FakeClock();
    const store = new AnswerStore(3, clock);
    store.keep("a", verdict, 1000);
    store.keep("b", verdict, 10);
    clock.advance(10);
    assertEquals([store.size, clock.pending], [1, 1]);
    store.keep("c", verdict, 20);
    clock.advance(20);
    assertEquals([store.size, clock.pending], [1, 1]);
    clock.advance(970);
    assertEquals([store.size, clock.pending], [0, 0]);
    store.keep("d", verdict, 1000);
    clock.advance(999);
    assertEquals([store.size, clock.pending], [1, 1]);
    clock.advance(1);
    assertEquals([store.size, clock.pending], [0, 0]);
  });
});

describe("texts put together for a fingerprint", () => {
  it("are other ones than any other texts come to", () => {
    const lists = [["ab", "c"], ["a", "bc"], ["abc"], ["abc", ""], ["", "abc"], ["1:a"], ["a"], []];
    assertEquals(new Set(lists.map(joinUniquely)).size, lists.length);
  });
});
