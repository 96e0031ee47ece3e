import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { type MailStore, MESSAGE_LIMIT } from "../../../src/demo/mailbox.ts";
import { SmtpServer } from "../../../src/demo/smtp_server.ts";
import { dialogue, heard, NOW, say, testStore } from "./_dialogue.ts";

const begin = (store: MailStore) => new SmtpServer({ store, name: "demo.example.com", date: () => NOW });
const newest = (store: MailStore, name: string) => store.find(name)?.inbox.messages.at(-1)?.octets;

const LOGIN = `
  S: 220 demo.example.com ESMTP Postern demo
  C: XCLIENT ADDR=192.0.2.7 LOGIN=alice@example.com NAME=[UNAVAILABLE]
  S: 220 demo.example.com ESMTP Postern demo
`;

/** A session that takes mail from Alice. */
function loggedIn(store: MailStore): SmtpServer {
  const session = begin(store);
  heard(session);
  say(session, "XCLIENT LOGIN=alice@example.com\r\n");
  return session;
}

describe("SMTP server of the demo", () => {
  it("delivers with trace header fields", () => {
    const store = dialogue(
      begin,
      `${LOGIN}
      C: EHLO laptop
      S: 250-demo.example.com
      S: 250-PIPELINING
      S: 250-SIZE ${MESSAGE_LIMIT}
      S: 250-ENHANCEDSTATUSCODES
      S: 250-8BITMIME
      S: 250 XCLIENT NAME ADDR LOGIN HELO
      C: MAIL FROM:<alice@example.com> SIZE=40
      S: 250 2.1.0 Ok
      C: RCPT TO:<Bob@Example.com>
      S: 250 2.1.5 Ok
      C: rcpt to: <bob@example.com>
      S: 250 2.1.5 Ok
      C: RCPT TO:<carol@example.com>
      S: 550 5.1.1 <carol@example.com>: no such user in this demo
      C: DATA
      S: 354 End data with <CR><LF>.<CR><LF>
      C: Subject: Hello
      C:
      C: ..
      C: .dot
      C: .
      S: 250 2.0.0 Delivered to bob@example.com
      C: QUIT
      S: 221 2.0.0 Bye
    `,
    );
    assertEquals(
      newest(store, "bob@example.com"),
      "Return-Path: <alice@example.com>\r\n" +
        "Received: from laptop ([192.0.2.7]) (authenticated as alice@example.com)\r\n" +
        "\tby demo.example.com with ESMTPA; Wed, 05 Mar 2025 12:00:00 +0000\r\n" +
        "Subject: Hello\r\n\r\n.\r\ndot\r\n",
    );
    assertEquals(store.find("bob@example.com")?.inbox.messages.length, 3);
  });

  it("takes no mail without a login, and nothing out of order", () => {
    dialogue(
      begin,
      `
      S: 220 demo.example.com ESMTP Postern demo
      C: HELO laptop
      S: 250 demo.example.com
      C: HELO
      S: 501 5.5.4 Which name
      C: MAIL FROM:<alice@example.com>
      S: 530 5.7.0 Authentication required
      C: XCLIENT LOGIN=alice@example.com
      S: 220 demo.example.com ESMTP Postern demo
      C: RCPT TO:<bob@example.com>
      S: 503 5.5.1 MAIL first
      C: MAIL FROM:<>
      S: 250 2.1.0 Ok
      C: MAIL FROM:<alice@example.com>
      S: 503 5.5.1 Sender already given
      C: DATA
      S: 503 5.5.1 RCPT first
      C: RCPT TO:bob@example.com
      S: 501 5.5.4 Syntax: RCPT TO:<address>
      C: RCPT TO:<bob@example.com>
      S: 250 2.1.5 Ok
      C: RSET
      S: 250 2.0.0 Ok
      C: DATA
      S: 503 5.5.1 RCPT first
      C: MAIL FROM:<alice@example.com> SIZE=${MESSAGE_LIMIT + 1}
      S: 552 5.3.4 Message too big
      C: NOOP
      S: 250 2.0.0 Ok
      C: VRFY bob
      S: 500 5.5.1 Unknown command
    `,
    );
  });

  it("ends data at CRLF . CRLF alone", () => {
    const store = testStore();
    const session = loggedIn(store);
    say(session, "MAIL FROM:<alice@example.com>\r\nRCPT TO:<bob@example.com>\r\nDATA\r\n");
    // What follows a bare LF is in the message: taken for commands, it would be a second mail that nobody sent.
    assertEquals(say(session, "one\n.\r\nMAIL FROM:<bob@example.com>\r\ntwo\r\n.\nthree\r\n"), "");
    assertEquals(say(session, ".\r\n"), "250 2.0.0 Delivered to bob@example.com\r\n");
    const body = newest(store, "bob@example.com")?.split("+0000\r\n")[1];
    assertEquals(body, "one\r\n.\r\nMAIL FROM:<bob@example.com>\r\ntwo\r\n\r\nthree\r\n");
  });

  it("lets nobody write header fields through XCLIENT", () => {
    const store = testStore();
    const session = loggedIn(store);
    say(
      session,
      "XCLIENT HELO=a+0D+0AX:+20b) LOGIN=alice+2Bx+3D\r\nMAIL FROM:<>\r\nRCPT TO:<bob@example.com>\r\nDATA\r\n",
    );
    say(session, "\r\nHi\r\n.\r\n");
    const received = newest(store, "bob@example.com")?.split("\r\n")[1];
    assertEquals(received, "Received: from a??X: b? ([unknown]) (authenticated as alice+x=)");
  });

  it("refuses what is too big when it is over, and what has no line end at once", () => {
    const store = testStore();
    const session = loggedIn(store);
    const line = `${"x".repeat(998)}\r\n`;
    const start = "MAIL FROM:<alice@example.com>\r\nRCPT TO:<bob@example.com>\r\nDATA\r\n";
    say(session, start);
    for (let sent = 0; sent <= MESSAGE_LIMIT; sent += 1_000_000) assertEquals(say(session, line.repeat(1000)), "");
    assertEquals(say(session, ".\r\n"), "552 5.3.4 Message too big\r\n");
    say(session, start);
    assertEquals(say(session, "x".repeat(MESSAGE_LIMIT + 1)), "500 5.5.2 Line too long\r\n");
    assertEquals(session.isOver, true);
    assertEquals(store.find("bob@example.com")?.inbox.messages.length, 2);
  });

  it("says when a mailbox is full", () => {
    const store = testStore();
    const inbox = store.find("bob@example.com")?.inbox;
    for (let i = 0; i < 3; i++) inbox?.add("x".repeat(MESSAGE_LIMIT), { date: NOW, flags: [] });
    const session = loggedIn(store);
    say(session, "MAIL FROM:<alice@example.com>\r\nRCPT TO:<bob@example.com>\r\nDATA\r\n");
    const big = `${"x".repeat(998)}\r\n`.repeat(3000);
    assertEquals(say(session, `${big}.\r\n`), "452 4.2.2 Mailbox full\r\n");
  });
});
