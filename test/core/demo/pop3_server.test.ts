import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import type { MailStore } from "../../../src/demo/mailbox.ts";
import { Pop3Server } from "../../../src/demo/pop3_server.ts";
import { dialogue, heard, NOW, say, testStore } from "./_dialogue.ts";

const begin = (store: MailStore) => new Pop3Server(store);
const bob = (store: MailStore) => store.login("bob@example.com", "builder");

const LOGIN = `
  S: +OK Postern demo POP3 server ready
  C: USER bob@example.com
  S: +OK
  C: PASS builder
  S: +OK 2 messages
`;

describe("POP3 server of the demo", () => {
  it("lists, marks and removes", () => {
    const store = dialogue(
      begin,
      `${LOGIN}
      C: STAT
      S: +OK 2 172
      C: LIST
      S: +OK 2 messages
      S: 1 121
      S: 2 51
      S: .
      C: LIST 2
      S: +OK 2 51
      C: UIDL
      S: +OK 2 messages
      S: 1 1741176000.1
      S: 2 1741176000.2
      S: .
      C: DELE 1
      S: +OK marked
      C: DELE 1
      S: -ERR no such message
      C: STAT
      S: +OK 1 51
      C: LIST
      S: +OK 1 messages
      S: 2 51
      S: .
      C: RSET
      S: +OK
      C: DELE 2
      S: +OK marked
      C: NOOP
      S: +OK
      C: QUIT
      S: +OK bye
    `,
    );
    assertEquals(bob(store)?.inbox.messages.map(({ uid }) => uid), [1]);
  });

  it("removes nothing when the client leaves without QUIT", () => {
    const store = dialogue(begin, `${LOGIN}\nC: DELE 1\nS: +OK marked`);
    assertEquals(bob(store)?.inbox.messages.length, 2);
  });

  it("retrieves a message, and the top of one", () => {
    dialogue(
      begin,
      `${LOGIN}
      C: RETR 1
      S: +OK 121 octets
      S: Date: Tue, 4 Mar 2025 10:00:00 +0000
      S: From: Alice <alice@example.com>
      S: To: bob@example.com
      S: Subject: A note
      S:
      S: One
      S: Two
      S: .
      C: TOP 1 1
      S: +OK
      S: Date: Tue, 4 Mar 2025 10:00:00 +0000
      S: From: Alice <alice@example.com>
      S: To: bob@example.com
      S: Subject: A note
      S:
      S: One
      S: .
      C: TOP 2
      S: -ERR how many lines
      C: RETR 3
      S: -ERR no such message
    `,
    );
  });

  it("puts a dot in front of dots", () => {
    const store = testStore();
    bob(store)?.inbox.add(".a\r\n\r\n.\r\n..b", { date: NOW, flags: [] });
    const session = begin(store);
    heard(session);
    say(session, "USER bob@example.com\r\nPASS builder\r\n");
    assertEquals(say(session, "RETR 3\r\n"), "+OK 14 octets\r\n..a\r\n\r\n..\r\n...b\r\n.\r\n");
  });

  it("wants a login first, and the right one", () => {
    dialogue(
      begin,
      `
      S: +OK Postern demo POP3 server ready
      C: STAT
      S: -ERR log in first
      C: PASS builder
      S: -ERR USER first
      C: USER bob@example.com
      S: +OK
      C: PASS wonderland
      S: -ERR [AUTH] wrong user name or password
      C: %&
      S: -ERR invalid command
      C: CAPA
      S: +OK Capability list follows
      S: TOP
      S: UIDL
      S: USER
      S: RESP-CODES
      S: PIPELINING
      S: .
    `,
    );
  });

  it("ends a connection whose line does not", () => {
    const session = begin(testStore());
    heard(session);
    assertEquals(say(session, "A".repeat(1026)), "");
    assertEquals(session.isOver, false);
    assertEquals(say(session, "A"), "-ERR line too long\r\n");
    assertEquals(session.isOver, true);
    assertEquals(say(session, "\r\nQUIT\r\n"), "");
  });
});
