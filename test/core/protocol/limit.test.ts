import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { decode } from "../../../src/session/bytes.ts";
import type { LimitRefusal } from "../../../src/session/mod.ts";
import { imapSession, pop3Session, smtpSession } from "../../support/sessions.ts";
import { transcript } from "../../support/transcript.ts";

const ONE_TOO_MANY: LimitRefusal = { level: "warn", text: "limiting connections", isDryRun: false };

describe("a client that is one too many", () => {
  for (
    const [name, start, reply] of [
      ["IMAP", imapSession, "* BYE [LIMIT] too many connections\r\n"],
      ["POP3", pop3Session, "-ERR [SYS/TEMP] too many connections\r\n"],
      ["SMTP", smtpSession, "421 4.7.0 Too many connections\r\n"],
    ] as const
  ) {
    it(`hears so in ${name}, and no greeting`, () => {
      const limit = { onArrival: ONE_TOO_MANY, loggedIn: () => undefined, refused: () => {} };
      const [log, write, close, ...rest] = start({}, { limit }).receive({ type: "opened" }, 0);
      assertEquals(log?.type === "log" && [log.level, log.text], ["warn", "limiting connections"]);
      assertEquals(write?.type === "write" && [write.side, decode(write.bytes)], ["client", reply]);
      assertEquals([close, rest], [{ type: "close", reason: "limited" }, []]);
    });
  }

  it("is greeted in a dry run, and the log hears of it", () => {
    const limit = { onArrival: { ...ONE_TOO_MANY, isDryRun: true }, loggedIn: () => undefined, refused: () => {} };
    transcript(
      () => imapSession({}, { limit }),
      `
        log warn limiting connections (sending client greeting line)
        S: * OK IMAP4 ready
        C: a LOGOUT
        S: * BYE
        S: a OK completed
        close quit
      `,
    );
  });
});

describe("a user who is one too many", () => {
  /** One too many the first time, and not the second. */
  const limit = () => {
    const answers = [ONE_TOO_MANY, undefined];
    return { onArrival: undefined, loggedIn: () => answers.shift(), refused: () => {} };
  };

  it("hears so in IMAP when the login was right, and may try again", () => {
    transcript(
      () => imapSession({}, { limit: limit() }),
      `
        S: * OK IMAP4 ready
        C: a LOGIN joe s3cret
        ask plain "joe" "s3cret" 1
        accept
        log warn limiting connections (in http auth state)
        S: a NO [LIMIT] Too many connections
        C: b LOGIN joe s3cret
        ask plain "joe" "s3cret" 2
        accept
        connect 192.0.2.1:143
      `,
    );
  });

  it("is told in POP3 that the mailbox is in use", () => {
    transcript(
      () => pop3Session({}, { limit: limit() }),
      `
        S: +OK POP3 ready
        C: USER joe
        S: +OK
        C: PASS s3cret
        ask plain "joe" "s3cret" 1
        accept
        log warn limiting connections (in http auth state)
        S: -ERR [IN-USE] Too many connections
        C: QUIT
        S: +OK
        close quit
      `,
    );
  });

  it("is told in SMTP to come later", () => {
    transcript(
      () => smtpSession({}, { limit: limit() }),
      `
        S: 220 mail.example.com ESMTP ready
        C: AUTH PLAIN AGpvZQBzM2NyZXQ=
        ask plain "joe" "s3cret" 1
        accept
        log warn limiting connections (in http auth state)
        S: 454 4.7.0 Too many connections
        C: QUIT
        S: 221 2.0.0 Bye
        close quit
      `,
    );
  });

  it("is told so in answer to RCPT where mail needs no login", () => {
    transcript(
      () => smtpSession({ allowsAnonymous: true }, { limit: limit() }),
      `
        S: 220 mail.example.com ESMTP ready
        C: MAIL FROM:<a@example.com>
        S: 250 2.0.0 OK
        C: RCPT TO:<b@example.com>
        ask none "" "" 1
        accept
        log warn limiting connections (in http auth state)
        S: 451 4.7.0 Too many connections
        C: QUIT
        S: 221 2.0.0 Bye
        close quit
      `,
    );
  });

  it("is counted when the mail server has said yes, where that is who checks", () => {
    transcript(
      () => imapSession({ isPassThrough: true }, { limit: limit() }),
      `
        S: * OK IMAP4 ready
        C: a LOGIN joe s3cret
        ask plain "joe" "s3cret" 1
        let through
        connect 192.0.2.1:143
        connected
        U: * OK [CAPABILITY SASL-IR AUTH=PLAIN] ready
        P: a AUTHENTICATE PLAIN AGpvZQBzM2NyZXQ=
        U: a OK in
        log warn limiting connections (reading response from upstream)
        leave upstream
        S: a NO [LIMIT] Too many connections
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
  });

  it("may try as often as it may err", () => {
    transcript(
      () =>
        pop3Session({ maxErrors: 2 }, {
          limit: { onArrival: undefined, loggedIn: () => ONE_TOO_MANY, refused: () => {} },
        }),
      `
        S: +OK POP3 ready
        C: AUTH PLAIN AGpvZQBzM2NyZXQ=
        ask plain "joe" "s3cret" 1
        accept
        log warn limiting connections (in http auth state)
        S: -ERR [IN-USE] Too many connections
        C: AUTH PLAIN AGpvZQBzM2NyZXQ=
        ask plain "joe" "s3cret" 2
        accept
        log warn limiting connections (in http auth state)
        S: -ERR [IN-USE] Too many connections
        close limited
      `,
    );
  });
});
