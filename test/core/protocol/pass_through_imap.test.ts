/** IMAP logins that the mail server itself checks. */

import { describe, it } from "node:test";
import { imapSession, NO_FAILURES } from "../../support/sessions.ts";
import { transcript } from "../../support/transcript.ts";

const PASS = { isPassThrough: true, mechanisms: ["plain", "cram-md5", "xoauth2", "oauthbearer", "scram-sha-256"] };

const ASKED = `
  S: * OK IMAP4 ready
  C: a LOGIN joe s3cret
  ask plain "joe" "s3cret" 1
  let through
  connect 192.0.2.1:143
  connected
`;

describe("an IMAP login that the server checks", () => {
  it("is said again by AUTHENTICATE PLAIN, in one go where the server takes that", () => {
    transcript(
      () => imapSession(PASS),
      `
        ${ASKED}
        U: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN AUTH=LOGIN] ready
        P: a AUTHENTICATE PLAIN AGpvZQBzM2NyZXQ=
        U: * CAPABILITY IMAP4rev1 IDLE
        U: a OK in
        log info client logged in
        splice "* CAPABILITY IMAP4rev1 IDLE\\r\\na OK in\\r\\n" ""
      `,
    );
  });

  it("asks a server for its capabilities that does not tell them in its greeting", () => {
    transcript(
      () => imapSession(PASS),
      `
        ${ASKED}
        U: * OK ready
        P: a CAPABILITY
        U: * CAPABILITY IMAP4rev1 auth=plain
        U: a OK done
        P: a AUTHENTICATE PLAIN
        U: + \\
        U:
        P: AGpvZQBzM2NyZXQ=
        U: a OK in
        log info client logged in
        splice "a OK in\\r\\n" ""
      `,
    );
  });

  it("falls back to LOGIN, with literals", () => {
    transcript(
      () => imapSession(PASS),
      `
        ${ASKED}
        U: * OK [CAPABILITY IMAP4rev1 AUTH=GSSAPI] ready
        P: a LOGIN {3}
        U: + go on
        P: joe {6}
        U: + go on
        P: s3cret
        U: a OK in
        log info client logged in
        splice "a OK in\\r\\n" ""
      `,
    );
  });

  it("keeps an identity to act as, which only PLAIN can say", () => {
    transcript(
      () => imapSession(PASS),
      `
        S: * OK IMAP4 ready
        C: a AUTHENTICATE PLAIN YW5uYQBqb2UAczNjcmV0
        ask plain "joe" "s3cret" 1
        let through
        connect 192.0.2.1:143
        connected
        U: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready
        P: a AUTHENTICATE PLAIN YW5uYQBqb2UAczNjcmV0
        U: a OK in
        log info client logged in
        splice "a OK in\\r\\n" ""
      `,
    );
  });

  it("goes on to another server where no password is taken", () => {
    transcript(
      () => imapSession(PASS),
      `
        ${ASKED}
        U: * OK [CAPABILITY IMAP4rev1 LOGINDISABLED AUTH=CRAM-MD5] ready
        log error upstream does not take a password, its mechanisms: CRAM-MD5 (reading response from upstream)
        next upstream
        noUpstream
        S: * BAD [UNAVAILABLE] internal server error
        close upstreamUnavailable
      `,
    );
  });

  it("tells the client that its password is wrong, and lets it try again", () => {
    transcript(
      () => imapSession({ ...PASS, maxErrors: 2 }),
      `
        ${ASKED}
        U: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready
        P: a AUTHENTICATE PLAIN AGpvZQBzM2NyZXQ=
        U: a NO [AUTHENTICATIONFAILED] No joe here.
        leave upstream
        log info client login failed: "[AUTHENTICATIONFAILED] No joe here." (reading response from upstream)
        S: a NO [AUTHENTICATIONFAILED] Authentication failed
        C: b LOGIN joe again
        ask plain "joe" "again" 2
        let through
        connect 192.0.2.1:143
        connected
        U: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready
        P: b AUTHENTICATE PLAIN AGpvZQBhZ2Fpbg==
        U: b NO no
        leave upstream
        log info client login failed: "no" (reading response from upstream)
        S: b NO [AUTHENTICATIONFAILED] Authentication failed
        close refused
      `,
    );
  });

  it("has the server's words where they may be passed on", () => {
    transcript(
      () => imapSession({ ...PASS, passErrorMessage: true }),
      `
        ${ASKED}
        U: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready
        P: a AUTHENTICATE PLAIN AGpvZQBzM2NyZXQ=
        U: a NO [EXPIRED] Renew your password.
        leave upstream
        log info client login failed: "[EXPIRED] Renew your password." (reading response from upstream)
        S: a NO [EXPIRED] Renew your password.
        C: b LOGOUT
        S: * BYE
        S: b OK completed
        close quit
      `,
    );
  });

  it("never calls a password wrong because the server is unwell", () => {
    for (const reply of ["a NO [UNAVAILABLE] Later.", "* BYE Too many connections.", "a BAD what?", "* BAD what?"]) {
      const text = reply.replace(/^a /, "");
      transcript(
        () => imapSession(PASS),
        `
          ${ASKED}
          U: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready
          P: a AUTHENTICATE PLAIN AGpvZQBzM2NyZXQ=
          U: ${reply}
          log error upstream sent invalid response: "${text}" (reading response from upstream)
          next upstream
          noUpstream
          S: * BAD [UNAVAILABLE] internal server error
          close upstreamRefused
        `,
      );
    }
  });

  for (
    const code of [
      "AUTHORIZATIONFAILED",
      "CONTACTADMIN",
      "CORRUPTION",
      "INUSE",
      "LIMIT",
      "NOPERM",
      "OVERQUOTA",
      "PRIVACYREQUIRED",
    ]
  ) {
    it(`never calls a password wrong for [${code}], and asks no other server`, () => {
      transcript(
        () => imapSession(PASS, { failures: NO_FAILURES }),
        `
          ${ASKED}
          U: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready
          P: a AUTHENTICATE PLAIN AGpvZQBzM2NyZXQ=
          U: a NO [${code}] No.
          log error upstream sent invalid response: "NO [${code}] No." (reading response from upstream)
          leave upstream
          S: a NO [${code}] Login refused for another reason than its password
          C: b NOOP
          S: b OK completed
        `,
      );
    });
  }

  it("has the server's words for a login that may be right where they may be passed on", () => {
    transcript(
      () => imapSession({ ...PASS, passErrorMessage: true, maxErrors: 1 }, { failures: NO_FAILURES }),
      `
        ${ASKED}
        U: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready
        P: a AUTHENTICATE PLAIN AGpvZQBzM2NyZXQ=
        U: a no [inuse] Locked.
        log info upstream sent invalid response: "no [inuse] Locked." (reading response from upstream)
        leave upstream
        S: a NO [inuse] Locked.
        close upstreamRefused
      `,
    );
  });

  it("lets the server ask the client where only the client can answer", () => {
    transcript(
      () => imapSession(PASS),
      `
        S: * OK IMAP4 ready
        C: a AUTHENTICATE CRAM-MD5
        ask cram-md5 "" "" 1
        let through
        connect 192.0.2.1:143
        connected
        U: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=CRAM-MD5] ready
        P: a AUTHENTICATE CRAM-MD5
        U: + PDEuMkB4Pg==
        S: + PDEuMkB4Pg==
        C: am9lIDAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVm
        identified "joe"
        P: am9lIDAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVm
        U: a OK in
        log info client logged in
        splice "a OK in\\r\\n" ""
      `,
    );
  });

  it("passes nothing on that stands behind base64, to neither side", () => {
    transcript(
      () => imapSession(PASS),
      `
        S: * OK IMAP4 ready
        C: a AUTHENTICATE SCRAM-SHA-256 biwsbj1qb2Uscj1hYmM=
        ask scram-sha-256 "joe" "" 1
        let through
        connect 192.0.2.1:143
        connected
        U: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=SCRAM-SHA-256] ready
        P: a AUTHENTICATE SCRAM-SHA-256 biwsbj1qb2Uscj1hYmM=
        U: + cj1hYmNkZWY=\\r* BYE\\0
        S: + cj1hYmNkZWY=
        C: Yz1iaXdzLHI9YWJjZGVmLHA9eA==\\ra\\rLOGOUT\\0
        P: Yz1iaXdzLHI9YWJjZGVmLHA9eA==
        U: + dj15
        S: + dj15
        C: =
        P:
      `,
    );
  });

  for (
    const [error, told] of [["eyJzIjoiNDAwIn0\\r", []], ["eyJzIjoiNDAwIn0=\\r* BYE", [
      "S: + eyJzIjoiNDAwIn0=",
      "C:",
    ]]] as const
  ) {
    it(`passes nothing on with an error that is told as a challenge (${error})`, () => {
      transcript(
        () => imapSession(PASS),
        `
          S: * OK IMAP4 ready
          C: a AUTHENTICATE XOAUTH2 dXNlcj1qb2UBYXV0aD1CZWFyZXIgdG9rZW4BAQ==
          ask xoauth2 "joe" "token" 1
          let through
          connect 192.0.2.1:143
          connected
          U: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] ready
          P: a AUTHENTICATE XOAUTH2 dXNlcj1qb2UBYXV0aD1CZWFyZXIgdG9rZW4BAQ==
          U: + ${error}
          P:
          U: a NO no
          leave upstream
          log info client login failed: "no" (reading response from upstream)
          ${told.join("\n")}
          S: a NO [AUTHENTICATIONFAILED] Authentication failed
        `,
      );
    });
  }

  it("carries the rounds of SCRAM unseen", () => {
    transcript(
      () => imapSession(PASS),
      `
        S: * OK IMAP4 ready
        C: a AUTHENTICATE SCRAM-SHA-256 biwsbj1qb2Uscj1hYmM=
        ask scram-sha-256 "joe" "" 1
        let through
        connect 192.0.2.1:143
        connected
        U: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=SCRAM-SHA-256] ready
        P: a AUTHENTICATE SCRAM-SHA-256 biwsbj1qb2Uscj1hYmM=
        U: + cj1hYmNkZWY=
        S: + cj1hYmNkZWY=
        C: Yz1iaXdzLHI9YWJjZGVmLHA9eA==
        P: Yz1iaXdzLHI9YWJjZGVmLHA9eA==
        U: + dj15
        S: + dj15
        C:
        P:
        U: a OK in
        log info client logged in
        splice "a OK in\\r\\n" ""
      `,
    );
  });

  it("ends the exchange at a challenge that the client, who is gone, has left no answer for", () => {
    transcript(
      () => imapSession(PASS),
      `
        S: * OK IMAP4 ready
        C: a AUTHENTICATE SCRAM-SHA-256 biwsbj1qb2Uscj1hYmM=
        C: Yz1iaXdzLHI9YWJjZGVmLHA9eA==
        ask scram-sha-256 "joe" "" 1
        C ended
        let through
        connect 192.0.2.1:143
        connected
        U: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=SCRAM-SHA-256] ready
        P: a AUTHENTICATE SCRAM-SHA-256 biwsbj1qb2Uscj1hYmM=
        U: + cj1hYmNkZWY=
        S: + cj1hYmNkZWY=
        P: Yz1iaXdzLHI9YWJjZGVmLHA9eA==
        U: + dj15
        S: + dj15
        close clientGone
      `,
    );
  });

  it("ends the exchange that the client calls off, and goes on", () => {
    transcript(
      () => imapSession(PASS),
      `
        S: * OK IMAP4 ready
        C: a AUTHENTICATE CRAM-MD5
        ask cram-md5 "" "" 1
        let through
        connect 192.0.2.1:143
        connected
        U: * OK [CAPABILITY AUTH=CRAM-MD5] ready
        P: a AUTHENTICATE CRAM-MD5
        U: + PDEuMkB4Pg==
        S: + PDEuMkB4Pg==
        C: *
        leave upstream
        S: a BAD invalid command
        C: b NOOP
        S: b OK completed
      `,
    );
  });

  it("does not change the server once the client has seen its challenge", () => {
    transcript(
      () => imapSession(PASS),
      `
        S: * OK IMAP4 ready
        C: a AUTHENTICATE CRAM-MD5
        ask cram-md5 "" "" 1
        let through
        connect 192.0.2.1:143
        connected
        U: * OK [CAPABILITY AUTH=CRAM-MD5] ready
        P: a AUTHENTICATE CRAM-MD5
        U: + PDEuMkB4Pg==
        S: + PDEuMkB4Pg==
        U ended
        log error upstream prematurely closed connection (reading response from upstream)
        leave upstream
        S: * BAD [UNAVAILABLE] internal server error
        close upstreamUnavailable
      `,
    );
  });

  it("hears a server out that says how it is before the client has answered, and takes nothing else for a verdict", () => {
    transcript(
      () => imapSession(PASS, { failures: NO_FAILURES }),
      `
        S: * OK IMAP4 ready
        C: a AUTHENTICATE CRAM-MD5
        ask cram-md5 "" "" 1
        let through
        connect 192.0.2.1:143
        connected
        U: * OK [CAPABILITY AUTH=CRAM-MD5] ready
        P: a AUTHENTICATE CRAM-MD5
        U: + PDEuMkB4Pg==
        S: + PDEuMkB4Pg==
        U: * OK still here
        U: a NO too late
        log error upstream did not wait for the client's answer (reading response from upstream)
        leave upstream
        S: * BAD [UNAVAILABLE] internal server error
        close upstreamUnavailable
      `,
    );
  });

  it("tells an OAuth client the server's error as a challenge", () => {
    transcript(
      () => imapSession(PASS),
      `
        S: * OK IMAP4 ready
        C: a AUTHENTICATE XOAUTH2 dXNlcj1qb2UBYXV0aD1CZWFyZXIgdG9rZW4BAQ==
        ask xoauth2 "joe" "token" 1
        let through
        connect 192.0.2.1:143
        connected
        U: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] ready
        P: a AUTHENTICATE XOAUTH2 dXNlcj1qb2UBYXV0aD1CZWFyZXIgdG9rZW4BAQ==
        U: + eyJzdGF0dXMiOiI0MDAifQ==
        P:
        U: a NO [AUTHENTICATIONFAILED] expired
        leave upstream
        log info client login failed: "[AUTHENTICATIONFAILED] expired" (reading response from upstream)
        S: + eyJzdGF0dXMiOiI0MDAifQ==
        C:
        S: a NO [AUTHENTICATIONFAILED] Authentication failed
      `,
    );
  });

  it("forgets what a server said before TLS", () => {
    transcript(
      () => imapSession({ ...PASS, upstreamTls: "starttls" }),
      `
        ${ASKED}
        U: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN STARTTLS] ready
        P: a STARTTLS
        U: a OK begin
        secure upstream
        U secured
        P: a CAPABILITY
        U: * CAPABILITY IMAP4rev1
        U: a OK
        P: a LOGIN {3}
      `,
    );
  });
});
