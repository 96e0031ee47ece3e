/** An upstream that fails before its client saw anything of it is left for another. */

import { describe, it } from "node:test";
import { imapSession, pop3Session, smtpSession } from "../../support/sessions.ts";
import { transcript } from "../../support/transcript.ts";

describe("an upstream that fails before the login", () => {
  it("is left when it cannot be reached, and the next one begins from its greeting", () => {
    transcript(
      () => imapSession(),
      `
        S: * OK IMAP4 ready
        C: a LOGIN joe s3cret
        ask plain "joe" "s3cret" 1
        accept
        connect 192.0.2.1:143
        connectFailed
        next upstream
        connected
        U: * OK ready
        P: a LOGIN {3}
        U: + go on
        P: joe {6}
        U: + go on
        P: s3cret
        U: a OK done
        log info client logged in
        splice "a OK done\\r\\n" ""
      `,
    );
  });

  it("is left with all that it said and all that was said to it", () => {
    transcript(
      () => pop3Session(),
      `
        S: +OK POP3 ready
        C: USER joe
        S: +OK
        C: PASS s3cret
        ask plain "joe" "s3cret" 1
        accept
        connect 192.0.2.1:143
        connected
        U: +OK first
        P: USER joe
        U: +O\\
        U ended
        log error upstream prematurely closed connection (reading response from upstream)
        next upstream
        connected
        U: +OK second
        P: USER joe
        U: +OK
        P: PASS s3cret
        U: +OK in
        log info client logged in
        splice "+OK in\\r\\n" ""
      `,
    );
  });

  it("is left when it is silent, and each has the whole time", () => {
    transcript(
      () => smtpSession({ timeout: 60_000 }),
      `
        S: 220 mail.example.com ESMTP ready
        C: AUTH PLAIN AGpvZQBzM2NyZXQ=
        ask plain "joe" "s3cret" 1
        accept
        connect 192.0.2.1:143
        connected
        after 60000
        log error upstream timed out (110: Connection timed out) (reading response from upstream)
        next upstream
        after 59999
        connected
        after 1
        log error upstream timed out (110: Connection timed out) (reading response from upstream)
        next upstream
        noUpstream
        S: 451 4.3.2 Internal server error
        close upstreamUnavailable
      `,
    );
  });

  it("is left when it does not say a word in its time, which is shorter than that of a login", () => {
    transcript(
      () => pop3Session({ timeout: 60_000, connectTimeout: 5_000 }),
      `
        S: +OK POP3 ready
        C: USER joe
        S: +OK
        C: PASS s3cret
        ask plain "joe" "s3cret" 1
        accept
        connect 192.0.2.1:143
        after 4999
        connected
        after 1
        log error upstream timed out (110: Connection timed out) (reading response from upstream)
        next upstream
        after 4999
        connected
        U: +OK ready
        P: USER joe
        after 55000
        U: +OK
        P: PASS s3cret
        after 1
        log error upstream timed out (110: Connection timed out) (sending password to upstream)
        next upstream
        after 5000
        log error upstream timed out (110: Connection timed out) (connecting to upstream)
        next upstream
        noUpstream
        S: -ERR [SYS/TEMP] internal server error
        close upstreamUnavailable
      `,
    );
  });

  it("is not left for a wrong password", () => {
    transcript(
      () => imapSession({ passErrorMessage: true }),
      `
        S: * OK IMAP4 ready
        C: a LOGIN joe s3cret
        ask plain "joe" "s3cret" 1
        accept
        connect 192.0.2.1:143
        connectFailed
        next upstream
        connected
        U: * OK ready
        P: a LOGIN {3}
        U: a NO [AUTHENTICATIONFAILED] No.
        log info upstream sent invalid response: "NO [AUTHENTICATIONFAILED] No." (reading response from upstream)
        S: a NO [AUTHENTICATIONFAILED] No.
        close upstreamRefused
      `,
    );
  });

  const imap = "S: * OK IMAP4 ready\nC: a LOGIN joe s3cret";
  const pop3 = "S: +OK POP3 ready\nC: USER joe\nS: +OK\nC: PASS s3cret";
  const smtp = "S: 220 mail.example.com ESMTP ready\nC: AUTH PLAIN AGpvZQBzM2NyZXQ=";
  /** What was said before, what the server says, and that without a tag. */
  const refusals = [
    [imapSession, imap, "U: * OK hi\nP: a LOGIN {3}\nU: a ", "NO [UNAVAILABLE] later"],
    [imapSession, imap, "U: ", "* NO we are closed"],
    [pop3Session, pop3, "U: +OK hi\nP: USER joe\nU: ", "-ERR [SYS/TEMP] later"],
    [pop3Session, pop3, "U: ", "-ERR we are closed"],
    [smtpSession, smtp, "U: ", "421 later"],
    [smtpSession, smtp, "U: ", "554 we are closed"],
  ] as const;
  for (const [session, opening, before, words] of refusals) {
    it(`is left when it says ${words}`, () => {
      transcript(
        () => session(),
        `
          ${opening}
          ask plain "joe" "s3cret" 1
          accept
          connect 192.0.2.1:143
          connected
          ${before}${words}
          log error upstream sent invalid response: "${words}" (reading response from upstream)
          next upstream
          noUpstream
          S: ${session().apology.trimEnd()}
          close upstreamRefused
        `.replace(/^ +/gm, ""),
      );
    });
  }
});
