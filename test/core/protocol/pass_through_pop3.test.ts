/** POP3 logins that the mail server itself checks. */

import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { encode } from "../../../src/session/bytes.ts";
import { NO_FAILURES, pop3Session } from "../../support/sessions.ts";
import { LET_THROUGH, transcript } from "../../support/transcript.ts";

const PASS = { isPassThrough: true, mechanisms: ["plain", "scram-sha-1", "oauthbearer"] };

const ASKED = `
  S: +OK POP3 ready
  C: USER joe
  S: +OK
  C: PASS s3cret
  ask plain "joe" "s3cret" 1
  let through
  connect 192.0.2.1:143
  connected
  U: +OK ready
  P: CAPA
`;

describe("a POP3 login that the server checks", () => {
  it("is said again by USER and PASS", () => {
    transcript(
      () => pop3Session(PASS),
      `
        ${ASKED}
        U: +OK list
        U: USER
        U: SASL PLAIN
        U: .
        P: USER joe
        U: +OK
        P: PASS s3cret
        U: +OK in
        log info client logged in
        splice "+OK in\\r\\n" ""
      `,
    );
  });

  it("takes it for granted that a server without CAPA has them", () => {
    transcript(
      () => pop3Session(PASS),
      `
        ${ASKED}
        U: -ERR what?
        P: USER joe
        U: +OK
        P: PASS s3cret
        U: +OK in
        log info client logged in
        splice "+OK in\\r\\n" ""
      `,
    );
  });

  it("is said by SASL where the server has no USER", () => {
    transcript(
      () => pop3Session(PASS),
      `
        ${ASKED}
        U: +OK list
        U: SASL LOGIN
        U: .
        P: AUTH LOGIN
        U: + VXNlcm5hbWU6
        P: am9l
        U: + UGFzc3dvcmQ6
        P: czNjcmV0
        U: +OK in
        log info client logged in
        splice "+OK in\\r\\n" ""
      `,
    );
  });

  it("keeps an identity to act as, which only PLAIN can say", () => {
    transcript(
      () => pop3Session(PASS),
      `
        S: +OK POP3 ready
        C: AUTH PLAIN YW5uYQBqb2UAczNjcmV0
        ask plain "joe" "s3cret" 1
        let through
        connect 192.0.2.1:143
        connected
        U: +OK ready
        P: CAPA
        U: +OK list
        U: USER
        U: SASL PLAIN
        U: .
        P: AUTH PLAIN
        U: + \\
        U:
        P: YW5uYQBqb2UAczNjcmV0
        U: +OK in
        log info client logged in
        splice "+OK in\\r\\n" ""
      `,
    );
  });

  it("tells the client that its password is wrong, and lets it try again", () => {
    transcript(
      () => pop3Session({ ...PASS, passErrorMessage: true }),
      `
        ${ASKED}
        U: -ERR
        P: USER joe
        U: +OK
        P: PASS s3cret
        U: -ERR [AUTH] No.
        leave upstream
        log info client login failed: "[AUTH] No." (reading response from upstream)
        S: -ERR [AUTH] No.
        C: NOOP
        S: +OK
      `,
    );
  });

  it("never calls a password wrong because the server is unwell", () => {
    transcript(
      () => pop3Session(PASS),
      `
        ${ASKED}
        U: -ERR
        P: USER joe
        U: +OK
        P: PASS s3cret
        U: -ERR [SYS/TEMP] Later.
        log error upstream sent invalid response: "-ERR [SYS/TEMP] Later." (reading response from upstream)
        next upstream
        noUpstream
        S: -ERR [SYS/TEMP] internal server error
        close upstreamRefused
      `,
    );
  });

  for (const code of ["IN-USE", "LOGIN-DELAY", "SYS/PERM"]) {
    it(`never calls a password wrong for [${code}], and asks no other server`, () => {
      transcript(
        () => pop3Session(PASS, { failures: NO_FAILURES }),
        `
          ${ASKED}
          U: -ERR
          P: USER joe
          U: +OK
          P: PASS s3cret
          U: -ERR [${code}] No.
          log error upstream sent invalid response: "-ERR [${code}] No." (reading response from upstream)
          leave upstream
          S: -ERR [${code}] Login refused for another reason than its password
          C: NOOP
          S: +OK
        `,
      );
    });
  }

  it("has the server's words for a login that may be right where they may be passed on", () => {
    transcript(
      () => pop3Session({ ...PASS, passErrorMessage: true, maxErrors: 1 }, { failures: NO_FAILURES }),
      `
        ${ASKED}
        U: -ERR
        P: USER joe
        U: -ERR [in-use] Locked.
        log info upstream sent invalid response: "-ERR [in-use] Locked." (reading response from upstream)
        leave upstream
        S: -ERR [in-use] Locked.
        close upstreamRefused
      `,
    );
  });

  it("carries the rounds of SCRAM unseen", () => {
    transcript(
      () => pop3Session(PASS),
      `
        S: +OK POP3 ready
        C: AUTH SCRAM-SHA-1
        ask scram-sha-1 "" "" 1
        let through
        connect 192.0.2.1:143
        connected
        U: +OK ready
        P: CAPA
        U: +OK list
        U: SASL SCRAM-SHA-1
        U: .
        P: AUTH SCRAM-SHA-1
        U: + \\
        U:
        S: + \\
        S:
        C: biwsbj1qb2Uscj1hYmM=
        identified "joe"
        P: biwsbj1qb2Uscj1hYmM=
        U: + cj1hYmNkZWY=
        S: + cj1hYmNkZWY=
        C: Yz1iaXdzLHI9YWJjZGVmLHA9eA==
        P: Yz1iaXdzLHI9YWJjZGVmLHA9eA==
        U: -ERR [AUTH] no
        leave upstream
        log info client login failed: "[AUTH] no" (reading response from upstream)
        S: -ERR [AUTH] Authentication failed
      `,
    );
  });

  it("greets with the server's timestamp where APOP is to be had", () => {
    transcript(
      () => pop3Session({ ...PASS, mechanisms: ["apop"] }),
      `
        ask apop "" "" 0
        let through
        connect 192.0.2.1:143
        connected
        U: +OK Dovecot ready. <1.2@x>
        S: +OK POP3 ready <1.2@x>
        C: APOP joe 0123456789abcdef0123456789abcdef
        identified "joe"
        P: APOP joe 0123456789abcdef0123456789abcdef
        U: +OK in
        log info client logged in
        splice "+OK in\\r\\n" ""
      `,
    );
  });

  it("goes on without APOP once the timestamp is used up", () => {
    transcript(
      () => pop3Session({ ...PASS, mechanisms: ["apop"] }),
      `
        ask apop "" "" 0
        let through
        connect 192.0.2.1:143
        connected
        U: +OK Dovecot ready. <1.2@x>
        S: +OK POP3 ready <1.2@x>
        C: APOP joe 0123456789abcdef0123456789abcdef
        identified "joe"
        P: APOP joe 0123456789abcdef0123456789abcdef
        U: -ERR [AUTH] no
        leave upstream
        log info client login failed: "[AUTH] no" (reading response from upstream)
        S: -ERR [AUTH] Authentication failed
        C: APOP joe 0123456789abcdef0123456789abcdef
        log error no upstream waits for this login (in auth state)
        S: -ERR [SYS/TEMP] internal server error
        close upstreamUnavailable
      `,
    );
  });

  it("never calls an APOP digest wrong because the mailbox is in use", () => {
    transcript(
      () => pop3Session({ ...PASS, mechanisms: ["apop"] }, { failures: NO_FAILURES }),
      `
        ask apop "" "" 0
        let through
        connect 192.0.2.1:143
        connected
        U: +OK ready <1.2@x>
        S: +OK POP3 ready <1.2@x>
        C: APOP joe 0123456789abcdef0123456789abcdef
        identified "joe"
        P: APOP joe 0123456789abcdef0123456789abcdef
        U: -ERR [IN-USE] no
        log error upstream sent invalid response: "-ERR [IN-USE] no" (reading response from upstream)
        leave upstream
        S: -ERR [IN-USE] Login refused for another reason than its password
      `,
    );
  });

  it("leaves the server that waits for APOP when the client says its password", () => {
    transcript(
      () => pop3Session({ ...PASS, mechanisms: ["apop"] }),
      `
        ask apop "" "" 0
        let through
        connect 192.0.2.1:143
        connected
        U: +OK ready <1.2@x>
        S: +OK POP3 ready <1.2@x>
        C: USER joe
        S: +OK
        C: PASS s3cret
        leave upstream
        ask plain "joe" "s3cret" 1
        let through
        connect 192.0.2.1:143
        connected
        U: +OK ready <3.4@x>
        P: CAPA
      `,
    );
  });

  const GREETED = `
    ask apop "" "" 0
    let through
    connect 192.0.2.1:143
    connected
    U: +OK ready <1.2@x>
    S: +OK POP3 ready <1.2@x>
  `;
  const NOBODY_WAITS = `
    C: APOP joe 0123456789abcdef0123456789abcdef
    log error no upstream waits for this login (in auth state)
    S: -ERR [SYS/TEMP] internal server error
    close upstreamUnavailable
  `;

  for (const farewell of ["U ended", "connectFailed", "U: -ERR Disconnected for inactivity.", "U: -\\"]) {
    it(`never waits for a server that waits no more for APOP (${farewell}), nor takes that for a verdict`, () => {
      transcript(
        () => pop3Session({ ...PASS, mechanisms: ["apop"] }, { failures: NO_FAILURES }),
        `
          ${GREETED}
          ${farewell}
          leave upstream
          C: NOOP
          S: +OK
          ${NOBODY_WAITS}
        `,
      );
    });

    it(`notices it also while TLS begins with the client (${farewell})`, () => {
      transcript(
        () => pop3Session({ ...PASS, mechanisms: ["apop"], startTls: "on" }, { failures: NO_FAILURES }),
        `
          ${GREETED}
          C: STLS
          S: +OK
          secure client
          ${farewell}
          leave upstream
          C secured
          ${NOBODY_WAITS}
        `,
      );
    });
  }

  it("reads on from a server that waits for the client", () => {
    const session = pop3Session({ ...PASS, mechanisms: ["apop"], startTls: "on" });
    const says = (side: "client" | "upstream", text: string) =>
      session.receive({ type: "bytes", side, bytes: encode(text) }, 0);
    session.receive({ type: "opened" }, 0);
    session.receive({ type: "verdict", verdict: LET_THROUGH }, 0);
    session.receive({ type: "connected" }, 0);
    says("upstream", "+OK ready <1.2@x>\r\n");
    assertEquals(session.wants("upstream"), true);
    says("client", "STLS\r\n");
    assertEquals(session.wants("upstream"), true);
    session.receive({ type: "ended", side: "upstream" }, 0);
    assertEquals(session.wants("upstream"), false);
  });

  for (const farewell of ["-ERR Disconnected for inactivity.", "+ cj1hYmNkZWY=", "+OK in"]) {
    it(`takes nothing for a verdict that a server says before the client has answered its challenge (${farewell})`, () => {
      transcript(
        () => pop3Session(PASS, { failures: NO_FAILURES }),
        `
          S: +OK POP3 ready
          C: AUTH SCRAM-SHA-1
          ask scram-sha-1 "" "" 1
          let through
          connect 192.0.2.1:143
          connected
          U: +OK ready
          P: CAPA
          U: +OK list
          U: SASL SCRAM-SHA-1
          U: .
          P: AUTH SCRAM-SHA-1
          U: + \\
          U:
          S: + \\
          S:
          U: ${farewell}
          log error upstream did not wait for the client's answer (reading response from upstream)
          leave upstream
          S: -ERR [SYS/TEMP] internal server error
          close upstreamUnavailable
        `,
      );
    });
  }

  it("greets nobody when no server is to be had for APOP", () => {
    transcript(
      () => pop3Session({ ...PASS, mechanisms: ["apop"] }),
      `
        ask apop "" "" 0
        let through
        connect 192.0.2.1:143
        connectFailed
        S: -ERR [SYS/TEMP] internal server error
        close upstreamUnavailable
      `,
    );
  });
});
