import { type Dialogue, parrot } from "./dialogue.ts";

const READY = "S: 220 mail.example.com ESMTP ready";
const OK = "S: 250 2.0.0 OK";
const INVALID = "S: 500 5.5.1 Invalid command";
const SEQUENCE = "S: 503 5.5.1 Bad sequence of commands";
const BYE = `
  C: QUIT
  S: 221 2.0.0 Bye
`;

const EHLO = `
  C: EHLO client.example
  S: 250-mail.example.com
  S: 250 AUTH PLAIN LOGIN
`;

/** A login that goes through, and what is said behind it. */
const IN = `
  S: 235 2.0.0 OK
  C: bye
  S: bye
`;

/** SMTP before the login. Mail without one stands in `smtp_open.ts`. */
export const SMTP: readonly Dialogue[] = [
  {
    title: "every command",
    server: "smtp",
    script: `
      ${READY}
      C: HELO client.example
      S: 250 mail.example.com
      C: ehlo client.example
      S: 250-mail.example.com
      S: 250 AUTH PLAIN LOGIN
      C: NOOP
      ${OK}
      C: NOOP x
      ${OK}
      C: RSET
      ${OK}
      C: RSET x
      ${OK}
      C: EHLO
      S: 501 5.5.4 Invalid argument
      C: HELO two names
      S: 501 5.5.4 Invalid argument
      C: AUTH
      S: 501 5.5.4 Invalid argument
      C: QUIT now
      S: 221 2.0.0 Bye
    `,
  },
  {
    title: "configured capabilities",
    server: "smtpWords",
    script: `
      ${READY}
      C: EHLO x
      S: 250-mail.example.com
      S: 250-SIZE 10485760
      S: 250-PIPELINING
      S: 250-8BITMIME
      S: 250 AUTH PLAIN
      C: HELO x
      S: 250 mail.example.com
      ${BYE}
    `,
  },
  {
    title: "no AUTH line without a mechanism",
    server: "smtpOpen",
    script: `
      ${READY}
      C: EHLO x
      S: 250-mail.example.com
      S: 250 8BITMIME
      ${BYE}
    `,
  },
  {
    title: "no list without anything in it",
    server: "smtpOpenFrank",
    script: `
      ${READY}
      C: EHLO x
      S: 250 mail.example.com
      ${BYE}
    `,
  },
  {
    title: "mail before a login",
    server: "smtp",
    script: `
      ${READY}
      ${EHLO}
      C: MAIL FROM:<a@example.com> SIZE=10   \\
      C: 
      S: 530 5.7.1 Authentication required
      C: RCPT TO:<b@example.com>
      ${SEQUENCE}
      C: MAIL
      S: 530 5.7.1 Authentication required
      C: RCPT
      ${SEQUENCE}
      ${BYE}
    `,
  },
  {
    title: "max_errors counting what cannot be parsed",
    server: "smtpWords",
    script: `
      ${READY}
      C: DATA
      ${INVALID}
      C: NOOP
      ${OK}
      C: BDAT 10
      ${INVALID}
    `,
  },
  {
    title: "what cannot be parsed",
    server: "smtp",
    script: `
      ${READY}
      C: 
      ${INVALID}
      C: MAIL\\rx
      ${INVALID}
      C:  NOOP
      ${INVALID}
      C: M4IL
      ${INVALID}
      C: NO\\0OP
      ${INVALID}
    `,
  },
  {
    title: "words that nobody counts",
    server: "smtpWords",
    script: `
      ${READY}
      C: VRFY joe
      ${INVALID}
      C: EXPN list
      ${INVALID}
      C: HELP
      ${INVALID}
      C: STARTTLS
      ${INVALID}
      C: AUTH GSSAPI
      ${INVALID}
      C: AUTH CRAM-MD5
      ${INVALID}
      C: AUTH PLAIN x y
      ${INVALID}
      ${BYE}
    `,
  },
  {
    title: "eleven words and twelve",
    server: "smtp",
    script: `
      ${READY}
      C: NOOP${" x".repeat(11)}
      ${OK}
      C: NOOP${" x".repeat(12)}
      ${INVALID}
      C: NOOP \\0
      ${OK}
      C: NOOP\\n\\
      ${OK}
      ${BYE}
    `,
  },
  {
    title: "a command as long as the buffer, and a longer one",
    server: "smtpSmall",
    isPipelined: false,
    script: `
      ${READY}
      C: NOOP ${"x".repeat(57)}
      ${OK}
      C: NOOP ${"x".repeat(59)}\\
      ${INVALID}
    `,
  },
  {
    title: "AUTH PLAIN",
    server: "smtp",
    script: `
      ${READY}
      ${EHLO}
      C: AUTH PLAIN
      S: 334 \\r\\n\\
      C: AGpvZQBzM2NyZXQ=
      ${IN}
    `,
  },
  {
    title: "AUTH PLAIN with an initial response, behind HELO",
    server: "smtp",
    script: `
      ${READY}
      C: HELO client.example
      S: 250 mail.example.com
      C: auth plain AGpvZQBzM2NyZXQ=
      ${IN}
    `,
  },
  {
    title: "AUTH LOGIN",
    server: "smtp",
    script: `
      ${READY}
      ${EHLO}
      C: AUTH LOGIN
      S: 334 VXNlcm5hbWU6
      C: am9l
      S: 334 UGFzc3dvcmQ6
      C: czNjcmV0
      ${IN}
    `,
  },
  {
    title: "AUTH LOGIN with an initial response, after EHLO was said and HELO again",
    server: "smtp",
    script: `
      ${READY}
      ${EHLO}
      C: HELO other.example
      S: 250 mail.example.com
      C: AUTH LOGIN am9l
      S: 334 UGFzc3dvcmQ6
      C: czNjcmV0
      ${IN}
    `,
  },
  {
    title: "AUTH before HELO",
    server: "smtp",
    upstream: ["220 up\r\n", "250 up\r\n", "250 up\r\n", parrot],
    script: `
      ${READY}
      C: AUTH PLAIN AGpvZQBzM2NyZXQ=
      ${IN}
    `,
  },
  {
    title: "responses that are none",
    server: "smtpWords",
    script: `
      ${READY}
      C: AUTH LOGIN
      S: 334 VXNlcm5hbWU6
      C: *
      ${INVALID}
      C: AUTH PLAIN
      S: 334 \\r\\n\\
      C: AGpvZQ
      ${INVALID}
      C: AUTH PLAIN =
      ${INVALID}
      ${BYE}
    `,
  },
  {
    title: "a NUL in a password",
    server: "smtp",
    differs: ["nul"],
    script: `
      ${READY}
      ${EHLO}
      C: AUTH PLAIN AGpvZQBzAGM
      nginx: 235 2.0.0 OK
      postern: 500 5.5.1 Invalid command
      C: bye
      nginx: bye
      postern: 500 5.5.1 Invalid command
      C: QUIT
      postern: 221 2.0.0 Bye
    `,
  },
  {
    title: "a greeting held back",
    server: "smtpDelayed",
    isPipelined: false,
    script: `
      ${READY}
      ${BYE}
    `,
  },
  {
    title: "a client that does not wait for the greeting",
    server: "smtpDelayed",
    isPipelined: false,
    script: `
      C: EHLO client.example
      S: 503 5.5.0 Improper use of SMTP command pipelining
    `,
  },
  {
    title: "a client that says nothing",
    server: "smtpHasty",
    isPipelined: false,
    script: READY,
  },
];
