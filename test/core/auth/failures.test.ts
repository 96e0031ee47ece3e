import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { type FailureBoard, FailureBook, SlowedAuthenticator } from "../../../src/auth/failures.ts";
import type { Authenticator, AuthMethod, Verdict } from "../../../src/auth/mod.ts";
import type { SocketAddress } from "../../../src/runtime.ts";
import { Secret } from "../../../src/session/secret.ts";
import { SingleRoute } from "../../../src/upstream/mod.ts";
import { FakeRuntime } from "../../support/fake_runtime.ts";
import { imapSession, smtpSession } from "../../support/sessions.ts";
import { transcript } from "../../support/transcript.ts";
import { credentials } from "./_support.ts";

const REFUSED: Verdict = { type: "refused", text: "no", wait: 0, smtpCode: undefined, saslError: undefined };
const ACCEPTED: Verdict = {
  type: "accepted",
  route: new SingleRoute({ target: { path: "/x" }, text: "x" }),
  login: "joe",
  secret: undefined,
};

const from = (host: string): SocketAddress => ({ family: host.includes(":") ? 6 : 4, host, port: 1 });
const guess = (host: string, secret: string) => ({ client: from(host), login: "joe", secret: new Secret(secret) });

describe("a book of wrong passwords", () => {
  it("counts each password of an address once", () => {
    const book = new FailureBook(new FakeRuntime());
    assertEquals(["a", "b", "a", "c"].map((secret) => book.failed(guess("192.0.2.1", secret))), [1, 2, 2, 3]);
    assertEquals(book.failed(guess("192.0.2.2", "a")), 1);
  });

  it("counts each digest, for none is like another", () => {
    const book = new FailureBook(new FakeRuntime());
    assertEquals([book.failed(guess("192.0.2.1", "")), book.failed(guess("192.0.2.1", ""))], [1, 2]);
  });

  it("takes 64 bits of IPv6 for one address, and a mapped address for what it is", () => {
    const book = new FailureBook(new FakeRuntime());
    assertEquals(book.failed(guess("2001:db8::1", "a")), 1);
    assertEquals(book.failed(guess("2001:db8::ffff:0:0:2", "b")), 2);
    assertEquals(book.failed(guess("2001:db8:0:1::1", "c")), 1);
    assertEquals(book.failed(guess("::ffff:192.0.2.1", "a")), 1);
    assertEquals(book.failed(guess("192.0.2.1", "b")), 2);
    assertEquals(book.failed(guess("fe80::1%eth0", "a")), 1);
    assertEquals(book.failed(guess("fe80::2%eth0", "b")), 2);
  });

  it("forgets after a good login, and after 15 minutes", () => {
    const runtime = new FakeRuntime();
    const book = new FailureBook(runtime);
    book.failed(guess("192.0.2.1", "a"));
    book.succeeded(from("192.0.2.1"));
    assertEquals(book.failed(guess("192.0.2.1", "b")), 1);
    runtime.clock.advance(15 * 60_000);
    assertEquals(book.failed(guess("192.0.2.1", "c")), 2);
    runtime.clock.advance(15 * 60_000 + 1);
    assertEquals(book.failed(guess("192.0.2.1", "d")), 1);
  });

  it("has room for so many addresses, and forgets the one that failed longest ago for one more", () => {
    const book = new FailureBook(new FakeRuntime(), { most: 3 });
    for (const last of [1, 2, 3]) book.failed(guess(`192.0.2.${last}`, "a"));
    book.failed(guess("192.0.2.1", "b"));
    assertEquals(book.failed(guess("192.0.2.4", "a")), 1);
    assertEquals(book.size, 3);
    assertEquals(book.failed(guess("192.0.2.1", "c")), 3);
    assertEquals(book.failed(guess("192.0.2.2", "b")), 1);
  });

  it("stays as it is under a flood from everywhere", () => {
    const book = new FailureBook(new FakeRuntime());
    for (let i = 0; i < 70_000; i++) book.failed(guess(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, "a"));
    assertEquals(book.size, 65_536);
  });
});

describe("books of several processes", () => {
  /** Boards of processes that carry what is published to the subscribers of the others at once. */
  const createBoards = () => {
    const hearers: { readonly of: number; readonly hear: (value: unknown) => void }[] = [];
    const carried: string[] = [];
    const board = (of: number): FailureBoard => ({
      publish: (_topic, value) => {
        carried.push(JSON.stringify(value));
        for (const each of hearers) if (each.of !== of) each.hear(JSON.parse(JSON.stringify(value)));
      },
      subscribe: (_topic, hear) => hearers.push({ of, hear }),
    });
    return { board, carried };
  };

  it("go on from the highest number that any of them has", () => {
    const runtime = new FakeRuntime();
    const { board } = createBoards();
    const [first, second] = [
      new FailureBook(runtime, { board: board(0) }),
      new FailureBook(runtime, { board: board(1) }),
    ];
    assertEquals(["a", "b"].map((secret) => first.failed(guess("192.0.2.1", secret))), [1, 2]);
    assertEquals(second.failed(guess("192.0.2.1", "c")), 3);
    assertEquals(first.failed(guess("192.0.2.1", "d")), 4);
    assertEquals(first.failed(guess("192.0.2.1", "a")), 4);
  });

  it("forgive together", () => {
    const runtime = new FakeRuntime();
    const { board } = createBoards();
    const [first, second] = [
      new FailureBook(runtime, { board: board(0) }),
      new FailureBook(runtime, { board: board(1) }),
    ];
    first.failed(guess("192.0.2.1", "a"));
    second.succeeded(from("192.0.2.1"));
    assertEquals(first.failed(guess("192.0.2.1", "b")), 1);
  });

  it("tell one that begins what there is, and since when", () => {
    const runtime = new FakeRuntime();
    const { board } = createBoards();
    const first = new FailureBook(runtime, { board: board(0) });
    for (const last of [1, 2]) first.failed(guess(`192.0.2.${last}`, "a"));
    runtime.clock.advance(10 * 60_000);
    first.failed(guess("192.0.2.2", "b"));
    const second = new FailureBook(runtime, { board: board(1) });
    assertEquals(second.size, 2);
    runtime.clock.advance(5 * 60_000 + 1);
    assertEquals(second.failed(guess("192.0.2.1", "c")), 1);
    assertEquals(second.failed(guess("192.0.2.2", "c")), 3);
  });

  it("do not forget any sooner for what another one heard of long ago", () => {
    const runtime = new FakeRuntime();
    const { board } = createBoards();
    const book = new FailureBook(runtime, { board: board(0) });
    runtime.clock.advance(10 * 60_000);
    book.failed(guess("192.0.2.1", "a"));
    board(1).publish("auth_failure_delay", { counts: [["192.0.2.1", 1, 10 * 60_000]] });
    runtime.clock.advance(14 * 60_000);
    assertEquals(book.failed(guess("192.0.2.1", "b")), 2);
  });

  it("have room for so many addresses, wherever they heard of them", () => {
    const runtime = new FakeRuntime();
    const { board } = createBoards();
    const first = new FailureBook(runtime, { board: board(0) });
    const second = new FailureBook(runtime, { board: board(1), most: 3 });
    for (const last of [1, 2, 3, 4]) first.failed(guess(`192.0.2.${last}`, "a"));
    assertEquals([first.size, second.size], [4, 3]);
  });

  it("tell nothing of logins, passwords or their fingerprints", () => {
    const runtime = new FakeRuntime();
    const { board, carried } = createBoards();
    new FailureBook(runtime, { board: board(0) }).failed(guess("192.0.2.1", "s3cret"));
    assertEquals(carried, ['{"isNew":true}', '{"counts":[["192.0.2.1",1,0]]}']);
  });
});

describe("a slowed source of logins", () => {
  const setUp = (verdict: Verdict, mailVerdict = verdict) => {
    const runtime = new FakeRuntime();
    const source: Authenticator = {
      authenticate: ({ method }, _note, done) => {
        done(method === "none" ? mailVerdict : verdict);
        return () => {};
      },
      close: () => {},
    };
    const delay = { first: 1000, most: 4000, isExempt: ({ family }: SocketAddress) => family === "unix" };
    const slowed = new SlowedAuthenticator(source, { delay, book: new FailureBook(runtime), runtime });
    const notes: string[] = [];
    const ask = (secret: string, client = from("192.0.2.1"), method: AuthMethod = "plain") => {
      const verdicts: Verdict[] = [];
      const note = (_level: string, text: string) => notes.push(text);
      const cancel = slowed.authenticate(
        credentials({ secret: new Secret(secret), client, method }),
        note,
        (each) => verdicts.push(each),
      );
      return { verdicts, cancel };
    };
    return { runtime, ask, notes };
  };

  it("holds a refusal back, longer each time, up to its bound", () => {
    const { runtime, ask, notes } = setUp(REFUSED);
    for (const [secret, delay] of [["a", 1000], ["b", 2000], ["c", 4000], ["d", 4000]] as const) {
      const { verdicts } = ask(secret);
      runtime.clock.advance(delay - 1);
      assertEquals(verdicts, []);
      runtime.clock.advance(1);
      assertEquals(verdicts, [REFUSED]);
    }
    assertEquals(notes[2], "wrong password number 3 from this address, answer held back for 4000 ms");
  });

  for (const [wait, left] of [[700, 1], [1700, 700]] as const) {
    it(`takes the ${wait} ms that the source asks for into account`, () => {
      const { runtime, ask, notes } = setUp({ ...REFUSED, wait });
      const { verdicts } = ask("a");
      runtime.clock.advance(999);
      assertEquals(verdicts, []);
      runtime.clock.advance(1);
      assertEquals(verdicts, [{ ...REFUSED, wait: left }]);
      ask("b").cancel();
      ask("c");
      assertEquals(
        notes.at(-1),
        "login held back for 2000 ms: a client of this address did not wait for its answer",
      );
    });
  }

  it("lets everything else through at once", () => {
    for (const verdict of [ACCEPTED, { type: "unavailable" }] as const) {
      assertEquals(setUp(verdict).ask("a").verdicts, [verdict]);
    }
    assertEquals(setUp(REFUSED).ask("a", { family: "unix", path: "" }).verdicts, [REFUSED]);
  });

  it("counts no refused recipient, and forgives nothing for a good one: mail without a login shows no password", () => {
    for (const mailVerdict of [REFUSED, ACCEPTED]) {
      const { ask, notes } = setUp(REFUSED, mailVerdict);
      ask("a");
      assertEquals(ask("", from("192.0.2.1"), "none").verdicts, [mailVerdict]);
      ask("b");
      assertEquals(notes.map((note) => note.split(" from")[0]), ["wrong password number 1", "wrong password number 2"]);
    }
  });

  it("says nothing to a client that has left", () => {
    const { runtime, ask } = setUp(REFUSED);
    const { verdicts, cancel } = ask("a");
    cancel();
    runtime.clock.advance(10_000);
    assertEquals(verdicts, []);
  });

  it("has what a client did not wait for waited for by the next login of its address", () => {
    const { runtime, ask, notes } = setUp(REFUSED);
    const first = ask("a");
    runtime.clock.advance(300);
    first.cancel();
    const second = ask("b");
    assertEquals(ask("x", from("192.0.2.7")).verdicts, []);
    assertEquals(notes, [
      "wrong password number 1 from this address, answer held back for 1000 ms",
      "login held back for 700 ms: a client of this address did not wait for its answer",
      "wrong password number 1 from this address, answer held back for 1000 ms",
    ]);
    runtime.clock.advance(699);
    assertEquals(notes.length, 3);
    runtime.clock.advance(1);
    assertEquals(notes[3], "wrong password number 2 from this address, answer held back for 2000 ms");
    runtime.clock.advance(2000);
    assertEquals(second.verdicts, [REFUSED]);
    second.cancel();
    ask("c");
    assertEquals(notes.at(-1), "wrong password number 3 from this address, answer held back for 4000 ms");
  });

  it("asks nothing for a client that leaves while its login is held back", () => {
    const { runtime, ask, notes } = setUp(REFUSED);
    ask("a").cancel();
    ask("b").cancel();
    runtime.clock.advance(10_000);
    assertEquals(notes.length, 2);
    assertEquals(runtime.clock.pending, 0);
  });
});

describe("a wrong password that the upstream finds", () => {
  it("is answered late, and a good one is told", () => {
    const told: string[] = [];
    const failures = {
      failed: (login: string, secret: Secret) => {
        told.push(`${login} ${secret.reveal()}`);
        return { delay: 3000, text: "held back" };
      },
      succeeded: () => told.push("in"),
    };
    transcript(
      () => imapSession({ isPassThrough: true }, { failures }),
      `
        S: * OK IMAP4 ready
        C: a LOGIN joe wrong
        ask plain "joe" "wrong" 1
        let through
        connect 192.0.2.1:143
        connected
        U: * OK [CAPABILITY SASL-IR AUTH=PLAIN] ready
        P: a AUTHENTICATE PLAIN AGpvZQB3cm9uZw==
        U: a NO no
        leave upstream
        log info client login failed: "no" (reading response from upstream)
        log info held back (reading response from upstream)
        after 2999
        after 1
        S: a NO [AUTHENTICATIONFAILED] Authentication failed
        C: b LOGIN joe s3cret
        ask plain "joe" "s3cret" 2
        let through
        connect 192.0.2.1:143
        connected
        U: * OK [CAPABILITY SASL-IR AUTH=PLAIN] ready
        P: b AUTHENTICATE PLAIN AGpvZQBzM2NyZXQ=
        U: b OK in
        log info client logged in
        splice "b OK in\\r\\n" ""
      `,
    );
    assertEquals(told.slice(0, 2), ["joe wrong", "in"]);
  });

  it("is not made up for by mail without a login", () => {
    const told: string[] = [];
    const failures = {
      failed: () => ({ delay: 0, text: "" }),
      succeeded: () => told.push("in"),
    };
    const options = { isPassThrough: true, allowsAnonymous: true };
    transcript(
      () => smtpSession(options, { failures }),
      `
        S: 220 mail.example.com ESMTP ready
        C: AUTH PLAIN AGpvZQB3cm9uZw==
        ask plain "joe" "wrong" 1
        let through
        connect 192.0.2.1:143
        connected
        U: 220 there
        P: EHLO mail.example.com
        U: 250 AUTH PLAIN
        P: AUTH PLAIN AGpvZQB3cm9uZw==
        U: 535 no
        leave upstream
        log info client login failed: "no" (reading response from upstream)
        S: 535 5.7.8 Authentication failed
        C: MAIL FROM:<a@b>
        S: 250 2.0.0 OK
        C: RCPT TO:<c@d>
        ask none "" "" 2
        let through
        connect 192.0.2.1:143
        connected
        U: 220 there
        P: EHLO mail.example.com
        U: 250 there
        P: MAIL FROM:<a@b>
        U: 250 ok
        P: RCPT TO:<c@d>
        U: 250 ok
        log info client logged in
        splice "250 ok\\r\\n" ""
      `,
    );
    assertEquals(told, []);
  });
});
