/** An upstream that refuses what a cached answer let in: the answer may be one of yesterday. */

import { describe, it } from "node:test";
import { imapSession, pop3Session, smtpSession } from "../../support/sessions.ts";
import { transcript } from "../../support/transcript.ts";

const ASKS_AGAIN = "log info upstream refused a login that had a cached answer:";

describe("a cached login that the upstream refuses", () => {
  it("is asked about again in IMAP, and a password that was changed is a wrong password", () => {
    transcript(
      () => imapSession(),
      `
        S: * OK IMAP4 ready
        C: a LOGIN joe s3cret
        ask plain "joe" "s3cret" 1
        accept from the cache
        connect 192.0.2.1:143
        connected
        U: * OK ready
        P: a LOGIN {3}
        U: + go on
        P: joe {6}
        U: + go on
        P: s3cret
        U: a NO no
        ${ASKS_AGAIN} "NO no", asking again (reading response from upstream)
        leave upstream
        ask plain "joe" "s3cret" 1
        refuse 1 Invalid login
        log info client login failed: "Invalid login" (in http auth state)
        after 1
        S: a NO Invalid login
        C: b LOGOUT
        S: * BYE
        S: b OK completed
        close quit
      `,
    );
  });

  it("is asked about again in POP3, and may live elsewhere by now", () => {
    transcript(
      () => pop3Session(),
      `
        S: +OK POP3 ready
        C: USER joe
        S: +OK
        C: PASS s3cret
        ask plain "joe" "s3cret" 1
        accept from the cache
        connect 192.0.2.1:143
        connected
        U: +OK ready
        P: USER joe
        U: -ERR unknown here
        ${ASKS_AGAIN} "-ERR unknown here", asking again (reading response from upstream)
        leave upstream
        ask plain "joe" "s3cret" 1
        accept
        connect 192.0.2.1:143
        connected
        U: +OK ready
        P: USER joe
        U: +OK
        P: PASS s3cret
        U: +OK in
        log info client logged in
        splice "+OK in\\r\\n" ""
      `,
    );
  });

  it("is asked about once, however long the source goes on to let it in", () => {
    transcript(
      () => smtpSession({ xclient: false, smtpAuth: true }),
      `
        S: 220 mail.example.com ESMTP ready
        C: EHLO here
        S: 250-mail.example.com
        S: 250 AUTH PLAIN LOGIN
        C: AUTH PLAIN AGpvZQBzM2NyZXQ=
        ask plain "joe" "s3cret" 1
        accept from the cache
        connect 192.0.2.1:143
        connected
        U: 220 ready
        P: EHLO mail.example.com
        U: 250 AUTH PLAIN
        P: AUTH PLAIN AGpvZQBzM2NyZXQ=
        U: 535 no
        ${ASKS_AGAIN} "535 no", asking again (reading response from upstream)
        leave upstream
        ask plain "joe" "s3cret" 1
        accept
        connect 192.0.2.1:143
        connected
        U: 220 ready
        P: EHLO mail.example.com
        U: 250 AUTH PLAIN
        P: AUTH PLAIN AGpvZQBzM2NyZXQ=
        U: 535 no
        log error upstream sent invalid response: "535 no" (reading response from upstream)
        S: 451 4.3.2 Internal server error
        close upstreamRefused
      `,
    );
  });
});
