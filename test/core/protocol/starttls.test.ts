import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import type { PeerCertificate } from "../../../src/runtime.ts";
import { decode, encode } from "../../../src/session/bytes.ts";
import { SingleRoute } from "../../../src/upstream/mod.ts";
import { Secret } from "../../../src/session/secret.ts";
import { imapSession, pop3Session, smtpSession } from "../../support/sessions.ts";
import { TLS, transcript } from "../../support/transcript.ts";

describe("STARTTLS in IMAP", () => {
  const on = () => imapSession({ startTls: "on" });
  const only = () => imapSession({ startTls: "only" });

  it("is offered in clear, and goes on over TLS under the same clock", () => {
    transcript(
      on,
      `
      S: * OK IMAP4 ready
      C: a CAPABILITY
      S: * CAPABILITY IMAP4 IMAP4rev1 UIDPLUS AUTH=PLAIN STARTTLS SASL-IR
      S: a OK completed
      after 30000
      C: b STARTTLS ignored
      S: b OK completed
      secure client
      C secured
      C: c CAPABILITY
      S: * CAPABILITY IMAP4 IMAP4rev1 UIDPLUS AUTH=PLAIN SASL-IR
      S: c OK completed
      C: d STARTTLS
      S: d BAD invalid command
      after 30000
      log info client timed out (110: Connection timed out) (in auth state)
      close timeout
    `,
    );
  });

  it("is refused where it is off", () => {
    transcript(
      () => imapSession({ maxErrors: 1 }),
      `
      S: * OK IMAP4 ready
      C: a STARTTLS
      S: a BAD invalid command
      C: b NOOP
      S: b OK completed
    `,
    );
  });

  it("comes before every credential where it must", () => {
    transcript(
      only,
      `
      S: * OK IMAP4 ready
      C: a CAPABILITY
      S: * CAPABILITY IMAP4 IMAP4rev1 UIDPLUS STARTTLS LOGINDISABLED SASL-IR
      S: a OK completed
      C: b LOGIN joe s3cret
      S: b BAD invalid command
      C: c AUTHENTICATE PLAIN AGpvZQBzM2NyZXQ=
      S: c BAD invalid command
      C: d STARTTLS
      S: d OK completed
      secure client
      C secured
      C: e LOGIN joe s3cret
      ask plain "joe" "s3cret" 1
    `,
    );
  });

  it("lets nothing of what was sent in clear behind it survive, at any split", () => {
    const injected = "x STARTTLS\r\ny LOGIN joe s3cret\r\nz NOOP\r\n";
    for (let at = "x STARTTLS\r\n".length; at <= injected.length; at++) {
      const session = on();
      session.receive({ type: "opened" }, 0);
      const said = session.receive({ type: "bytes", side: "client", bytes: encode(injected.slice(0, at)) }, 0);
      assertEquals(said.map(({ type }) => type), ["write", "secure"]);
      assertEquals(session.wants("client"), false);
      assertEquals(session.receive({ type: "secured", side: "client", facts: TLS }, 0), []);
      const [answer, ...more] = session.receive({ type: "bytes", side: "client", bytes: encode("q NOOP\r\n") }, 0);
      assertEquals(answer?.type === "write" && decode(answer.bytes), "q OK completed\r\n");
      assertEquals(more, []);
    }
  });

  it("ends the session when the handshake fails, is cut off, or takes too long", () => {
    const asked = `
      S: * OK IMAP4 ready
      C: a STARTTLS
      S: a OK completed
      secure client
    `;
    transcript(
      on,
      `${asked}
      C not secured wrong version number
      log info SSL_do_handshake() failed (SSL: wrong version number) (in starttls state)
      close handshakeFailed
    `,
    );
    transcript(
      on,
      `${asked}
      after 60000
      log info client timed out (110: Connection timed out) (in starttls state)
      close timeout
    `,
    );
  });
});

describe("STLS in POP3", () => {
  it("is offered in clear before USER, and goes on over TLS", () => {
    transcript(
      () => pop3Session({ startTls: "on" }),
      `
      S: +OK POP3 ready
      C: CAPA
      S: +OK Capability list follows
      S: TOP
      S: USER
      S: UIDL
      S: SASL PLAIN LOGIN
      S: STLS
      S: .
      C: USER joe
      S: +OK
      C: CAPA
      S: +OK Capability list follows
      S: TOP
      S: USER
      S: UIDL
      S: SASL PLAIN LOGIN
      S: .
      C: STLS
      S: -ERR invalid command
      C: STLS
      S: +OK
      secure client
      C secured
      C: CAPA
      S: +OK Capability list follows
      S: TOP
      S: USER
      S: UIDL
      S: SASL PLAIN LOGIN
      S: .
      C: STLS
      S: -ERR invalid command
    `,
    );
  });

  it("comes before every credential where it must", () => {
    transcript(
      () => pop3Session({ startTls: "only", mechanisms: ["apop"] }),
      `
      S: +OK POP3 ready <1896.697170952@mail.example.com>
      C: CAPA
      S: +OK Capability list follows
      S: TOP
      S: UIDL
      S: STLS
      S: .
      C: USER joe
      S: -ERR invalid command
      C: PASS s3cret
      S: -ERR invalid command
      C: AUTH PLAIN AGpvZQBzM2NyZXQ=
      S: -ERR invalid command
      C: APOP mrose c4c9334bac560ecc979e58001b3e22fb
      S: -ERR invalid command
      C: STLS
      S: +OK
      secure client
      C secured
      C: USER joe
      C: PASS s3cret
      S: +OK
      ask plain "joe" "s3cret" 1
    `,
    );
  });
});

describe("STARTTLS in SMTP", () => {
  it("is offered in clear, and has the client's name and mail forgotten", () => {
    transcript(
      () => smtpSession({ startTls: "on", allowsAnonymous: true }),
      `
      S: 220 mail.example.com ESMTP ready
      C: EHLO injected.example
      S: 250-mail.example.com
      S: 250-AUTH PLAIN LOGIN
      S: 250 STARTTLS
      C: MAIL FROM:<injected@example.com>
      S: 250 2.0.0 OK
      C: STARTTLS
      S: 220 2.0.0 Start TLS
      secure client
      C secured
      C: RCPT TO:<b@example.com>
      S: 503 5.5.1 Bad sequence of commands
      C: EHLO client.example
      S: 250-mail.example.com
      S: 250 AUTH PLAIN LOGIN
      C: STARTTLS
      S: 500 5.5.1 Invalid command
    `,
    );
  });

  it("comes before every credential and all mail where it must", () => {
    transcript(
      () => smtpSession({ startTls: "only", allowsAnonymous: true }),
      `
      S: 220 mail.example.com ESMTP ready
      C: EHLO client.example
      S: 250-mail.example.com
      S: 250 STARTTLS
      C: AUTH PLAIN AGpvZQBzM2NyZXQ=
      S: 500 5.5.1 Invalid command
      C: AUTH
      S: 500 5.5.1 Invalid command
      C: MAIL FROM:<a@example.com>
      S: 530 5.7.0 Must issue a STARTTLS command first
      C: RCPT TO:<b@example.com>
      S: 530 5.7.0 Must issue a STARTTLS command first
      C: STARTTLS
      S: 220 2.0.0 Start TLS
      secure client
      C secured
      C: MAIL FROM:<a@example.com>
      S: 250 2.0.0 OK
    `,
    );
  });
});

describe("a stop", () => {
  const words = [
    [imapSession, "a STARTTLS\r\n", "b NOOP\r\n", "* BYE shutting down\r\n"],
    [pop3Session, "STLS\r\n", "NOOP\r\n", "-ERR [SYS/TEMP] shutting down\r\n"],
    [smtpSession, "STARTTLS\r\n", "NOOP\r\n", "421 4.3.2 Shutting down\r\n"],
  ] as const;

  it("in the middle of a handshake is not told in clear, and behind it is told over TLS", () => {
    for (const [start, startTls, noop, farewell] of words) {
      for (const isSecured of [false, true]) {
        const session = start({ startTls: "on" });
        session.receive({ type: "opened" }, 0);
        session.receive({ type: "bytes", side: "client", bytes: encode(startTls) }, 0);
        if (isSecured) {
          session.receive({ type: "secured", side: "client", facts: TLS }, 0);
          session.receive({ type: "bytes", side: "client", bytes: encode(noop) }, 0);
        }
        const said = isSecured ? [{ type: "write", side: "client", bytes: encode(farewell) }] : [];
        assertEquals<unknown>(session.receive({ type: "shutdown" }, 0), [...said, {
          type: "close",
          reason: "shutdown",
        }]);
      }
    }
  });
});

describe("a client's certificate", () => {
  const certificate = (number?: number): PeerCertificate => ({
    subject: "CN=joe",
    issuer: "CN=ca",
    serial: "01",
    fingerprint: "00",
    pem: "",
    verifyError: number === undefined ? undefined : { number, text: "reason" },
  });
  const rows = [
    ["off", undefined, undefined],
    ["off", 20, undefined],
    ["on", undefined, "No required SSL certificate"],
    ["on", 20, "SSL certificate error"],
    ["on", 0, undefined],
    ["optional", undefined, undefined],
    ["optional", 20, "SSL certificate error"],
    ["optional", 0, undefined],
    ["optional_no_ca", undefined, undefined],
    ["optional_no_ca", 18, undefined],
    ["optional_no_ca", 19, undefined],
    ["optional_no_ca", 20, undefined],
    ["optional_no_ca", 21, undefined],
    ["optional_no_ca", 27, undefined],
    ["optional_no_ca", 10, "SSL certificate error"],
    ["optional_no_ca", 23, "SSL certificate error"],
  ] as const;
  const protocols = [
    ["* BYE ", "* OK IMAP4 ready", imapSession],
    ["-ERR ", "+OK POP3 ready", pop3Session],
    ["421 4.7.1 ", "220 mail.example.com ESMTP ready", smtpSession],
  ] as const;

  for (const [verifyClient, number, refusal] of rows) {
    const shown = number === undefined ? undefined : certificate(number === 0 ? undefined : number);
    it(`${verifyClient} with ${number === undefined ? "none" : `error ${number}`}`, () => {
      for (const [prefix, greeting, start] of protocols) {
        const session = start({ verifyClient }, { tls: { ...TLS, certificate: shown } });
        const effects = session.receive({ type: "opened" }, 0);
        const said = effects.flatMap((effect) => effect.type === "write" ? [decode(effect.bytes)] : []);
        assertEquals(said, [`${refusal === undefined ? greeting : prefix + refusal}\r\n`]);
        const ends = effects.flatMap((effect) => effect.type === "close" ? [effect.reason] : []);
        assertEquals(ends, refusal === undefined ? [] : ["certificateRefused"]);
      }
    });
  }

  it("is judged behind STARTTLS too, and the log says why it was refused", () => {
    const session = imapSession({ startTls: "on", verifyClient: "on" });
    session.receive({ type: "opened" }, 0);
    session.receive({ type: "bytes", side: "client", bytes: encode("a STARTTLS\r\n") }, 0);
    const facts = { ...TLS, certificate: certificate(10) };
    assertEquals(session.receive({ type: "secured", side: "client", facts }, 0), [
      {
        type: "log",
        level: "info",
        text: "client SSL certificate verify error: (10:reason)",
        action: "in starttls state",
      },
      { type: "write", side: "client", bytes: encode("* BYE SSL certificate error\r\n") },
      { type: "close", reason: "certificateRefused" },
    ]);
  });
});

describe("STARTTLS with the upstream", () => {
  const session = () => imapSession({ upstreamTls: "starttls" });
  const asked = `
    S: * OK IMAP4 ready
    C: a LOGIN joe s3cret
    ask plain "joe" "s3cret" 1
    accept
    connect 192.0.2.1:143
    connected
  `;
  const refused = (line: string) => `
    log error upstream sent invalid response: "${line}" (reading response from upstream)
    S: * BAD [UNAVAILABLE] internal server error
    close upstreamRefused
  `;

  it("comes before the login in IMAP", () => {
    transcript(
      session,
      `${asked}
      U: * OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] ready
      P: a STARTTLS
      U: a OK begin
      secure upstream
      U secured
      P: a LOGIN {3}
      U: + OK
      P: joe {6}
      U: + OK
      P: s3cret
      U: a OK done
      log info client logged in
      splice "a OK done\\r\\n" ""
    `,
    );
  });

  it("comes, or does not, as the verdict wants it", () => {
    const route = new SingleRoute({ target: { host: "192.0.2.1", port: 143 }, text: "192.0.2.1:143" });
    for (const upstreamTls of ["off", "starttls", "on"] as const) {
      for (const tls of [undefined, "off", "starttls", "on"] as const) {
        const session = imapSession({ upstreamTls });
        session.receive({ type: "opened" }, 0);
        session.receive({ type: "bytes", side: "client", bytes: encode("a LOGIN joe s3cret\r\n") }, 0);
        const verdict = { type: "accepted", route, tls, login: "joe", secret: new Secret("s3cret") } as const;
        assertEquals(session.receive({ type: "verdict", verdict }, 0), [
          { type: "connect", route, ...tls && { tls } },
        ]);
        session.receive({ type: "connected" }, 0);
        const bytes = encode("* OK ready\r\n");
        const [effect] = session.receive({ type: "bytes", side: "upstream", bytes }, 0);
        const startsTls = (tls ?? upstreamTls) === "starttls";
        const said = startsTls ? "a STARTTLS\r\n" : "a LOGIN {3}\r\n";
        assertEquals(effect?.type === "write" && decode(effect.bytes), said);
      }
    }
  });

  it("ends the attempt when it is not to be had, before any credential", () => {
    transcript(
      session,
      `${asked}
      U: * OK ready
      P: a STARTTLS
      U: a BAD unknown command
      ${refused("BAD unknown command")}
    `,
    );
    transcript(
      session,
      `${asked}
      U: * PREAUTH welcome
      ${refused("* PREAUTH welcome")}
    `,
    );
  });

  it("ends the attempt when the handshake fails", () => {
    transcript(
      session,
      `${asked}
      U: * OK ready
      P: a STARTTLS
      U: a OK begin
      secure upstream
      U not secured certificate has expired
      log error SSL_do_handshake() failed (SSL: certificate has expired) (SSL handshaking to upstream)
      S: * BAD [UNAVAILABLE] internal server error
      close upstreamUnavailable
    `,
    );
  });

  it("ends the attempt when there is more than the consent", () => {
    const start = imapSession({ upstreamTls: "starttls" });
    const feed = (input: Parameters<typeof start.receive>[0]) => start.receive(input, 0);
    const says = (side: "client" | "upstream", text: string) => feed({ type: "bytes", side, bytes: encode(text) });
    feed({ type: "opened" });
    says("client", "a LOGIN joe s3cret\r\n");
    const route = new SingleRoute({ target: { host: "192.0.2.1", port: 143 }, text: "192.0.2.1:143" });
    const accepted = { type: "accepted", route, login: "joe", secret: undefined } as const;
    feed({ type: "verdict", verdict: accepted });
    feed({ type: "connected" });
    says("upstream", "* OK ready\r\n");
    const effects = says("upstream", "a OK begin\r\n* CAPABILITY injected\r\n");
    assertEquals(effects.flatMap((effect) => effect.type === "log" ? [effect.text] : []), [
      "upstream sent data before the TLS handshake",
    ]);
    assertEquals(effects.at(-1), { type: "nextUpstream" });
    assertEquals(feed({ type: "noUpstream" }).at(-1), { type: "close", reason: "upstreamUnavailable" });
  });

  it("comes before the login in POP3", () => {
    transcript(
      () => pop3Session({ upstreamTls: "starttls" }),
      `
      S: +OK POP3 ready
      C: USER joe
      C: PASS s3cret
      S: +OK
      ask plain "joe" "s3cret" 1
      accept
      connect 192.0.2.1:143
      connected
      U: +OK ready
      P: STLS
      U: +OK begin
      secure upstream
      U secured
      P: USER joe
      U: +OK
      P: PASS s3cret
      U: +OK
      log info client logged in
      splice "+OK\\r\\n" ""
    `,
    );
  });

  it("is asked for in SMTP when it is offered, and EHLO said again", () => {
    const smtp = () => smtpSession({ upstreamTls: "starttls", xclient: false });
    const start = `
      S: 220 mail.example.com ESMTP ready
      C: AUTH PLAIN AGpvZQBzM2NyZXQ=
      ask plain "joe" "s3cret" 1
      accept
      connect 192.0.2.1:143
      connected
      U: 220 ready
      P: EHLO mail.example.com
    `;
    transcript(
      smtp,
      `${start}
      U: 250-upstream
      U: 250-STARTTLS
      U: 250 AUTH PLAIN
      P: STARTTLS
      U: 220 begin
      secure upstream
      U secured
      P: HELO mail.example.com
      U: 250 upstream
      log info client logged in
      splice "235 2.0.0 OK\\r\\n" ""
    `,
    );
    transcript(
      smtp,
      `${start}
      U: 250-upstream
      U: 250 AUTH PLAIN
      log error upstream does not offer STARTTLS (reading response from upstream)
      S: 451 4.3.2 Internal server error
      close upstreamUnavailable
    `,
    );
  });
});

describe("an upstream in clear that should speak TLS", () => {
  it("says nothing to the client, even where its refusals pass", () => {
    transcript(
      () => pop3Session({ upstreamTls: "starttls", passErrorMessage: true }),
      `
      S: +OK POP3 ready
      C: USER joe
      S: +OK
      C: PASS s3cret
      ask plain "joe" "s3cret" 1
      accept
      connect 192.0.2.1:143
      connected
      U: -ERR [AUTH] forget your password
      log error upstream sent invalid response: "-ERR [AUTH] forget your password" (reading response from upstream)
      S: -ERR [SYS/TEMP] internal server error
      close upstreamRefused
      `,
    );
  });
});
