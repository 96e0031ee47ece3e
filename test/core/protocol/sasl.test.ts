import { describe, it } from "node:test";
import { toBase64 } from "../../../src/session/base64.ts";
import { imapSession, pop3Session, smtpSession } from "../../support/sessions.ts";
import { transcript } from "../../support/transcript.ts";

const SALT = "<1896.697170952@mail.example.com>";
const DIGEST = "b913a602c7eda7a495b4e6e7334d3890";
const ALL = { mechanisms: ["plain", "login", "apop", "cram-md5", "external", "xoauth2", "oauthbearer"] };

/** What differs between the protocols: how a client begins, how it is prompted, and how it is refused. */
const PROTOCOLS = [
  {
    name: "IMAP",
    start: (options = {}) => imapSession({ ...ALL, ...options }),
    greeting: "S: * OK IMAP4 ready",
    auth: "a AUTHENTICATE",
    prompt: "+",
    invalid: "a BAD invalid command",
    refusal: "a NO Expired",
    noop: ["b NOOP", "b OK completed"],
  },
  {
    name: "POP3",
    start: (options = {}) => pop3Session({ ...ALL, ...options }),
    greeting: `S: +OK POP3 ready ${SALT}`,
    auth: "AUTH",
    prompt: "+",
    invalid: "-ERR invalid command",
    refusal: "-ERR Expired",
    noop: ["NOOP", "+OK"],
  },
  {
    name: "SMTP",
    start: (options = {}) => smtpSession({ ...ALL, ...options }),
    greeting: "S: 220 mail.example.com ESMTP ready",
    auth: "AUTH",
    prompt: "334",
    invalid: "500 5.5.1 Invalid command",
    refusal: "535 5.7.0 Expired",
    noop: ["NOOP", "250 2.0.0 OK"],
  },
] as const;

for (const { name, start, greeting, auth, prompt, invalid, refusal, noop } of PROTOCOLS) {
  const stillThere = `
    C: ${noop[0]}
    S: ${noop[1]}
  `;
  const empty = `S: ${prompt} \\r\\n\\`;
  /** A dialogue that ends in a refusal which does not count for max_errors. */
  const refuses = (command: string, exchange: string, complaint: string, mechanism: string) =>
    transcript(
      () => start({ maxErrors: 1 }),
      `
      ${greeting}
      C: ${auth} ${command}
      ${exchange}
      log info client sent invalid ${complaint} in AUTH ${mechanism} command (in auth state)
      S: ${invalid}
      ${stillThere}
    `,
    );

  it(`takes no response with a CR inside over ${name}, not even behind the padding`, () => {
    for (const end of ["\\r", "\\rx", " \\r"]) {
      const exchange = `
        ${empty}
        C: AGpvZQBzM2NyZXQ=${end}\\r\\n\\
      `;
      refuses("PLAIN", exchange, "base64 encoding", "PLAIN");
    }
  });

  describe(`CRAM-MD5 over ${name}`, () => {
    it("asks with the salt and passes the digest on", () => {
      transcript(
        start,
        `
        ${greeting}
        C: ${auth} cram-md5
        S: ${prompt} ${toBase64(SALT)}
        C: ${toBase64(`tim ${DIGEST}`)}
        ask cram-md5 "tim" "${DIGEST}" 1 ${SALT}
      `,
      );
    });

    it("takes a name with blanks, and the same salt again", () => {
      transcript(
        start,
        `
        ${greeting}
        C: ${auth} CRAM-MD5
        S: ${prompt} ${toBase64(SALT)}
        C: *
        log info client sent invalid base64 encoding in AUTH CRAM-MD5 command (in auth state)
        S: ${invalid}
        C: ${auth} CRAM-MD5
        S: ${prompt} ${toBase64(SALT)}
        C: ${toBase64(`tim o t ${DIGEST}`)}
        ask cram-md5 "tim o t" "${DIGEST}" 1 ${SALT}
      `,
      );
    });

    it("refuses what has no digest", () => {
      for (const answer of ["tim", `tim${DIGEST}`, `tim ${DIGEST}0`, DIGEST, ""]) {
        const exchange = `
          S: ${prompt} ${toBase64(SALT)}
          C: ${toBase64(answer)}
        `;
        refuses("CRAM-MD5", exchange, "CRAM-MD5 hash", "CRAM-MD5");
      }
    });

    it("takes no initial response", () => {
      transcript(
        () => start({ maxErrors: 1 }),
        `
        ${greeting}
        C: ${auth} CRAM-MD5 ${toBase64(`tim ${DIGEST}`)}
        S: ${invalid}
        ${stillThere}
      `,
      );
    });
  });

  describe(`EXTERNAL over ${name}`, () => {
    it("takes a name, asked for or sent along", () => {
      transcript(
        start,
        `
        ${greeting}
        C: ${auth} EXTERNAL
        S: ${prompt} VXNlcm5hbWU6
        C: am9l
        ask external "joe" "" 1
      `,
      );
      transcript(
        start,
        `
        ${greeting}
        C: ${auth} external am9l
        ask external "joe" "" 1
      `,
      );
    });

    it("brings no password of an earlier attempt", () => {
      transcript(
        start,
        `
        ${greeting}
        C: ${auth} PLAIN AGpvZQBzM2NyZXQ=
        ask plain "joe" "s3cret" 1
        refuse 1000 Expired
        log info client login failed: "Expired" (in http auth state)
        after 1000
        S: ${refusal}
        C: ${auth} EXTERNAL am9l
        ask external "joe" "" 2
      `,
      );
    });
  });

  describe(`XOAUTH2 over ${name}`, () => {
    it("takes a token, asked for or sent along", () => {
      transcript(
        start,
        `
        ${greeting}
        C: ${auth} XOAUTH2
        ${empty}
        C: ${toBase64("user=joe@example.com\x01auth=Bearer vF9dft4q\x01\x01")}
        ask xoauth2 "joe@example.com" "vF9dft4q" 1
      `,
      );
      transcript(
        start,
        `
        ${greeting}
        C: ${auth} xoauth2 ${toBase64("USER=joe\x01AUTH=bearer t=\x01\x01")}
        ask xoauth2 "joe" "t=" 1
      `,
      );
    });

    for (
      const [message, what] of [
        ["user=joe\x01auth=Bearer t\x01", "token"],
        ["user=joe\x01auth=Bearer t\x01\x01x", "token"],
        ["user=joe\x01auth=Basic t\x01\x01", "token"],
        ["auth=Bearer t\x01user=joe\x01\x01", "login"],
        ["", "login"],
      ] as const
    ) {
      it(`refuses ${JSON.stringify(message)}`, () => {
        refuses(`XOAUTH2 ${toBase64(message) || "="}`, "", what, "XOAUTH2");
      });
    }
  });

  describe(`OAUTHBEARER over ${name}`, () => {
    it("takes a token among other pairs, and a name with escapes", () => {
      transcript(
        start,
        `
        ${greeting}
        C: ${auth} OAUTHBEARER
        ${empty}
        C: ${toBase64("n,a=j=2Co=3De,\x01host=h\x01port=1\x01auth=Bearer tok\x01\x01")}
        ask oauthbearer "j,o=e" "tok" 1
      `,
      );
    });

    for (
      const [message, what] of [
        ["n,,\x01auth=Bearer t\x01\x01", "login"],
        ["n,a=,\x01auth=Bearer t\x01\x01", "login"],
        ["n,a=joe\x01auth=Bearer t\x01\x01", "login"],
        ["n,a=j=2ce,\x01auth=Bearer t\x01\x01", "login"],
        ["n,a=joe,\x01\x01", "token"],
        ["n,a=joe,\x01auth=Bearer t\x01", "token"],
        ["n,a=joe,\x01host=h\x01\x01", "token"],
      ] as const
    ) {
      it(`refuses ${JSON.stringify(message)}`, () => {
        refuses(`OAUTHBEARER ${toBase64(message)}`, "", what, "OAUTHBEARER");
      });
    }
  });

  describe(`An OAuth error over ${name}`, () => {
    const asked = (mechanism: string, message: string, wait: number) => `
      ${greeting}
      C: ${auth} ${mechanism} ${toBase64(message)}
      ask ${mechanism.toLowerCase()} "joe" "tok" 1
      refuse oauth ${wait} eyJzdGF0dXMiOiI0MDEifQ==
      log info client login failed: "Expired" (in http auth state)
      ${wait === 0 ? "" : `after ${wait}`}
      S: ${prompt} eyJzdGF0dXMiOiI0MDEifQ==
    `;
    const xoauth2 = (wait: number) => asked("XOAUTH2", "user=joe\x01auth=Bearer tok\x01\x01", wait);
    const bearer = (wait: number) => asked("OAUTHBEARER", "n,a=joe,\x01auth=Bearer tok\x01\x01", wait);

    it("is told as a challenge, and the refusal follows its answer", () => {
      transcript(
        start,
        `${xoauth2(1000)}
        C: 
        S: ${refusal}
        ${stillThere}
      `,
      );
      transcript(
        start,
        `${bearer(1000)}
        C: AQ==
        S: ${refusal}
        ${stillThere}
      `,
      );
    });

    it("ends the connection when the refusal does", () => {
      transcript(
        start,
        `${bearer(0)}
        C: AQ==
        S: ${refusal}
        close refused
      `,
      );
    });

    it("is not answered with anything else", () => {
      transcript(
        start,
        `${bearer(1000)}
        C: 
        S: ${invalid}
        ${stillThere}
      `,
      );
      transcript(
        start,
        `${xoauth2(0)}
        C: AQ==
        S: ${invalid}
        close refused
      `,
      );
    });

    it("is told to nobody else", () => {
      transcript(
        start,
        `
        ${greeting}
        C: ${auth} PLAIN AGpvZQBzM2NyZXQ=
        ask plain "joe" "s3cret" 1
        refuse oauth 0 eyJzdGF0dXMiOiI0MDEifQ==
        log info client login failed: "Expired" (in http auth state)
        S: ${refusal}
        close refused
      `,
      );
    });
  });

  describe(`Mechanisms over ${name}`, () => {
    it("are refused unless they are configured, PLAIN and LOGIN apart", () => {
      for (const mechanism of ["CRAM-MD5", "EXTERNAL", "XOAUTH2", "OAUTHBEARER", "EXTERNAL am9l"]) {
        transcript(
          () => start({ mechanisms: [], maxErrors: 1 }),
          `
          ${name === "POP3" ? "S: +OK POP3 ready" : greeting}
          C: ${auth} ${mechanism}
          S: ${invalid}
          ${stillThere}
          C: ${auth} LOGIN
          S: ${prompt} VXNlcm5hbWU6
        `,
        );
      }
    });
  });

  describe(`max_commands over ${name}`, () => {
    it("counts commands and responses, and lets one too many be the last", () => {
      transcript(
        () => start({ maxCommands: 3 }),
        `
        ${greeting}
        C: ${noop[0]}
        S: ${noop[1]}
        C: ${auth} LOGIN
        S: ${prompt} VXNlcm5hbWU6
        C: am9l
        S: ${prompt} UGFzc3dvcmQ6
        C: czNjcmV0
        log info client sent too many commands (in auth state)
        S: ${invalid}
        close tooManyErrors
      `,
      );
    });
  });
}

describe("APOP", () => {
  it("passes the digest and the timestamp on", () => {
    transcript(
      () => pop3Session(ALL),
      `
      S: +OK POP3 ready ${SALT}
      C: APOP mrose c4c9334bac560ecc979e58001b3e22fb
      ask apop "mrose" "c4c9334bac560ecc979e58001b3e22fb" 1 ${SALT}
    `,
    );
  });

  it("has two arguments, stands before USER, and must be configured", () => {
    transcript(
      () => pop3Session({ ...ALL, maxErrors: 1 }),
      `
      S: +OK POP3 ready ${SALT}
      C: APOP mrose
      S: -ERR invalid command
      C: APOP mrose a b
      S: -ERR invalid command
      C: USER joe
      S: +OK
      C: APOP mrose c4c9334bac560ecc979e58001b3e22fb
      S: -ERR invalid command
    `,
    );
    transcript(
      () => pop3Session({ maxErrors: 1 }),
      `
      S: +OK POP3 ready
      C: APOP mrose c4c9334bac560ecc979e58001b3e22fb
      S: -ERR invalid command
    `,
    );
  });
});

describe("A login without a password", () => {
  it("cannot go on to an SMTP server that wants one", () => {
    transcript(
      () => smtpSession({ ...ALL, smtpAuth: true, xclient: false }),
      `
      S: 220 mail.example.com ESMTP ready
      C: AUTH EXTERNAL am9l
      ask external "joe" "" 1
      accept without a password
      connect 192.0.2.1:143
      connected
      U: 220 ready
      P: HELO mail.example.com
      U: 250 ready
      log error no password available (reading response from upstream)
      S: 451 4.3.2 Internal server error
      close upstreamUnavailable
    `,
    );
  });
});
