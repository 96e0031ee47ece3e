import { describe, it } from "node:test";
import { imapSession } from "../../support/sessions.ts";
import { transcript } from "../../support/transcript.ts";

describe("IMAP before the login", () => {
  it("answers the commands it knows, under their tags", () => {
    transcript(
      imapSession,
      `
      S: * OK IMAP4 ready
      C: a1 NOOP
      S: a1 OK completed
      C: A.b-c_2 capability ignored arguments
      S: * CAPABILITY IMAP4 IMAP4rev1 UIDPLUS AUTH=PLAIN SASL-IR
      S: A.b-c_2 OK completed
      C: x   nOoP  \\
      C: 
      S: x OK completed
      C:  NOOP
      S:  OK completed
      C:  LOGIN joe s3cret
      S:  BAD invalid command
      C:  AUTHENTICATE PLAIN
      S:  BAD invalid command
      C: a3 LOGOUT
      S: * BYE
      S: a3 OK completed
      close quit
    `,
    );
  });

  it("answers ID, whatever the client says of itself", () => {
    transcript(
      imapSession,
      `
      S: * OK IMAP4 ready
      C: a ID NIL
      S: * ID NIL
      S: a OK completed
      C: b id ("name" "mail (program)" "version" "1 2 3 4 5 6")
      S: * ID NIL
      S: b OK completed
      C: c ID ("name" {4}
      S: c BAD invalid command
    `,
    );
  });

  it("takes a bare LF for a line end", () => {
    transcript(
      imapSession,
      `
      S: * OK IMAP4 ready
      C: a1 NOOP\\n\\
      S: a1 OK completed
    `,
    );
  });

  it("answers a pipeline in order", () => {
    transcript(
      imapSession,
      `
      S: * OK IMAP4 ready
      C: a NOOP
      C: b LOGIN joe s3cret
      C: c SELECT INBOX
      S: a OK completed
      ask plain "joe" "s3cret" 1
      accept
      connect 192.0.2.1:143
      connected
      U: * OK ready
      P: b LOGIN {3}
      U: + go
      P: joe {6}
      U: + go
      P: s3cret
      U: b OK welcome
      log info client logged in
      splice "b OK welcome\\r\\n" "c SELECT INBOX\\r\\n"
    `,
    );
  });

  for (
    const [title, line, reply] of [
      ["an unknown command", "a FETCH 1 (FLAGS)", "a"],
      ["a word that is not all letters", "a NO-OP", "a"],
      ["nothing behind the tag", "a", "*"],
      ["only blanks behind the tag", "a  ", "a"],
      ["a tag with an illegal octet", "a+ NOOP", "*"],
      ["a tag of 33 octets", `${"t".repeat(33)} NOOP`, "*"],
      ["an empty line", "", "*"],
      ["a bare CR", "a NOOP\\rb", "a"],
      ["a bare CR in the tag", "a\\rb NOOP", "*"],
      ["four arguments", "a LOGIN a b c d", "a"],
      ["a quoted string without an end", 'a LOGIN "joe s3cret', "a"],
      ["a backslash before the line end", 'a LOGIN "joe\\\\', "a"],
      ["an empty literal size", "a LOGIN {}", "a"],
      ["a literal size that is no number", "a LOGIN {1x}", "a"],
      ["text behind a literal size", "a LOGIN {1} x", "a"],
      ["a literal larger than the buffer", "a LOGIN {4294967295}", "a"],
      ["a literal larger than any integer", `a LOGIN {${"9".repeat(400)}}`, "a"],
      ["binary", "\\x80\\xff\\0\\x01", "*"],
    ] as const
  ) {
    it(`refuses ${title} and counts it`, () => {
      transcript(
        () => imapSession({ maxErrors: 2 }),
        `
        S: * OK IMAP4 ready
        C: ${line}
        S: ${reply} BAD invalid command
        C: ${line}
        log info client sent too many invalid commands (in auth state)
        S: ${reply} BAD invalid command
        close tooManyErrors
      `,
      );
    });
  }

  it("does not count what is only out of place", () => {
    transcript(
      () => imapSession({ maxErrors: 1 }),
      `
      S: * OK IMAP4 ready
      C: a LOGIN joe
      S: a BAD invalid command
      C: a LOGIN "" s3cret
      S: a BAD invalid command
      C: a LOGIN joe s3cret more
      S: a BAD invalid command
      C: a AUTHENTICATE
      S: a BAD invalid command
      C: a AUTHENTICATE GSSAPI
      S: a BAD invalid command
      C: a AUTHENTICATE PLAIN x y
      S: a BAD invalid command
      C: a STARTTLS
      S: a BAD invalid command
    `,
    );
  });

  it("closes once where that is one error too many as well", () => {
    transcript(
      () => imapSession({ maxErrors: 1 }),
      `
      S: * OK IMAP4 ready
      C: a APPEND x {5+}
      log info client sent too many invalid commands (in auth state)
      S: a BAD invalid command
      close tooManyErrors
    `,
    );
  });

  it("closes behind an invalid command with a literal that is sent without waiting", () => {
    transcript(
      imapSession,
      `
      S: * OK IMAP4 ready
      C: a APPEND x {5+}
      S: a BAD invalid command
      close protocolError
    `,
    );
    transcript(
      imapSession,
      `
      S: * OK IMAP4 ready
      C: a LOGIN {99999+}
      S: a BAD invalid command
      close protocolError
    `,
    );
  });

  it("takes a buffer's worth of command and not one octet more", () => {
    const fits = "x".repeat(64 - "a LOGIN  y\r\n".length);
    transcript(
      () => imapSession({ clientBuffer: 64 }),
      `
      S: * OK IMAP4 ready
      C: a LOGIN ${fits} y
      ask plain "${fits}" "y" 1
    `,
    );
    transcript(
      () => imapSession({ clientBuffer: 64 }),
      `
      S: * OK IMAP4 ready
      C: a LOGIN ${fits}x y
      log info client sent too long command "a LOGIN..." (in auth state)
      S: a BAD invalid command
      close tooLongCommand
    `,
    );
  });

  it("counts a literal's octets against the buffer", () => {
    transcript(
      () => imapSession({ clientBuffer: 32 }),
      `
      S: * OK IMAP4 ready
      C: a LOGIN {18}
      S: a BAD invalid command
      C: a LOGIN {15}
      S: + OK
      C: 0123456789ABCDE y
      log info client sent too long command "a LOGIN..." (in auth state)
      S: a BAD invalid command
      close tooLongCommand
    `,
    );
  });

  it("tells the client when it shuts down", () => {
    transcript(
      imapSession,
      `
      S: * OK IMAP4 ready
      shutdown
      S: * BYE shutting down
      close shutdown
    `,
    );
  });

  it("gives up a client that takes too long, without a word", () => {
    transcript(
      imapSession,
      `
      S: * OK IMAP4 ready
      after 59999
      C: a NOOP
      S: a OK completed
      after 1
      log info client timed out (110: Connection timed out) (in auth state)
      close timeout
    `,
    );
  });
});

describe("IMAP LOGIN", () => {
  for (
    const [title, line, login, password] of [
      ["atoms", "joe s3cret", "joe", "s3cret"],
      ["atoms with quotes and backslashes inside", 'j"oe s3\\\\cret', 'j\\"oe', "s3\\\\cret"],
      ["quoted strings", '"jo e" "s3 cret"', "jo e", "s3 cret"],
      ["escapes in quoted strings", '"j\\\\\\\\o\\\\"e" "\\\\s"', 'j\\\\o\\"e', "s"],
      ["no blank behind a quoted string", '"joe"s3cret', "joe", "s3cret"],
      ["an empty quoted password", 'joe ""', "joe", ""],
      ["many blanks", "   joe    s3cret   ", "joe", "s3cret"],
      ["8-bit octets", "jo\\xe9 \\xff", "jo\u00e9", "\u00ff"],
    ] as const
  ) {
    it(`takes ${title}`, () => {
      transcript(
        imapSession,
        `
        S: * OK IMAP4 ready
        C: a LOGIN ${line}
        ask plain "${login}" "${password}" 1
      `,
      );
    });
  }

  it("takes synchronizing literals", () => {
    transcript(
      imapSession,
      `
      S: * OK IMAP4 ready
      C: a LOGIN {3}
      S: + OK
      C: joe {6}
      S: + OK
      C: s3cret
      ask plain "joe" "s3cret" 1
    `,
    );
  });

  it("takes literals sent ahead", () => {
    transcript(
      imapSession,
      `
      S: * OK IMAP4 ready
      C: a LOGIN {3+}
      C: joe {2}
      C: \\r\\n
      S: + OK
      ask plain "joe" "\\r\\n" 1
    `,
    );
    transcript(
      imapSession,
      `
      S: * OK IMAP4 ready
      C: a LOGIN {3}
      C: joe {6}
      C: s3cret
      C: b NOOP
      S: + OK
      S: + OK
      ask plain "joe" "s3cret" 1
      refuse 1000 Nope
      log info client login failed: "Nope" (in http auth state)
      after 1000
      S: a NO Nope
      S: b OK completed
    `,
    );
  });

  it("takes an empty literal for what it is", () => {
    transcript(
      imapSession,
      `
      S: * OK IMAP4 ready
      C: a LOGIN joe {0}
      S: + OK
      C: 
      ask plain "joe" "" 1
    `,
    );
  });

  it("refuses what a literal is not followed by", () => {
    transcript(
      imapSession,
      `
      S: * OK IMAP4 ready
      C: a LOGIN {3+}
      C: joes3cret
      S: a BAD invalid command
      C: b NOOP
      S: b OK completed
    `,
    );
  });

  it("refuses a NUL, which no server takes", () => {
    transcript(
      imapSession,
      `
      S: * OK IMAP4 ready
      C: a LOGIN joe s3\\0cret
      log info client sent a login or password with a character that cannot be passed on (in auth state)
      S: a BAD invalid command
    `,
    );
  });
});

describe("IMAP AUTHENTICATE", () => {
  it("takes PLAIN with and without an initial response, in any case", () => {
    transcript(
      imapSession,
      `
      S: * OK IMAP4 ready
      C: a authenticate plain
      S: + \\r\\n\\
      C: AGpvZQBzM2NyZXQ=
      ask plain "joe" "s3cret" 1
    `,
    );
    transcript(
      imapSession,
      `
      S: * OK IMAP4 ready
      C: a AUTHENTICATE PLAIN anVuawBqb2UAczNjcmV0
      ask plain "joe" "s3cret" 1
    `,
    );
  });

  it("takes LOGIN with and without an initial response, answers sent ahead", () => {
    transcript(
      imapSession,
      `
      S: * OK IMAP4 ready
      C: a AUTHENTICATE LOGIN
      C: am9l
      C: czNjcmV0
      S: + VXNlcm5hbWU6
      S: + UGFzc3dvcmQ6
      ask plain "joe" "s3cret" 1
    `,
    );
    transcript(
      imapSession,
      `
      S: * OK IMAP4 ready
      C: a AUTHENTICATE LOGIN am9l
      S: + UGFzc3dvcmQ6
      C: czNjcmV0 ignored
      ask plain "joe" "s3cret" 1
    `,
    );
  });

  for (
    const [title, mechanism, response, complaint] of [
      ["a cancelled exchange", "PLAIN", "*", "base64 encoding in AUTH PLAIN"],
      ["bad base64", "PLAIN", "AGpvZQBzM2NyZX!=", "base64 encoding in AUTH PLAIN"],
      ["a digit too many", "PLAIN", "AGpvZ", "base64 encoding in AUTH PLAIN"],
      ["no NUL", "PLAIN", "am9l", "login in AUTH PLAIN"],
      ["one NUL", "PLAIN", "AGpvZQ", "password in AUTH PLAIN"],
      ["three NULs", "PLAIN", "AGpvZQBzAGM", "password in AUTH PLAIN"],
      ["an empty response", "PLAIN", "", "login in AUTH PLAIN"],
      ["a cancelled exchange", "LOGIN", "*", "base64 encoding in AUTH LOGIN"],
    ] as const
  ) {
    it(`refuses ${title} in ${mechanism}, without counting it`, () => {
      transcript(
        () => imapSession({ maxErrors: 1 }),
        `
        S: * OK IMAP4 ready
        C: a AUTHENTICATE ${mechanism}
        S: + ${mechanism === "LOGIN" ? "VXNlcm5hbWU6" : ""}
        C: ${response}
        log info client sent invalid ${complaint} command (in auth state)
        S: a BAD invalid command
        C: b NOOP
        S: b OK completed
      `,
      );
    });
  }

  it("bounds a response as it bounds a command", () => {
    transcript(
      () => imapSession({ clientBuffer: 32 }),
      `
      S: * OK IMAP4 ready
      C: a AUTHENTICATE PLAIN
      S: + \\r\\n\\
      C: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
      log info client sent too long command "..." (in auth state)
      S: a BAD invalid command
      close tooLongCommand
    `,
    );
  });
});

describe("IMAP and the verdict", () => {
  const asked = `
    S: * OK IMAP4 ready
    C: a LOGIN joe s3cret
    ask plain "joe" "s3cret" 1
  `;

  it("closes behind a refusal without a delay", () => {
    transcript(
      imapSession,
      `${asked}
      refuse 0 Invalid login or password
      log info client login failed: "Invalid login or password" (in http auth state)
      S: a NO Invalid login or password
      close refused
    `,
    );
  });

  it("holds a refusal back, then goes on with a fresh clock and the number of tries", () => {
    transcript(
      imapSession,
      `${asked}
      refuse 3000 Wrong
      log info client login failed: "Wrong" (in http auth state)
      after 2999
      after 1
      S: a NO Wrong
      C: 
      S: * BAD invalid command
      after 59999
      C: b LOGIN joe other
      ask plain "joe" "other" 2
      refuse 0 Wrong
      log info client login failed: "Wrong" (in http auth state)
      S: b NO Wrong
      close refused
    `,
    );
  });

  it("says that the fault is not the client's when nobody can tell", () => {
    transcript(
      imapSession,
      `${asked}
      unavailable
      S: * BAD [UNAVAILABLE] internal server error
      close authUnavailable
    `,
    );
  });

  it("stops its clock while it waits for the verdict", () => {
    transcript(
      imapSession,
      `${asked}
      after 1000000
      unavailable
      S: * BAD [UNAVAILABLE] internal server error
      close authUnavailable
    `,
    );
  });

  it("lets go when the client leaves meanwhile", () => {
    transcript(
      imapSession,
      `${asked}
      C ended
      close clientGone
    `,
    );
  });

  it("keeps on for a client that has said all it wants to say", () => {
    transcript(
      imapSession,
      `
      S: * OK IMAP4 ready
      C: a LOGIN joe s3cret
      C: b LOGOUT
      ask plain "joe" "s3cret" 1
      C ended
      accept
      connect 192.0.2.1:143
      connected
      U: * OK ready
      P: a LOGIN {3}
      U: +
      P: joe {6}
      U: +
      P: s3cret
      U: a OK done
      log info client logged in
      splice "a OK done\\r\\n" "b LOGOUT\\r\\n" ended
    `,
    );
  });
});

describe("IMAP and the upstream", () => {
  const connecting = `
    S: * OK IMAP4 ready
    C: a LOGIN joe s3cret
    ask plain "joe" "s3cret" 1
    accept
    connect 192.0.2.1:143
  `;
  const connected = `${connecting}
    connected
    U: * OK ready
    P: a LOGIN {3}
    U: + OK
    P: joe {6}
    U: + OK
    P: s3cret
  `;
  const failed = `
    S: * BAD [UNAVAILABLE] internal server error
    close upstreamUnavailable
  `;

  it("passes on what the upstream says with its OK, and behind it", () => {
    transcript(
      imapSession,
      `${connected}
      U: * CAPABILITY IMAP4rev1 IDLE
      U: * OK [ALERT] over quota
      U: a ok [READ-WRITE] logged in
      log info client logged in
      splice "* CAPABILITY IMAP4rev1 IDLE\\r\\n* OK [ALERT] over quota\\r\\na ok [READ-WRITE] logged in\\r\\n" ""
    `,
    );
  });

  it("takes lines that end in a bare LF", () => {
    transcript(
      imapSession,
      `${connecting}
      connected
      U: * OK ready\\n\\
      P: a LOGIN {3}
      U: +\\n\\
      P: joe {6}
      U: +\\n\\
      P: s3cret
      U: a OK\\n\\
      log info client logged in
      splice "a OK\\n" ""
    `,
    );
  });

  it("waits for no other reply where the server could not tell whose it is", () => {
    transcript(
      imapSession,
      `${connected}
      U: * BAD what?
      log error upstream sent invalid response: "* BAD what?" (reading response from upstream)
      S: * BAD [UNAVAILABLE] internal server error
      close upstreamRefused
    `,
    );
  });

  it("hides a refusal, or shows it when it may", () => {
    transcript(
      imapSession,
      `${connected}
      U: a NO [AUTHENTICATIONFAILED] no
      log error upstream sent invalid response: "NO [AUTHENTICATIONFAILED] no" (reading response from upstream)
      S: * BAD [UNAVAILABLE] internal server error
      close upstreamRefused
    `,
    );
    transcript(
      () => imapSession({ passErrorMessage: true }),
      `${connected}
      U: a NO [AUTHENTICATIONFAILED] no
      log info upstream sent invalid response: "NO [AUTHENTICATIONFAILED] no" (reading response from upstream)
      S: a NO [AUTHENTICATIONFAILED] no
      close upstreamRefused
    `,
    );
  });

  for (const greeting of ["* PREAUTH welcome", "* BYE busy", "* OKAY", "+OK POP3", "220 smtp", "garbage", ""]) {
    it(`refuses the greeting "${greeting}"`, () => {
      transcript(
        imapSession,
        `${connecting}
        connected
        U: ${greeting}
        log error upstream sent invalid response: "${greeting}" (reading response from upstream)
        S: * BAD [UNAVAILABLE] internal server error
        close upstreamRefused
      `,
      );
    });
  }

  it("refuses a BYE and another's tag in the middle of the login", () => {
    for (const line of ["* BYE stopping", "b OK whose?"]) {
      transcript(
        imapSession,
        `${connected}
        U: ${line}
        log error upstream sent invalid response: "${line}" (reading response from upstream)
        S: * BAD [UNAVAILABLE] internal server error
        close upstreamRefused
      `,
      );
    }
  });

  it("bounds the upstream's reply", () => {
    transcript(
      () => imapSession({ proxyBuffer: 16 }),
      `${connecting}
      connected
      U: * OK 6789012345678
      log error upstream sent too long response line: "* OK 67890123456..." (reading response from upstream)
      ${failed}
    `,
    );
  });

  it("says so when the upstream cannot be reached, leaves, or is silent", () => {
    transcript(
      imapSession,
      `${connecting}
      connectFailed
      ${failed}
    `,
    );
    transcript(
      imapSession,
      `${connected}
      U ended
      log error upstream prematurely closed connection (reading response from upstream)
      ${failed}
    `,
    );
    transcript(
      imapSession,
      `${connecting}
      after 60000
      log error upstream timed out (110: Connection timed out) (connecting to upstream)
      ${failed}
    `,
    );
    transcript(
      imapSession,
      `${connected}
      after 60000
      log error upstream timed out (110: Connection timed out) (sending password to upstream)
      ${failed}
    `,
    );
  });
});
