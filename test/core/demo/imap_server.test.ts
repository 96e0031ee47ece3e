import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { ImapServer } from "../../../src/demo/imap_server.ts";
import { type MailStore, MESSAGE_LIMIT } from "../../../src/demo/mailbox.ts";
import { dialogue, heard, NOTE, NOW, say, SHORT, testStore } from "./_dialogue.ts";

const begin = (store: MailStore) => new ImapServer({ store, date: () => NOW });
const CAPABILITY = "CAPABILITY IMAP4rev1 LITERAL+ ID IDLE UIDPLUS UNSELECT CHILDREN SPECIAL-USE";

const LOGIN = `
  S: * OK [${CAPABILITY}] Postern demo IMAP server ready
  C: a LOGIN bob@example.com builder
  S: a OK [${CAPABILITY}] Logged in
`;

const SELECT = `${LOGIN}
  C: s SELECT inbox
  S: * FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)
  S: * OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft \\*)] Flags that stay
  S: * 2 EXISTS
  S: * 0 RECENT
  S: * OK [UNSEEN 2] First unread
  S: * OK [UIDVALIDITY 1741176000] UIDs are valid
  S: * OK [UIDNEXT 3] Next UID
  S: s OK [READ-WRITE] Selected
`;

/** A session of Bob's that has INBOX selected. */
function selected(store: MailStore): ImapServer {
  const session = begin(store);
  heard(session);
  say(session, "a LOGIN bob@example.com builder\r\ns SELECT INBOX\r\n");
  return session;
}

describe("IMAP server of the demo", () => {
  it("logs in with literals of both kinds and quoted strings", () => {
    for (const login of ['"bob@example.com" "builder"', "{15+}\r\nbob@example.com {7+}\r\nbuilder"]) {
      const session = begin(testStore());
      heard(session);
      assertEquals(say(session, `a LOGIN ${login}\r\n`), `a OK [${CAPABILITY}] Logged in\r\n`);
    }
    dialogue(
      begin,
      `
      S: * OK [${CAPABILITY}] Postern demo IMAP server ready
      C: a LOGIN {15}
      S: + Send it
      C: bob@example.com {7}
      S: + Send it
      C: builder
      S: a OK [${CAPABILITY}] Logged in
      C: b LOGIN bob@example.com builder
      S: b BAD Logged in already
      C: c LOGOUT
      S: * BYE Until next time
      S: c OK Logged out
    `,
    );
  });

  it("checks that a command's time has come", () => {
    dialogue(
      begin,
      `
      S: * OK [${CAPABILITY}] Postern demo IMAP server ready
      C: a CAPABILITY
      S: * ${CAPABILITY}
      S: a OK That is all
      C: b SELECT INBOX
      S: b BAD Log in first
      C: c IDLE
      S: c BAD Unknown command
      C: d LOGIN bob@example.com wonderland
      S: d NO [AUTHENTICATIONFAILED] Wrong user name or password
      C: e LOGIN bob@example.com builder
      S: e OK [${CAPABILITY}] Logged in
      C: f FETCH 1 FLAGS
      S: f BAD Select a mailbox first
      C: g ID ("name" "test")
      S: * ID ("name" "Postern demo")
      S: g OK Pleased to meet you
      C: h UID NOOP
      S: h BAD Unknown command
      C: i NOOP (
      S: i BAD Not understood
      C: nothing
      S: * BAD Not understood
      C:
      S: * BAD Not understood
    `,
    );
  });

  it("lists, makes, renames and removes mailboxes", () => {
    dialogue(
      begin,
      `${LOGIN}
      C: b LIST "" ""
      S: * LIST (\\Noselect) "/" ""
      S: b OK Listed
      C: c LIST "" *
      S: * LIST (\\HasNoChildren) "/" "INBOX"
      S: * LIST (\\HasNoChildren \\Drafts) "/" "Drafts"
      S: * LIST (\\HasNoChildren \\Sent) "/" "Sent"
      S: c OK Listed
      C: d CREATE work/2025/
      S: d OK Created
      C: e LIST "" %
      S: * LIST (\\HasNoChildren) "/" "INBOX"
      S: * LIST (\\HasNoChildren \\Drafts) "/" "Drafts"
      S: * LIST (\\HasNoChildren \\Sent) "/" "Sent"
      S: * LIST (\\HasChildren) "/" "work"
      S: e OK Listed
      C: f DELETE work
      S: f NO [CANNOT] INBOX and mailboxes with others below them stay
      C: g RENAME work "old stuff"
      S: g OK Renamed
      C: h LIST "old*/" "2%5"
      S: * LIST (\\HasNoChildren) "/" "old stuff/2025"
      S: h OK Listed
      C: i UNSUBSCRIBE "old stuff"
      S: i OK Noted
      C: j LSUB "" "*stuff*"
      S: * LSUB (\\HasNoChildren) "/" "old stuff/2025"
      S: j OK Listed
      C: k DELETE "old stuff/2025"
      S: k OK Deleted
      C: l CREATE inbox
      S: l NO [ALREADYEXISTS] There is one already
      C: m CREATE a*
      S: m NO [CANNOT] Not with that name
      C: n RENAME INBOX x
      S: n NO [CANNOT] Not from that name to that name
      C: o STATUS INBOX (MESSAGES UNSEEN UIDNEXT UIDVALIDITY RECENT)
      S: * STATUS "INBOX" (MESSAGES 2 UNSEEN 1 UIDNEXT 3 UIDVALIDITY 1741176000 RECENT 0)
      S: o OK Status told
      C: p STATUS nowhere (MESSAGES)
      S: p NO [NONEXISTENT] No such mailbox
    `,
    );
  });

  it("appends, and tells the UID", () => {
    const store = dialogue(
      begin,
      `${LOGIN}
      C: b APPEND Sent (\\Seen $Label1) " 1-Feb-2025 10:00:00 +0100" {6}
      S: + Send it
      C: A: b
      C:
      S: b OK [APPENDUID 1741176002 1] Appended
      C: c APPEND Nowhere {3+}
      C: abc
      S: c NO [TRYCREATE] No such mailbox
      C: d APPEND Sent "no date" {3+}
      C: abc
      S: d BAD Invalid date
      C: e APPEND Sent {10485760}
      S: + Send it
    `,
    );
    const [message] = store.find("bob@example.com")?.find("Sent")?.messages ?? [];
    assertEquals(message?.octets, "A: b\r\n");
    assertEquals(message?.date, Date.UTC(2025, 1, 1, 9));
    assertEquals(message?.flags, ["\\Seen", "$Label1"]);
  });

  it("fetches what is asked, by number and by UID", () => {
    dialogue(
      begin,
      `${SELECT}
      C: b FETCH 1:* (FLAGS UID)
      S: * 1 FETCH (FLAGS (\\Seen) UID 1)
      S: * 2 FETCH (FLAGS () UID 2)
      S: b OK Fetched
      C: c UID FETCH 2 FAST
      S: * 2 FETCH (UID 2 FLAGS () INTERNALDATE "05-Mar-2025 12:00:00 +0000" RFC822.SIZE ${SHORT.length})
      S: c OK Fetched
      C: d FETCH 2 BODY.PEEK[HEADER.FIELDS (subject "X")]
      S: * 2 FETCH (BODY[HEADER.FIELDS (SUBJECT "X")] {18}
      S: Subject: Short
      S:
      S: )
      S: d OK Fetched
      C: e FETCH 2 BODY.PEEK[TEXT]<1.1>
      S: * 2 FETCH (BODY[TEXT]<1> {1}
      S: i)
      S: e OK Fetched
      C: e FETCH 2 BODY[TEXT]<0.99>
      S: * 2 FETCH (BODY[TEXT]<0> {4}
      S: Hi
      S:  FLAGS (\\Seen))
      S: e OK Fetched
      C: f FETCH 1 (RFC822.TEXT BODY[9])
      S: * 1 FETCH (RFC822.TEXT {10}
      S: One
      S: Two
      S:  BODY[9] NIL)
      S: f OK Fetched
      C: g FETCH 1 (BODY[MIME])
      S: g BAD Fetch what
      C: h FETCH 9 FLAGS
      S: h OK Fetched
      C: i FETCH 0 FLAGS
      S: i BAD Fetch what
    `,
    );
  });

  it("tells envelopes and structures", () => {
    const store = testStore();
    const session = selected(store);
    const alice = '(("Alice" NIL "alice" "example.com"))';
    assertEquals(
      say(session, "b FETCH 1 (ENVELOPE BODY)\r\n"),
      `* 1 FETCH (ENVELOPE ("Tue, 4 Mar 2025 10:00:00 +0000" "A note" ${alice} ${alice} ${alice} ` +
        '((NIL NIL "bob" "example.com")) NIL NIL NIL NIL) BODY ("text" "plain" NIL NIL NIL "7bit" 10 2))\r\n' +
        "b OK Fetched\r\n",
    );
    assertEquals(
      say(session, "c FETCH 2 ENVELOPE\r\n"),
      '* 2 FETCH (ENVELOPE (NIL "Short" NIL NIL NIL NIL (("A, B" NIL "ab" "example.com")) NIL NIL NIL))\r\n' +
        "c OK Fetched\r\n",
    );
  });

  it("searches", () => {
    const store = testStore();
    const session = selected(store);
    const found = (keys: string) => say(session, `b UID SEARCH ${keys}\r\n`).split("\r\n")[0]?.slice("* SEARCH".length);
    const expected: readonly (readonly [string, string])[] = [
      ["ALL", " 1 2"],
      ["UNSEEN", " 2"],
      ["NOT UNSEEN", " 1"],
      ["NOT NOT 1", " 1"],
      ["OR SEEN NOT SEEN", " 1 2"],
      ["SUBJECT NOTE", " 1"],
      ["FROM alice TO bob", " 1"],
      ["HEADER Cc ab", " 2"],
      ['TEXT "TWO"', " 1"],
      ["BODY note", ""],
      ["SINCE 5-Mar-2025", " 2"],
      ["BEFORE 5-Mar-2025", " 1"],
      ["SENTON 4-Mar-2025", " 1"],
      [`LARGER ${SHORT.length}`, " 1"],
      ["2,1:1", " 1 2"],
      ["UID 2:*", " 2"],
      ["CHARSET UTF-8 (SEEN (ALL))", " 1"],
      ["KEYWORD $Label1", ""],
      ["NEW", ""],
    ];
    for (const [keys, uids] of expected) assertEquals([keys, found(keys)], [keys, uids]);
    for (const keys of ["", "NOT", "OR SEEN", "SINCE yesterday", "WORDS", "()", '"ALL"', "1:"]) {
      assertEquals([keys, say(session, `c SEARCH ${keys}\r\n`)], [keys, "c BAD Search what\r\n"]);
    }
  });

  it("stores, copies and expunges", () => {
    const store = dialogue(
      begin,
      `${SELECT}
      C: b STORE 1 +FLAGS (\\deleted work)
      S: * 1 FETCH (FLAGS (\\Seen \\Deleted work))
      S: b OK Stored
      C: c UID STORE 1 -FLAGS \\Seen WORK
      S: * 1 FETCH (UID 1 FLAGS (\\Deleted))
      S: c OK Stored
      C: d STORE 2 FLAGS.SILENT (\\Flagged \\Recent \\Unheard)
      S: d OK Stored
      C: e COPY 1:2 Sent
      S: e OK [COPYUID 1741176002 1,2 1,2] Copied
      C: f UID COPY 2 Nowhere
      S: f NO [TRYCREATE] No such mailbox
      C: g UID EXPUNGE 2
      S: g OK Expunged
      C: h EXPUNGE
      S: * 1 EXPUNGE
      S: h OK Expunged
      C: i FETCH 1 (UID FLAGS)
      S: * 1 FETCH (UID 2 FLAGS (\\Flagged))
      S: i OK Fetched
      C: j STORE 1 FLAGS.SILENT \\Deleted
      S: j OK Stored
      C: k UNSELECT
      S: k OK Closed
      C: l STATUS INBOX (MESSAGES)
      S: * STATUS "INBOX" (MESSAGES 1)
      S: l OK Status told
    `,
    );
    const copies = store.find("bob@example.com")?.find("Sent")?.messages ?? [];
    assertEquals(copies.map(({ octets }) => octets), [NOTE, SHORT]);
    assertEquals(copies.map(({ flags }) => flags), [["\\Deleted"], ["\\Flagged"]]);
  });

  it("changes nothing in a mailbox that is only examined", () => {
    const session = selected(testStore());
    say(session, "b STORE 1 +FLAGS.SILENT (\\Deleted)\r\nc EXAMINE INBOX\r\n");
    assertEquals(say(session, "d STORE 1 FLAGS ()\r\n"), "d NO [READ-ONLY] Examined, not selected\r\n");
    assertEquals(say(session, "e FETCH 2 BODY[9]\r\n"), "* 2 FETCH (BODY[9] NIL)\r\ne OK Fetched\r\n");
    assertEquals(say(session, "f EXPUNGE\r\n"), "f NO [READ-ONLY] Examined, not selected\r\n");
    assertEquals(say(session, "g CLOSE\r\nh STATUS INBOX (MESSAGES)\r\n").includes("MESSAGES 2"), true);
  });

  it("tells one client what another did, when its numbers may change", () => {
    const store = testStore();
    const one = selected(store);
    const other = selected(store);
    say(one, "b STORE 1 FLAGS.SILENT \\Deleted\r\nc EXPUNGE\r\nd APPEND INBOX {3+}\r\nabc\r\n");
    assertEquals(
      say(other, "b FETCH 1 UID\r\n"),
      "* 1 FETCH (UID 1)\r\n* 1 FETCH (UID 1 FLAGS (\\Deleted))\r\nb OK Fetched\r\n",
    );
    assertEquals(say(other, "c NOOP\r\n"), "* 1 EXPUNGE\r\n* 2 EXISTS\r\n* 0 RECENT\r\nc OK Done\r\n");
    assertEquals(say(other, "d IDLE\r\n"), "+ Waiting for news\r\n");
    say(one, "e STORE 1 +FLAGS \\Seen\r\n");
    assertEquals(heard(other), "* 1 FETCH (UID 2 FLAGS (\\Seen))\r\n");
    assertEquals(heard(other), "");
    assertEquals(say(other, "DONE\r\n"), "d OK Idle no more\r\n");
  });

  it("bounds what a command may be", () => {
    const stranger = () => {
      const session = begin(testStore());
      heard(session);
      return session;
    };
    const client = () => selected(testStore());
    const long = "x".repeat(16 * 1024 + 3);
    const expected: readonly (readonly [ImapServer, string, string, boolean])[] = [
      [stranger(), long, "* BAD Too long\r\n* BYE Too long\r\n", true],
      [stranger(), "a APPEND INBOX {100000+}\r\n", "a BAD Too long\r\n* BYE Too long\r\n", true],
      [stranger(), "a LOGIN {4294967295}\r\n", "a BAD Too long\r\n", false],
      [client(), `a APPEND INBOX {${MESSAGE_LIMIT * 2}}\r\n`, "a BAD Too long\r\n", false],
      [client(), "a FETCH {100000+}\r\n", "a BAD Too long\r\n* BYE Too long\r\n", true],
      [client(), `a SEARCH ${"(".repeat(21)}ALL${")".repeat(21)}\r\n`, "a BAD Not understood\r\n", false],
      [client(), `a IDLE\r\n${"x".repeat(2000)}`, "+ Waiting for news\r\na BAD Expected DONE\r\n", true],
    ];
    for (const [session, said, answer, isOver] of expected) {
      assertEquals([say(session, said), session.isOver], [answer, isOver]);
    }
  });

  it("answers whatever it is sent", () => {
    const random = generator(7);
    const words = [
      "a",
      " ",
      "UID",
      "FETCH",
      "STORE",
      "1:*",
      "(",
      ")",
      '"',
      "\\",
      "{3}",
      "{3+}",
      "\r\n",
      "[",
      "]",
      "<0.1>",
    ];
    const more = [
      "BODY",
      "SEARCH",
      "OR",
      "NOT",
      "FLAGS",
      "LIST",
      "*",
      "%",
      "\0",
      "\xff",
      "IDLE",
      "DONE",
      ",",
      "APPEND",
    ];
    for (let i = 0; i < 300; i++) {
      const session = selected(testStore());
      const pick = () => [...words, ...more][random() % (words.length + more.length)] ?? "";
      const line = Array.from({ length: 1 + random() % 20 }, pick).join(random() % 2 === 0 ? "" : " ");
      const answer = say(session, `a ${line}\r\n\r\n\r\n`);
      assert(answer.endsWith("\r\n") || session.isOver || answer === "", JSON.stringify([line, answer]));
    }
  });
});

/** Numbers that look random and are the same in each run (a linear congruential generator). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 8;
  };
}
