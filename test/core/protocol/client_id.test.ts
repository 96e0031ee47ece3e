/** A mail server is told who the client is, before the login. */

import { describe, it } from "node:test";
import { imapSession, pop3Session } from "../../support/sessions.ts";
import { transcript } from "../../support/transcript.ts";

const ID =
  '"x-originating-ip" "198.51.100.7" "x-originating-port" "40001" "x-connected-ip" "192.0.2.9" "x-connected-port" "143"';

describe("the client's identity for an IMAP server", () => {
  const start = () => imapSession({ tellsClientId: true });
  const asked = (before: string, hops: number) => `
    S: * OK IMAP4 ready
    ${before}
    C: a LOGIN joe s3cret
    ask plain "joe" "s3cret" 1
    accept
    connect 192.0.2.1:143
    connected
    U: * OK [CAPABILITY IMAP4rev1 ID] ready
    P: a ID (${ID} "x-session-id" "4711-7" "x-proxy-ttl" "${hops}")
  `;

  it("is said by ID, and then comes the login", () => {
    transcript(
      start,
      `
        ${asked("", 4)}
        U: * ID NIL
        U: a OK
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

  it("is waited for no longer than until a BAD, whosever that is", () => {
    transcript(
      start,
      `
        ${asked("", 4)}
        U: * BAD what?
        P: a LOGIN {3}
      `,
    );
  });

  it("counts the proxies before", () => {
    const before = `
      C: z ID ("name" "Dovecot" "x-proxy-ttl" "2")
      S: * ID NIL
      S: z OK completed
    `;
    transcript(start, asked(before, 1));
  });

  it("is refused to a client that has come in a circle", () => {
    transcript(
      start,
      `
        S: * OK IMAP4 ready
        C: z ID ("x-proxy-ttl" "0")
        S: * ID NIL
        S: z OK completed
        C: a LOGIN joe s3cret
        ask plain "joe" "s3cret" 1
        accept
        connect 192.0.2.1:143
        connected
        U: * OK ready
        log error too many proxies before this one: do they lead in a circle? (reading response from upstream)
        S: * BAD [UNAVAILABLE] internal server error
        close upstreamUnavailable
      `,
    );
  });

  it("is kept from a server that has no ID, and asked for where the greeting says nothing", () => {
    transcript(
      start,
      `
        S: * OK IMAP4 ready
        C: a LOGIN joe s3cret
        ask plain "joe" "s3cret" 1
        accept
        connect 192.0.2.1:143
        connected
        U: * OK ready
        P: a CAPABILITY
        U: * CAPABILITY IMAP4rev1
        U: a OK
        P: a LOGIN {3}
      `,
    );
  });

  it("is said over TLS where that comes first", () => {
    transcript(
      () => imapSession({ tellsClientId: true, upstreamTls: "starttls" }),
      `
        S: * OK IMAP4 ready
        C: a LOGIN joe s3cret
        ask plain "joe" "s3cret" 1
        accept
        connect 192.0.2.1:143
        connected
        U: * OK [CAPABILITY IMAP4rev1 ID] ready
        P: a STARTTLS
        U: a OK
        secure upstream
        U secured
        P: a CAPABILITY
        U: * CAPABILITY ID
        U: a OK
        P: a ID (${ID} "x-session-id" "4711-7" "x-proxy-ttl" "4")
        U: a BAD what?
        P: a LOGIN {3}
      `,
    );
  });
});

describe("the client's identity for a POP3 server", () => {
  const asked = `
    S: +OK POP3 ready
    C: USER joe
    S: +OK
    C: PASS s3cret
    ask plain "joe" "s3cret" 1
    accept
    connect 192.0.2.1:143
    connected
  `;

  it("is said by XCLIENT where the greeting offers it", () => {
    transcript(
      () => pop3Session({ tellsClientId: true }),
      `
        ${asked}
        U: +OK [XCLIENT] Dovecot ready.
        P: XCLIENT ADDR=198.51.100.7 PORT=40001 SESSION=4711-7 TTL=4
        U: +OK Updated
        P: USER joe
      `,
    );
  });

  it("is kept from any other", () => {
    transcript(
      () => pop3Session({ tellsClientId: true }),
      `
        ${asked}
        U: +OK ready.
        P: USER joe
      `,
    );
  });
});
