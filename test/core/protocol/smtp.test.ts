import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import type { SocketAddress } from "../../../src/runtime.ts";
import { smtpSession } from "../../support/sessions.ts";
import { transcript } from "../../support/transcript.ts";
import { encode } from "../../../src/session/bytes.ts";
import { ehloReply } from "../../../src/protocol/smtp/capability.ts";

const anonymous = () => smtpSession({ allowsAnonymous: true });

describe("SMTP before the hand-over", () => {
  it("answers the commands it knows", () => {
    transcript(
      smtpSession,
      `
      S: 220 mail.example.com ESMTP ready
      C: HELO client.example
      S: 250 mail.example.com
      C: ehlo client.example
      S: 250-mail.example.com
      S: 250 AUTH PLAIN LOGIN
      C: NOOP
      S: 250 2.0.0 OK
      C: RSET
      S: 250 2.0.0 OK
      C: EHLO
      S: 501 5.5.4 Invalid argument
      C: HELO two names
      S: 501 5.5.4 Invalid argument
      C: AUTH
      S: 501 5.5.4 Invalid argument
      C: QUIT
      S: 221 2.0.0 Bye
      close quit
    `,
    );
  });

  it("announces the configured capabilities, and AUTH only when there is a mechanism", () => {
    const ehlo = (auth: readonly ("plain" | "login" | "none")[]) =>
      ehloReply("mx", { capabilities: ["SIZE 10485760", "8BITMIME"], auth }, "off");
    transcript(
      () => smtpSession({ ehlo: ehlo(["login"]) }),
      `
      S: 220 mail.example.com ESMTP ready
      C: EHLO x
      S: 250-mx
      S: 250-SIZE 10485760
      S: 250-8BITMIME
      S: 250 AUTH LOGIN
    `,
    );
    transcript(
      () => smtpSession({ ehlo: ehlo(["none"]) }),
      `
      S: 220 mail.example.com ESMTP ready
      C: EHLO x
      S: 250-mx
      S: 250-SIZE 10485760
      S: 250 8BITMIME
    `,
    );
  });

  it("wants a login before mail", () => {
    transcript(
      smtpSession,
      `
      S: 220 mail.example.com ESMTP ready
      C: EHLO x
      S: 250-mail.example.com
      S: 250 AUTH PLAIN LOGIN
      C: MAIL FROM:<a@example.com> SIZE=10  
      log info client was rejected: "MAIL FROM:<a@example.com> SIZE=10" (in auth state)
      S: 530 5.7.1 Authentication required
      C: RCPT TO:<b@example.com>
      S: 503 5.5.1 Bad sequence of commands
    `,
    );
  });

  for (const line of ["DATA", "BDAT 10", "", "MAIL\\rx", " NOOP", "M4IL", `RCPT${" x".repeat(12)}`]) {
    it(`refuses "${line}" and counts it`, () => {
      transcript(
        () => smtpSession({ maxErrors: 2 }),
        `
        S: 220 mail.example.com ESMTP ready
        C: ${line}
        S: 500 5.5.1 Invalid command
        C: ${line}
        log info client sent too many invalid commands (in auth state)
        S: 500 5.5.1 Invalid command
        close tooManyErrors
      `,
      );
    });
  }

  it("does not count what is only out of place", () => {
    transcript(
      () => smtpSession({ maxErrors: 1 }),
      `
      S: 220 mail.example.com ESMTP ready
      C: STARTTLS
      S: 500 5.5.1 Invalid command
      C: VRFY joe
      S: 500 5.5.1 Invalid command
      C: EXPN list
      S: 500 5.5.1 Invalid command
      C: HELP
      S: 500 5.5.1 Invalid command
      C: AUTH GSSAPI
      S: 500 5.5.1 Invalid command
      C: AUTH PLAIN x y
      S: 500 5.5.1 Invalid command
    `,
    );
  });

  it("closes at a line that is too long", () => {
    transcript(
      () => smtpSession({ clientBuffer: 32 }),
      `
      S: 220 mail.example.com ESMTP ready
      C: EHLO abcdefghijklmnopqrstuvwxy
      S: 250-mail.example.com
      S: 250 AUTH PLAIN LOGIN
      C: EHLO abcdefghijklmnopqrstuvwxyz
      log info client sent too long command "EHLO..." (in auth state)
      S: 500 5.5.1 Invalid command
      close tooLongCommand
    `,
    );
  });

  it("says so when it shuts down or the client takes too long", () => {
    transcript(
      smtpSession,
      `
      S: 220 mail.example.com ESMTP ready
      shutdown
      S: 421 4.3.2 Shutting down
      close shutdown
    `,
    );
    transcript(
      smtpSession,
      `
      S: 220 mail.example.com ESMTP ready
      after 60000
      log info client timed out (110: Connection timed out) (in auth state)
      close timeout
    `,
    );
  });
});

describe("SMTP AUTH", () => {
  it("takes PLAIN and LOGIN, before EHLO too", () => {
    transcript(
      smtpSession,
      `
      S: 220 mail.example.com ESMTP ready
      C: AUTH PLAIN
      S: 334 \\r\\n\\
      C: AGpvZQBzM2NyZXQ=
      ask plain "joe" "s3cret" 1
    `,
    );
    transcript(
      smtpSession,
      `
      S: 220 mail.example.com ESMTP ready
      C: auth plain AGpvZQBzM2NyZXQ=
      ask plain "joe" "s3cret" 1
    `,
    );
    transcript(
      smtpSession,
      `
      S: 220 mail.example.com ESMTP ready
      C: AUTH LOGIN
      S: 334 VXNlcm5hbWU6
      C: am9l
      S: 334 UGFzc3dvcmQ6
      C: czNjcmV0
      ask plain "joe" "s3cret" 1
    `,
    );
  });

  it("tells a refusal, now or later", () => {
    transcript(
      smtpSession,
      `
      S: 220 mail.example.com ESMTP ready
      C: AUTH PLAIN AGpvZQBzM2NyZXQ=
      ask plain "joe" "s3cret" 1
      refuse 1000 Wrong
      log info client login failed: "Wrong" (in http auth state)
      after 1000
      S: 535 5.7.0 Wrong
      C: NOOP
      S: 250 2.0.0 OK
      C: AUTH PLAIN AGpvZQBzM2NyZXQ=
      ask plain "joe" "s3cret" 2
      unavailable
      S: 451 4.3.2 Internal server error
      close authUnavailable
    `,
    );
  });

  it("refuses a cancelled exchange", () => {
    transcript(
      () => smtpSession({ maxErrors: 1 }),
      `
      S: 220 mail.example.com ESMTP ready
      C: AUTH LOGIN
      S: 334 VXNlcm5hbWU6
      C: *
      log info client sent invalid base64 encoding in AUTH LOGIN command (in auth state)
      S: 500 5.5.1 Invalid command
      C: NOOP
      S: 250 2.0.0 OK
    `,
    );
  });
});

describe("SMTP without a login", () => {
  it("asks for each recipient and keeps the sender", () => {
    transcript(
      anonymous,
      `
      S: 220 mail.example.com ESMTP ready
      C: RCPT TO:<b@example.com>
      S: 503 5.5.1 Bad sequence of commands
      C: MAIL
      S: 501 5.5.4 Invalid argument
      C: MAIL FROM:<a@example.com>
      S: 250 2.0.0 OK
      C: MAIL FROM:<c@example.com>
      S: 503 5.5.1 Bad sequence of commands
      C: RCPT
      S: 501 5.5.4 Invalid argument
      C: RCPT TO:<b@example.com>
      ask none "" "" 1
      refuse 1000 No such user
      log info client login failed: "No such user" (in http auth state)
      after 1000
      S: 535 5.7.0 No such user
      C: MAIL FROM:<c@example.com>
      S: 503 5.5.1 Bad sequence of commands
      C: RCPT TO:<d@example.com>
      ask none "" "" 2
      refuse 1000 No such user
      log info client login failed: "No such user" (in http auth state)
      after 1000
      S: 535 5.7.0 No such user
      C: RSET
      S: 250 2.0.0 OK
      C: MAIL FROM:<c@example.com>
      S: 250 2.0.0 OK
      C: EHLO x
      S: 250-mail.example.com
      S: 250 AUTH PLAIN LOGIN
      C: RCPT TO:<d@example.com>
      S: 503 5.5.1 Bad sequence of commands
    `,
    );
  });

  it("tells the upstream what the client said, and the client what the upstream says", () => {
    transcript(
      anonymous,
      `
      S: 220 mail.example.com ESMTP ready
      C: HELO client.example
      S: 250 mail.example.com
      C: mail from:<a@example.com> BODY=8BITMIME  
      C: RCPT TO:<b@example.com> NOTIFY=NEVER
      C: DATA
      S: 250 2.0.0 OK
      ask none "" "" 1
      accept nobody
      connect 192.0.2.1:143
      connected
      U: 220 upstream
      P: EHLO mail.example.com
      U: 250 upstream
      P: XCLIENT ADDR=198.51.100.7 NAME=[UNAVAILABLE]
      U: 220 upstream
      P: HELO client.example
      U: 250 upstream
      P: mail from:<a@example.com> BODY=8BITMIME
      U: 250 2.1.0 Ok
      P: RCPT TO:<b@example.com> NOTIFY=NEVER
      U: 550 5.1.1 No such user
      log info client logged in
      splice "550 5.1.1 No such user\\r\\n" "DATA\\r\\n"
    `,
    );
  });

  it("takes no command with a NUL, which the upstream would be blamed for", () => {
    transcript(
      () => smtpSession({ allowsAnonymous: true, maxErrors: 5 }),
      `
      S: 220 mail.example.com ESMTP ready
      C: HELO cli\\x00ent
      S: 500 5.5.1 Invalid command
      C: HELO client.example
      S: 250 mail.example.com
      C: MAIL FROM:<a\\x00@example.com>
      S: 500 5.5.1 Invalid command
      C: MAIL FROM:<a@example.com>
      S: 250 2.0.0 OK
      C: RCPT TO:<b@example.com\\x00>
      S: 500 5.5.1 Invalid command
      C: RCPT TO:<b@example.com>
      ask none "" "" 1
    `,
    );
  });
});

describe("SMTP and the upstream", () => {
  const asked = (hello: string) => `
    S: 220 mail.example.com ESMTP ready
    ${hello}
    C: AUTH PLAIN AGpvZQBzM2NyZXQ=
    ask plain "joe" "s3cret" 1
    accept
    connect 192.0.2.1:143
    connected
    U: 220-upstream
    U: 220 ESMTP
  `;
  const ehlo = `
    C: EHLO client.example
    S: 250-mail.example.com
    S: 250 AUTH PLAIN LOGIN
  `;
  const helo = `
    C: HELO client.example
    S: 250 mail.example.com
  `;
  const done = `
    log info client logged in
    splice "235 2.0.0 OK\\r\\n" ""
  `;

  it("sends XCLIENT with the login, then the client's own EHLO", () => {
    transcript(
      smtpSession,
      `${asked(ehlo)}
      P: EHLO mail.example.com
      U: 250-upstream
      U: 250 XCLIENT NAME ADDR LOGIN
      P: XCLIENT ADDR=198.51.100.7 LOGIN=joe NAME=[UNAVAILABLE]
      U: 220 again
      P: EHLO client.example
      U: 250-upstream
      U: 250 PIPELINING
      ${done}
    `,
    );
  });

  it("stops behind XCLIENT for a client without a name", () => {
    transcript(
      smtpSession,
      `${asked("")}
      P: EHLO mail.example.com
      U: 250 upstream
      P: XCLIENT ADDR=198.51.100.7 LOGIN=joe NAME=[UNAVAILABLE]
      U: 250 fine
      ${done}
    `,
    );
  });

  for (
    const [title, client, address] of [
      ["an IPv6 address", { family: 6, host: "2001:db8::7", port: 1 }, "IPV6:2001:db8::7"],
      ["a unix socket", { family: "unix", path: "" }, "unix:"],
    ] as const satisfies readonly (readonly [string, SocketAddress, string])[]
  ) {
    it(`says ${title} as XCLIENT has it`, () => {
      transcript(
        () => smtpSession({}, { client }),
        `${asked("")}
        P: EHLO mail.example.com
        U: 250 upstream
        P: XCLIENT ADDR=${address} LOGIN=joe NAME=[UNAVAILABLE]
        U: 250 fine
        ${done}
      `,
      );
    });
  }

  it("says HELO or EHLO as the client did when there is no XCLIENT", () => {
    const session = () => smtpSession({ xclient: false });
    transcript(
      session,
      `${asked(helo)}
      P: HELO mail.example.com
      U: 250 upstream
      ${done}
    `,
    );
    transcript(
      session,
      `${asked(ehlo)}
      P: EHLO mail.example.com
      U: 250 upstream
      ${done}
    `,
    );
  });

  it("logs in when it is told to, and leaves the login out of XCLIENT then", () => {
    transcript(
      () => smtpSession({ smtpAuth: true }),
      `${asked(ehlo)}
      P: EHLO mail.example.com
      U: 250 upstream
      P: XCLIENT ADDR=198.51.100.7 NAME=[UNAVAILABLE]
      U: 220 upstream
      P: EHLO client.example
      U: 250 upstream
      P: AUTH PLAIN AGpvZQBzM2NyZXQ=
      U: 235 2.7.0 welcome
      ${done}
    `,
    );
    transcript(
      () => smtpSession({ smtpAuth: true, xclient: false }),
      `${asked(ehlo)}
      P: EHLO mail.example.com
      U: 250 upstream
      P: AUTH PLAIN AGpvZQBzM2NyZXQ=
      U: 535 5.7.8 no
      log error upstream sent invalid response: "535 5.7.8 no" (reading response from upstream)
      S: 451 4.3.2 Internal server error
      close upstreamRefused
    `,
    );
  });

  it("writes a login in xtext, so that it cannot become an attribute", () => {
    transcript(
      smtpSession,
      `
      S: 220 mail.example.com ESMTP ready
      C: AUTH PLAIN AGpvZQBzM2NyZXQ=
      ask plain "joe" "s3cret" 1
      accept a login of every kind
      connect 192.0.2.1:143
      connected
      U: 220 upstream
      P: EHLO mail.example.com
      U: 250 upstream
      P: XCLIENT ADDR=198.51.100.7 LOGIN=a+20NAME+3Db+2B+0D+0A+7F+E9! NAME=[UNAVAILABLE]
      U: 250 fine
      ${done}
    `,
    );
  });

  it("hides a refusal, or shows all lines of it when it may", () => {
    transcript(
      smtpSession,
      `${asked("")}
      P: EHLO mail.example.com
      U: 421-busy
      U: 421 4.3.2 later
      log error upstream sent invalid response: "421 4.3.2 later" (reading response from upstream)
      S: 451 4.3.2 Internal server error
      close upstreamRefused
    `,
    );
    transcript(
      () => smtpSession({ passErrorMessage: true }),
      `${asked("")}
      P: EHLO mail.example.com
      U: 421-busy
      U: 421 4.3.2 later
      log info upstream sent invalid response: "421 4.3.2 later" (reading response from upstream)
      S: 421-busy
      S: 421 4.3.2 later
      close upstreamRefused
    `,
    );
  });

  it("refuses what is no reply", () => {
    for (const line of ["+OK POP3", "22 x", "220x", "", "* OK"]) {
      transcript(
        smtpSession,
        `${asked("")}
        P: EHLO mail.example.com
        U: ${line}
        log error upstream sent invalid response: "${line}" (reading response from upstream)
        S: 451 4.3.2 Internal server error
        close upstreamRefused
      `,
      );
    }
  });
});

describe("SMTP before the greeting", () => {
  const delayed = () => smtpSession({ greetingDelay: 5000 });
  const resolving = () => smtpSession({ resolvesClient: true, allowsAnonymous: true });

  it("holds the greeting back", () => {
    transcript(
      delayed,
      `
      after 4999
      after 1
      S: 220 mail.example.com ESMTP ready
      after 59999
      C: NOOP
      S: 250 2.0.0 OK
      after 1
      log info client timed out (110: Connection timed out) (in auth state)
      close timeout
    `,
    );
  });

  it("turns away who cannot wait for it", () => {
    const session = delayed();
    const said = (bytes: string) => session.receive({ type: "bytes", side: "client", bytes: encode(bytes) }, 0);
    assertEquals(session.receive({ type: "opened" }, 0), []);
    assertEquals(said("EHLO x\r\nMAIL"), [
      {
        type: "log",
        level: "info",
        text: 'client was rejected before greeting: "EHLO..."',
        action: "in delay pipelining state",
      },
      { type: "write", side: "client", bytes: encode("503 5.5.0 Improper use of SMTP command pipelining\r\n") },
      { type: "close", reason: "protocolError" },
    ]);
    assertEquals(said("more"), []);
  });

  it("lets go of who leaves before it", () => {
    transcript(
      delayed,
      `
      C ended
      close clientGone
    `,
    );
    transcript(
      resolving,
      `
      resolve
      C: QUIT
      C ended
      close clientGone
    `,
    );
  });

  it("asks for the client's name first, and tells it to the upstream", () => {
    transcript(
      resolving,
      `
      resolve
      C: EHLO client.example
      C: MAIL FROM:<a@example.com>
      after 1000000
      resolved mx.example.net
      S: 220 mail.example.com ESMTP ready
      S: 250-mail.example.com
      S: 250 AUTH PLAIN LOGIN
      S: 250 2.0.0 OK
      C: RCPT TO:<b@example.com>
      ask none "" "" 1
      accept nobody
      connect 192.0.2.1:143
      connected
      U: 220 upstream
      P: EHLO mail.example.com
      U: 250 upstream
      P: XCLIENT ADDR=198.51.100.7 NAME=mx.example.net
    `,
    );
  });

  it("does one after the other", () => {
    transcript(
      () => smtpSession({ resolvesClient: true, greetingDelay: 1000 }),
      `
      resolve
      resolved [TEMPUNAVAIL]
      after 999
      after 1
      S: 220 mail.example.com ESMTP ready
    `,
    );
  });
});
