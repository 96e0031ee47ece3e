/** Users whom the mail server knows by another name, where it is the one to check their logins. */

import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { chooseSaslClient } from "../../../src/protocol/sasl/client.ts";
import type { Proof } from "../../../src/protocol/sasl/mod.ts";
import { renamed } from "../../../src/protocol/sasl/rename.ts";
import { fromBase64 } from "../../../src/session/base64.ts";
import { Secret } from "../../../src/session/secret.ts";
import { imapSession, pop3Session, smtpSession } from "../../support/sessions.ts";
import { transcript } from "../../support/transcript.ts";

const PASS = { isPassThrough: true, mechanisms: ["plain", "login", "xoauth2", "oauthbearer", "external"] };

describe("a login under another name", () => {
  it("is told in IMAP by AUTHENTICATE", () => {
    transcript(
      () => imapSession(PASS),
      `
        S: * OK IMAP4 ready
        C: a LOGIN joe s3cret
        ask plain "joe" "s3cret" 1
        let through as Joe
        connect 192.0.2.1:143
        connected
        U: * OK [CAPABILITY SASL-IR AUTH=PLAIN] ready
        P: a AUTHENTICATE PLAIN AEpvZUBleGFtcGxlLmNvbQBzM2NyZXQ=
        U: a OK in
        log info client logged in
        splice "a OK in\\r\\n" ""
      `,
    );
  });

  it("is told in IMAP by LOGIN, whatever the client said it by", () => {
    transcript(
      () => imapSession(PASS),
      `
        S: * OK IMAP4 ready
        C: a AUTHENTICATE PLAIN AGpvZQBzM2NyZXQ=
        ask plain "joe" "s3cret" 1
        let through as Joe
        connect 192.0.2.1:143
        connected
        U: * OK [CAPABILITY IMAP4rev1] ready
        P: a LOGIN {15}
        U: + go on
        P: Joe@example.com {6}
        U: + go on
        P: s3cret
        U: a OK in
        log info client logged in
        splice "a OK in\\r\\n" ""
      `,
    );
  });

  it("is told in POP3 by USER and PASS", () => {
    transcript(
      () => pop3Session(PASS),
      `
        S: +OK POP3 ready
        C: USER joe
        S: +OK
        C: PASS s3cret
        ask plain "joe" "s3cret" 1
        let through as Joe
        connect 192.0.2.1:143
        connected
        U: +OK ready
        P: CAPA
        U: +OK
        U: USER
        U: .
        P: USER Joe@example.com
        U: +OK
        P: PASS s3cret
        U: +OK in
        log info client logged in
        splice "+OK in\\r\\n" ""
      `,
    );
  });

  it("is told in SMTP by AUTH", () => {
    transcript(
      () => smtpSession({ ...PASS, xclient: false }),
      `
        S: 220 mail.example.com ESMTP ready
        C: AUTH PLAIN AGpvZQBzM2NyZXQ=
        ask plain "joe" "s3cret" 1
        let through as Joe
        connect 192.0.2.1:143
        connected
        U: 220 ready
        P: EHLO mail.example.com
        U: 250 AUTH LOGIN
        P: AUTH LOGIN
        U: 334 VXNlcm5hbWU6
        P: Sm9lQGV4YW1wbGUuY29t
        U: 334 UGFzc3dvcmQ6
        P: czNjcmV0
        U: 235 in
        log info client logged in
        splice "235 2.0.0 OK\\r\\n" ""
      `,
    );
  });
});

describe("what a client showed, under another name", () => {
  /** What a server with this mechanism would be told. */
  const told = (proof: Omit<Proof, "salt">, mechanism: string): string | undefined => {
    const client = chooseSaslClient(renamed({ ...proof, salt: undefined }, "Joe"), (name) => name === mechanism);
    return client?.initialResponse && fromBase64(client.initialResponse);
  };
  const secret = new Secret("s3cret");
  const plain = (authzid: string) => ({
    method: "plain" as const,
    login: "joe",
    secret,
    message: new Secret(`${authzid}\0joe\0s3cret`),
  });

  const rows: readonly [what: string, proof: Omit<Proof, "salt">, mechanism: string, told: string][] = [
    ["a password", { method: "plain", login: "joe", secret }, "PLAIN", "\0Joe\0s3cret"],
    ["a whole PLAIN message", plain(""), "PLAIN", "\0Joe\0s3cret"],
    ["an identity to act as, which stays", plain("anna"), "PLAIN", "anna\0Joe\0s3cret"],
    ["an identity to act as that is one's own", plain("joe"), "PLAIN", "Joe\0Joe\0s3cret"],
    ["a certificate", { method: "external", login: "joe", secret: new Secret("") }, "EXTERNAL", "Joe"],
    [
      "a token by XOAUTH2",
      { method: "xoauth2", login: "joe", secret, message: new Secret("user=joe\x01auth=Bearer s3cret\x01\x01") },
      "XOAUTH2",
      "user=Joe\x01auth=Bearer s3cret\x01\x01",
    ],
    [
      "a token by OAUTHBEARER",
      { method: "oauthbearer", login: "joe", secret, message: new Secret("n,a=joe,\x01auth=Bearer s3cret\x01\x01") },
      "OAUTHBEARER",
      "n,a=Joe,\x01auth=Bearer s3cret\x01\x01",
    ],
    [
      "a SCRAM message, which only its client can make",
      { method: "scram-sha-256", login: "joe", secret, message: new Secret("n,,n=joe,r=x") },
      "SCRAM-SHA-256",
      "n,,n=joe,r=x",
    ],
  ];
  for (const [what, proof, mechanism, expected] of rows) {
    it(`is ${what}`, () => assertEquals(told(proof, mechanism), expected));
  }
});
