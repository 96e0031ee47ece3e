import type { Dialogue } from "./dialogue.ts";

const READY = "S: +OK POP3 ready";
const ERR = "S: -ERR invalid command";
const BYE = `
  C: QUIT
  S: +OK
`;

/** A login that goes through, and what is said behind it. */
const IN = `
  S: +OK mailbox open
  C: bye
  S: bye
`;

/** The ways to log in with POP3. */
export const POP3_LOGIN: readonly Dialogue[] = [
  {
    title: "USER and PASS with blanks",
    server: "pop3",
    script: `
      ${READY}
      C: user   jo e \\
      C: 
      S: +OK
      C: PASS  s3 cret  \\
      C: 
      ${IN}
    `,
  },
  {
    title: "USER and PASS with octets that need escaping on the way to the auth server",
    server: "pop3",
    script: `
      ${READY}
      C: USER jo\\xe9\\x01
      S: +OK
      C: PASS %41\\x7f\\xff
      ${IN}
    `,
  },
  {
    title: "a pipeline through the login",
    server: "pop3",
    script: `
      ${READY}
      C: USER joe
      C: PASS s3cret
      C: STAT
      C: bye
      S: +OK
      S: +OK mailbox open
      S: STAT
      S: bye
    `,
  },
  {
    title: "AUTH PLAIN",
    server: "pop3",
    script: `
      ${READY}
      C: AUTH PLAIN
      S: + \\r\\n\\
      C: AGpvZQBzM2NyZXQ=
      ${IN}
    `,
  },
  {
    title: "AUTH PLAIN with an initial response",
    server: "pop3",
    script: `
      ${READY}
      C: AUTH plain AGpvZQBzM2NyZXQ=
      ${IN}
    `,
  },
  {
    title: "AUTH LOGIN",
    server: "pop3",
    script: `
      ${READY}
      C: auth login
      S: + VXNlcm5hbWU6
      C: am9l
      S: + UGFzc3dvcmQ6
      C: czNjcmV0
      ${IN}
    `,
  },
  {
    title: "responses that are none",
    server: "pop3",
    script: `
      ${READY}
      C: AUTH PLAIN
      S: + \\r\\n\\
      C: *
      ${ERR}
      C: AUTH LOGIN
      S: + VXNlcm5hbWU6
      C: am9l
      S: + UGFzc3dvcmQ6
      C: *
      ${ERR}
      C: AUTH PLAIN =
      ${ERR}
      ${BYE}
    `,
  },
  {
    title: "APOP and CRAM-MD5 announced",
    server: "pop3Digest",
    script: `
      S: +OK POP3 ready SALT
      C: CAPA
      S: +OK Capability list follows
      S: TOP
      S: USER
      S: UIDL
      S: SASL CRAM-MD5
      S: .
      C: AUTH
      S: +OK methods supported:
      S: CRAM-MD5
      S: .
      C: APOP joe
      ${ERR}
      C: AUTH CRAM-MD5
      S: + SALT
      C: *
      ${ERR}
      ${BYE}
    `,
  },
  {
    title: "APOP",
    server: "pop3Digest",
    script: `
      S: +OK POP3 ready SALT
      C: APOP joe 0123456789abcdef0123456789abcdef
      ${IN}
    `,
    auth: ["Auth-Status: OK\r\nAuth-Server: 127.0.0.1\r\nAuth-Port: PORT\r\nAuth-Pass: clear\r\n"],
  },
  {
    title: "a NUL in a password",
    server: "pop3",
    differs: ["nul"],
    script: `
      ${READY}
      C: USER joe
      S: +OK
      C: PASS s3\\0cret
      nginx: +OK mailbox open
      postern: -ERR invalid command
      C: bye
      nginx: bye
      postern: -ERR invalid command
      C: QUIT
      postern: +OK
    `,
  },
  {
    title: "a line break that base64 hides",
    server: "pop3",
    differs: ["pop3-line-break"],
    nginxSays: ["USER joe\r\nDELE 1\r\n"],
    script: `
      ${READY}
      C: AUTH PLAIN AGpvZQ0KREVMRSAxAHMzY3JldA==
      nginx: +OK mailbox open
      postern: -ERR invalid command
      C: bye
      nginx: bye
      postern: -ERR invalid command
      C: QUIT
      postern: +OK
    `,
  },
];
