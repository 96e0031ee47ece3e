import { describe, it } from "node:test";
import { pop3Session } from "../../support/sessions.ts";
import { transcript } from "../../support/transcript.ts";

describe("POP3 before the login", () => {
  it("answers the commands it knows", () => {
    transcript(
      pop3Session,
      `
      S: +OK POP3 ready
      C: noop
      S: +OK
      C: CAPA
      S: +OK Capability list follows
      S: TOP
      S: USER
      S: UIDL
      S: SASL PLAIN LOGIN
      S: .
      C: AUTH
      S: +OK methods supported:
      S: PLAIN
      S: LOGIN
      S: .
      C: QUIT
      S: +OK
      close quit
    `,
    );
  });

  it("has CAPA and QUIT behind USER too, and forgets the name at anything else", () => {
    transcript(
      pop3Session,
      `
      S: +OK POP3 ready
      C: USER joe
      S: +OK
      C: NOOP
      S: +OK
      C: CAPA
      S: +OK Capability list follows
      S: TOP
      S: USER
      S: UIDL
      S: SASL PLAIN LOGIN
      S: .
      C: USER other
      S: -ERR invalid command
      C: PASS s3cret
      S: -ERR invalid command
      C: USER joe
      S: +OK
      C: AUTH PLAIN
      S: -ERR invalid command
      C: USER joe
      S: +OK
      C: STAT
      S: -ERR invalid command
      C: PASS s3cret
      S: -ERR invalid command
      C: USER joe
      S: +OK
      C: QUIT
      S: +OK
      close quit
    `,
    );
  });

  for (
    const line of ["STAT", "LIST 1", "", " NOOP", "NO-OP", "N\\0OP", "QUIT\\rx", "AUTH a b c d", "\\xff\\xfe"]
  ) {
    it(`refuses "${line}" and counts it`, () => {
      transcript(
        () => pop3Session({ maxErrors: 2 }),
        `
        S: +OK POP3 ready
        C: ${line}
        S: -ERR invalid command
        C: ${line}
        log info client sent too many invalid commands (in auth state)
        S: -ERR invalid command
        close tooManyErrors
      `,
      );
    });
  }

  it("does not count what is only out of place", () => {
    transcript(
      () => pop3Session({ maxErrors: 1 }),
      `
      S: +OK POP3 ready
      C: PASS s3cret
      S: -ERR invalid command
      C: USER
      S: -ERR invalid command
      C: USER joe
      S: +OK
      C: PASS
      S: -ERR invalid command
      C: AUTH GSSAPI
      S: -ERR invalid command
      C: AUTH PLAIN x y
      S: -ERR invalid command
      C: STLS
      S: -ERR invalid command
    `,
    );
  });

  it("takes a long line, and closes at one that is too long", () => {
    const fits = "x".repeat(64 - "USER \r\n".length);
    transcript(
      () => pop3Session({ clientBuffer: 64 }),
      `
      S: +OK POP3 ready
      C: USER ${fits}
      S: +OK
      C: PASS ${fits}x
      log info client sent too long command "PASS..." (in auth state)
      S: -ERR invalid command
      close tooLongCommand
    `,
    );
  });

  it("says so when it shuts down or the client takes too long", () => {
    transcript(
      pop3Session,
      `
      S: +OK POP3 ready
      shutdown
      S: -ERR [SYS/TEMP] shutting down
      close shutdown
    `,
    );
    transcript(
      pop3Session,
      `
      S: +OK POP3 ready
      after 60000
      log info client timed out (110: Connection timed out) (in auth state)
      close timeout
    `,
    );
  });
});

describe("POP3 login", () => {
  it("takes names and passwords with blanks, those at the end too", () => {
    transcript(
      pop3Session,
      `
      S: +OK POP3 ready
      C: USER   jo e 
      S: +OK
      C: PASS  s3 cret  
      ask plain "jo e " "s3 cret  " 1
    `,
    );
  });

  it("takes AUTH PLAIN and LOGIN", () => {
    transcript(
      pop3Session,
      `
      S: +OK POP3 ready
      C: AUTH PLAIN
      S: + \\r\\n\\
      C: AGpvZQBzM2NyZXQ=
      ask plain "joe" "s3cret" 1
    `,
    );
    transcript(
      pop3Session,
      `
      S: +OK POP3 ready
      C: AUTH PLAIN AGpvZQBzM2NyZXQ=
      ask plain "joe" "s3cret" 1
    `,
    );
    transcript(
      pop3Session,
      `
      S: +OK POP3 ready
      C: auth login
      S: + VXNlcm5hbWU6
      C: am9l
      S: + UGFzc3dvcmQ6
      C: czNjcmV0
      ask plain "joe" "s3cret" 1
    `,
    );
  });

  it("refuses a line break that base64 hides, before it can become a command", () => {
    // "\0joe\r\nDELE 1\0s3cret"
    transcript(
      () => pop3Session({ maxErrors: 1 }),
      `
      S: +OK POP3 ready
      C: AUTH PLAIN AGpvZQ0KREVMRSAxAHMzY3JldA==
      log info client sent a login or password with a character that cannot be passed on (in auth state)
      S: -ERR invalid command
      C: NOOP
      S: +OK
    `,
    );
  });

  it("refuses bad responses without counting them", () => {
    transcript(
      () => pop3Session({ maxErrors: 1 }),
      `
      S: +OK POP3 ready
      C: AUTH PLAIN
      S: + \\r\\n\\
      C: *
      log info client sent invalid base64 encoding in AUTH PLAIN command (in auth state)
      S: -ERR invalid command
      C: AUTH PLAIN =
      log info client sent invalid login in AUTH PLAIN command (in auth state)
      S: -ERR invalid command
      C: NOOP
      S: +OK
    `,
    );
  });

  it("tells a refusal, now or later", () => {
    transcript(
      pop3Session,
      `
      S: +OK POP3 ready
      C: USER joe
      C: PASS wrong
      S: +OK
      ask plain "joe" "wrong" 1
      refuse 2000 Wrong
      log info client login failed: "Wrong" (in http auth state)
      after 2000
      S: -ERR Wrong
      C: PASS right
      S: -ERR invalid command
      C: USER joe
      C: PASS right
      S: +OK
      ask plain "joe" "right" 2
      refuse 0 Wrong again
      log info client login failed: "Wrong again" (in http auth state)
      S: -ERR Wrong again
      close refused
    `,
    );
  });

  it("says that the fault is not the client's when nobody can tell", () => {
    transcript(
      pop3Session,
      `
      S: +OK POP3 ready
      C: USER joe
      C: PASS s3cret
      S: +OK
      ask plain "joe" "s3cret" 1
      unavailable
      S: -ERR [SYS/TEMP] internal server error
      close authUnavailable
    `,
    );
  });
});

describe("POP3 and the upstream", () => {
  const connecting = `
    S: +OK POP3 ready
    C: USER joe
    C: PASS s3cret
    C: STAT
    S: +OK
    ask plain "joe" "s3cret" 1
    accept
    connect 192.0.2.1:143
  `;
  const connected = `${connecting}
    connected
    U: +OK ready <1896.697170952@dbc.mtview.ca.us>
    P: USER joe
    U: +OK
    P: PASS s3cret
  `;

  it("gives the client the upstream's answer and goes on with what was pipelined", () => {
    transcript(
      pop3Session,
      `${connected}
      U: +OK mailbox open, 2 messages
      log info client logged in
      splice "+OK mailbox open, 2 messages\\r\\n" "STAT\\r\\n"
    `,
    );
  });

  it("hides a refusal, or shows it when it may", () => {
    transcript(
      pop3Session,
      `${connected}
      U: -ERR [AUTH] no
      log error upstream sent invalid response: "-ERR [AUTH] no" (reading response from upstream)
      S: -ERR [SYS/TEMP] internal server error
      close upstreamRefused
    `,
    );
    transcript(
      () => pop3Session({ passErrorMessage: true }),
      `${connected}
      U: -ERR [AUTH] no
      log info upstream sent invalid response: "-ERR [AUTH] no" (reading response from upstream)
      S: -ERR [AUTH] no
      close upstreamRefused
    `,
    );
  });

  it("refuses a greeting that is none", () => {
    for (const greeting of ["-ERR busy", "+OKAY", "* OK IMAP", "+ok lower case", ""]) {
      transcript(
        pop3Session,
        `${connecting}
        connected
        U: ${greeting}
        log error upstream sent invalid response: "${greeting}" (reading response from upstream)
        S: -ERR [SYS/TEMP] internal server error
        close upstreamRefused
      `,
      );
    }
  });

  it("never sends a line break that an auth server put into the name", () => {
    transcript(
      pop3Session,
      `
      S: +OK POP3 ready
      C: USER joe
      C: PASS s3cret
      S: +OK
      ask plain "joe" "s3cret" 1
      accept a line break
      connect 192.0.2.1:143
      connected
      U: +OK ready
      log error login or password with a line break cannot be sent to a POP3 upstream (reading response from upstream)
      S: -ERR [SYS/TEMP] internal server error
      close upstreamUnavailable
    `,
    );
  });

  it("says so when the upstream cannot be reached, leaves, or is silent", () => {
    const failed = `
      S: -ERR [SYS/TEMP] internal server error
      close upstreamUnavailable
    `;
    transcript(
      pop3Session,
      `${connecting}
      connectFailed
      ${failed}
    `,
    );
    transcript(
      pop3Session,
      `${connected}
      U ended
      log error upstream prematurely closed connection (reading response from upstream)
      ${failed}
    `,
    );
    transcript(
      pop3Session,
      `${connected}
      after 60000
      log error upstream timed out (110: Connection timed out) (sending password to upstream)
      ${failed}
    `,
    );
  });
});
