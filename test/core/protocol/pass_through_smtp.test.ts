/** SMTP logins that the mail server itself checks. */

import { describe, it } from "node:test";
import { NO_FAILURES, smtpSession } from "../../support/sessions.ts";
import { transcript } from "../../support/transcript.ts";

const PASS = { isPassThrough: true, mechanisms: ["plain", "login", "cram-md5"] };

const ASKED = `
  S: 220 mail.example.com ESMTP ready
  C: EHLO client.test
  S: 250-mail.example.com
  S: 250 AUTH PLAIN LOGIN
  C: AUTH PLAIN AGpvZQBzM2NyZXQ=
  ask plain "joe" "s3cret" 1
  let through
  connect 192.0.2.1:143
  connected
  U: 220 there
  P: EHLO mail.example.com
`;

describe("an SMTP login that the server checks", () => {
  it("is said again by AUTH PLAIN", () => {
    transcript(
      () => smtpSession(PASS),
      `
        ${ASKED}
        U: 250-there
        U: 250 AUTH LOGIN PLAIN
        P: AUTH PLAIN AGpvZQBzM2NyZXQ=
        U: 235 2.7.0 in
        log info client logged in
        splice "235 2.0.0 OK\\r\\n" ""
      `,
    );
  });

  it("is said by AUTH LOGIN to a server that has only that", () => {
    transcript(
      () => smtpSession(PASS),
      `
        ${ASKED}
        U: 250-there
        U: 250-AUTH=LOGIN
        U: 250 AUTH LOGIN
        P: AUTH LOGIN
        U: 334 VXNlcm5hbWU6
        P: am9l
        U: 334 UGFzc3dvcmQ6
        P: czNjcmV0
        U: 235 in
        log info client logged in
        splice "235 2.0.0 OK\\r\\n" ""
      `,
    );
  });

  it("tells a server about the client that offers to hear it", () => {
    transcript(
      () => smtpSession(PASS),
      `
        ${ASKED}
        U: 250-there
        U: 250-XCLIENT NAME ADDR HELO
        U: 250 AUTH PLAIN
        P: XCLIENT ADDR=198.51.100.7 NAME=[UNAVAILABLE]
        U: 220 there
        P: EHLO client.test
        U: 250-there
        U: 250 AUTH PLAIN
        P: AUTH PLAIN AGpvZQBzM2NyZXQ=
        U: 235 in
        log info client logged in
        splice "235 2.0.0 OK\\r\\n" ""
      `,
    );
  });

  it("tells the client that its password is wrong, and lets it try again", () => {
    transcript(
      () => smtpSession(PASS),
      `
        ${ASKED}
        U: 250 AUTH PLAIN
        P: AUTH PLAIN AGpvZQBzM2NyZXQ=
        U: 535 5.7.8 Who?
        leave upstream
        log info client login failed: "Who?" (reading response from upstream)
        S: 535 5.7.8 Authentication failed
        C: NOOP
        S: 250 2.0.0 OK
      `,
    );
  });

  it("has the server's words and code where they may be passed on", () => {
    transcript(
      () => smtpSession({ ...PASS, passErrorMessage: true }),
      `
        ${ASKED}
        U: 250 AUTH PLAIN
        P: AUTH PLAIN AGpvZQBzM2NyZXQ=
        U: 534 5.7.9 Use another one.
        leave upstream
        log info client login failed: "Use another one." (reading response from upstream)
        S: 534 5.7.9 Use another one.
      `,
    );
  });

  it("never calls a password wrong because the server is unwell", () => {
    transcript(
      () => smtpSession(PASS),
      `
        ${ASKED}
        U: 250 AUTH PLAIN
        P: AUTH PLAIN AGpvZQBzM2NyZXQ=
        U: 454 4.7.0 Later.
        log error upstream sent invalid response: "454 4.7.0 Later." (reading response from upstream)
        next upstream
        noUpstream
        S: 451 4.3.2 Internal server error
        close upstreamRefused
      `,
    );
  });

  for (const code of ["502", "503", "504", "523", "524", "530", "538"]) {
    it(`never calls a password wrong because the server does not take such a login (${code})`, () => {
      transcript(
        () => smtpSession(PASS, { failures: NO_FAILURES }),
        `
          ${ASKED}
          U: 250 AUTH PLAIN
          P: AUTH PLAIN AGpvZQBzM2NyZXQ=
          U: ${code} 5.7.0 Not like this.
          log error upstream sent invalid response: "${code} 5.7.0 Not like this." (reading response from upstream)
          next upstream
          noUpstream
          S: 451 4.3.2 Internal server error
          close upstreamRefused
        `,
      );
    });
  }

  it("tells a user whose account is disabled that it is so", () => {
    transcript(
      () => smtpSession(PASS, { failures: NO_FAILURES }),
      `
        ${ASKED}
        U: 250 AUTH PLAIN
        P: AUTH PLAIN AGpvZQBzM2NyZXQ=
        U: 525 5.7.13 No more.
        log error upstream sent invalid response: "525 5.7.13 No more." (reading response from upstream)
        leave upstream
        S: 525 5.7.13 Account disabled
        C: NOOP
        S: 250 2.0.0 OK
      `,
    );
  });

  it("lets the server ask the client where only the client can answer", () => {
    transcript(
      () => smtpSession(PASS),
      `
        S: 220 mail.example.com ESMTP ready
        C: AUTH CRAM-MD5
        ask cram-md5 "" "" 1
        let through
        connect 192.0.2.1:143
        connected
        U: 220 there
        P: EHLO mail.example.com
        U: 250 AUTH CRAM-MD5
        P: AUTH CRAM-MD5
        U: 334 PDEuMkB4Pg==
        S: 334 PDEuMkB4Pg==
        C: am9lIDAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVm
        identified "joe"
        P: am9lIDAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVm
        U: 235 in
        log info client logged in
        splice "235 2.0.0 OK\\r\\n" ""
      `,
    );
  });

  it("leaves a server that has no mechanism for it", () => {
    transcript(
      () => smtpSession(PASS),
      `
        ${ASKED}
        U: 250 there
        log error upstream does not take a password, its mechanisms: none (reading response from upstream)
        next upstream
        noUpstream
        S: 451 4.3.2 Internal server error
        close upstreamUnavailable
      `,
    );
  });
});
