import type { Dialogue } from "./dialogue.ts";

const READY = "S: +OK POP3 ready";
const ERR = "S: -ERR invalid command";
const BYE = `
  C: QUIT
  S: +OK
`;

const CAPA = `
  C: CAPA
  S: +OK Capability list follows
  S: TOP
  S: USER
  S: UIDL
  S: SASL PLAIN LOGIN
  S: .
`;

/** POP3 before the login. */
export const POP3: readonly Dialogue[] = [
  {
    title: "every command",
    server: "pop3",
    script: `
      ${READY}
      C: noop
      S: +OK
      C: NOOP 1 2 3
      S: +OK
      ${CAPA}
      C: auth
      S: +OK methods supported:
      S: PLAIN
      S: LOGIN
      S: .
      C: QUIT now
      S: +OK
    `,
  },
  {
    title: "behind USER",
    server: "pop3",
    script: `
      ${READY}
      C: USER joe
      S: +OK
      C: NOOP
      S: +OK
      ${CAPA}
      C: USER other
      ${ERR}
      C: PASS s3cret
      ${ERR}
      C: USER joe
      S: +OK
      C: AUTH PLAIN
      ${ERR}
      C: USER joe
      S: +OK
      C: STAT
      ${ERR}
      C: PASS s3cret
      ${ERR}
      C: USER joe
      S: +OK
      ${BYE}
    `,
    isPipelined: false,
  },
  {
    title: "what is not enabled, behind USER and before it",
    server: "pop3",
    script: `
      ${READY}
      C: USER joe
      S: +OK
      C: APOP joe 0123456789abcdef0123456789abcdef
      ${ERR}
      C: USER joe
      S: +OK
      C: STLS
      ${ERR}
      C: STLS
      ${ERR}
      C: AUTH CRAM-MD5
      ${ERR}
      ${BYE}
    `,
  },
  {
    title: "configured capabilities, and max_errors counting what cannot be parsed",
    server: "pop3Words",
    script: `
      ${READY}
      C: CAPA
      S: +OK Capability list follows
      S: TOP
      S: UIDL
      S: PIPELINING
      S: SASL PLAIN LOGIN
      S: .
      C: PASS x
      ${ERR}
      C: USER
      ${ERR}
      C: APOP x
      ${ERR}
      C: STLS
      ${ERR}
      C: STAT
      ${ERR}
    `,
  },
  {
    title: "unknown words",
    server: "pop3",
    script: `
      ${READY}
      C: STAT
      ${ERR}
      C: LIST 1
      ${ERR}
      C: 
      ${ERR}
      C:  NOOP
      ${ERR}
      ${BYE}
    `,
  },
  {
    title: "characters that are no letters",
    server: "pop3",
    script: `
      ${READY}
      C: NO-OP
      ${ERR}
      C: N\\0OP
      ${ERR}
      C: NOOP \\0
      S: +OK
      C: \\xff\\xfe
      ${ERR}
      C: NOOP1
      ${ERR}
      ${BYE}
    `,
  },
  {
    title: "bare CR and bare LF",
    server: "pop3",
    script: `
      ${READY}
      C: QUIT\\rx
      ${ERR}
      C: USER jo\\re
      ${ERR}
      C: NOOP\\r\\r
      ${ERR}
      C: NOOP\\n\\
      S: +OK
      C: QUIT\\n\\
      S: +OK
    `,
  },
  {
    title: "commands out of place, which nobody counts",
    server: "pop3",
    script: `
      ${READY}
      C: PASS s3cret
      ${ERR}
      C: USER   \\
      C: 
      ${ERR}
      C: USER joe
      S: +OK
      C: PASS
      ${ERR}
      C: AUTH GSSAPI
      ${ERR}
      C: AUTH PLAIN x y
      ${ERR}
      ${BYE}
    `,
  },
  {
    title: "too many words",
    server: "pop3",
    script: `
      ${READY}
      C: AUTH a b c d
      ${ERR}
      C: NOOP 1 2 3 4
      ${ERR}
      ${BYE}
    `,
  },
  {
    title: "a name of 130 octets",
    server: "pop3",
    isPipelined: false,
    differs: ["pop3-buffer"],
    script: `
      ${READY}
      C: USER ${"x".repeat(123)}\\
      nginx: -ERR invalid command
      C: xxxxxxx
      C: QUIT
      postern: +OK
      postern: +OK
    `,
  },
  {
    title: "a pipeline of more than 128 octets",
    server: "pop3",
    differs: ["crossing-pipeline"],
    isPipelined: false,
    script: `
      ${READY}
      C: NOOP ${"x".repeat(50)}
      C: NOOP ${"y".repeat(50)}
      C: NOOP ${"z".repeat(9)}\\
      S: +OK
      S: +OK
      nginx: -ERR invalid command
      C: z
      C: QUIT
      postern: +OK
      postern: +OK
    `,
  },
  {
    title: "a client that says nothing",
    server: "pop3Hasty",
    isPipelined: false,
    script: READY,
  },
];
