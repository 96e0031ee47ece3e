import type { Dialogue } from "./dialogue.ts";

const BYE = `
  C: z LOGOUT
  S: * BYE
  S: z OK completed
`;

/** A login that goes through, and what is said behind it. */
const IN = `
  S: a OK logged in
  C: b bye
  S: b bye
`;

const BAD = "S: a BAD invalid command";

/** IMAP before the login: commands, their forms, their limits. */
export const IMAP: readonly Dialogue[] = [
  {
    title: "every command",
    server: "imap",
    differs: ["sasl-ir"],
    script: `
      S: * OK IMAP4 ready
      C: a1 NOOP
      S: a1 OK completed
      C: A.b-c_2 capability ignored arguments
      nginx: * CAPABILITY IMAP4 IMAP4rev1 UIDPLUS AUTH=PLAIN
      postern: * CAPABILITY IMAP4 IMAP4rev1 UIDPLUS AUTH=PLAIN SASL-IR
      S: A.b-c_2 OK completed
      C: x   nOoP   \\
      C: 
      S: x OK completed
      C: x2 NOOP one two three
      S: x2 OK completed
      C:  NOOP
      S:  OK completed
      C: a3 LOGOUT now
      S: * BYE
      S: a3 OK completed
    `,
  },
  {
    title: "line ends",
    server: "imap",
    script: `
      S: * OK IMAP4 ready
      C: a1 NOOP\\n\\
      S: a1 OK completed
      C: a2 NOOP\\r\\
      C: \\n\\
      S: a2 OK completed
      C: a3 LOGOUT\\n\\
      S: * BYE
      S: a3 OK completed
    `,
  },
  {
    title: "configured capabilities, and max_errors counting what cannot be parsed",
    server: "imapWords",
    differs: ["sasl-ir"],
    script: `
      S: * OK IMAP4 ready
      C: a CAPABILITY
      nginx: * CAPABILITY IMAP4rev1 ID X y AUTH=PLAIN AUTH=LOGIN
      postern: * CAPABILITY IMAP4rev1 ID X y AUTH=PLAIN AUTH=LOGIN SASL-IR
      S: a OK completed
      C: a X
      ${BAD}
      C: a LOGIN x
      ${BAD}
      C: a STARTTLS
      ${BAD}
      C: b X
      C: c NOOP
      S: b BAD invalid command
    `,
  },
  {
    title: "max_errors 0 as 1",
    server: "imapNoPlain",
    differs: ["sasl-ir"],
    script: `
      S: * OK IMAP4 ready
      C: a CAPABILITY
      nginx: * CAPABILITY IMAP4 IMAP4rev1 UIDPLUS AUTH=LOGIN
      postern: * CAPABILITY IMAP4 IMAP4rev1 UIDPLUS AUTH=LOGIN SASL-IR
      S: a OK completed
      C: a X
      ${BAD}
    `,
  },
  {
    title: "ID",
    server: "imap",
    differs: ["imap-id"],
    script: `
      S: * OK IMAP4 ready
      C: a ID NIL
      nginx: a BAD invalid command
      postern: * ID NIL
      postern: a OK completed
      ${BYE}
    `,
  },
  {
    title: "unknown words and no words",
    server: "imap",
    script: `
      S: * OK IMAP4 ready
      C: a FETCH 1 (FLAGS)
      ${BAD}
      C: a NO-OP
      ${BAD}
      C: a
      S: * BAD invalid command
      C: a   \\
      C: 
      ${BAD}
      ${BYE}
    `,
  },
  {
    title: "tags",
    server: "imap",
    script: `
      S: * OK IMAP4 ready
      C: a+ NOOP
      S: * BAD invalid command
      C: ${"t".repeat(33)} NOOP
      S: * BAD invalid command
      C: ${"t".repeat(32)} NOOP
      S: ${"t".repeat(32)} OK completed
      C: 
      S: * BAD invalid command
      C: a\\rb NOOP
      S: * BAD invalid command
      ${BYE}
    `,
  },
  {
    title: "bare CR",
    server: "imap",
    script: `
      S: * OK IMAP4 ready
      C: a NOOP\\rb
      ${BAD}
      C: a NOOP \\r\\r
      ${BAD}
      C: a LOGIN joe "s\\\\\\r
      ${BAD}
      ${BYE}
    `,
  },
  {
    title: "binary",
    server: "imap",
    script: `
      S: * OK IMAP4 ready
      C: \\x80\\xff\\0\\x01
      S: * BAD invalid command
      C: a\\0 NOOP
      S: * BAD invalid command
      C: a NOOP\\0
      ${BAD}
      C: a NOOP \\0
      S: a OK completed
      ${BYE}
    `,
  },
  {
    title: "bad arguments",
    server: "imap",
    script: `
      S: * OK IMAP4 ready
      C: a LOGIN a b c d
      ${BAD}
      C: a LOGIN "joe s3cret
      ${BAD}
      C: a LOGIN "joe\\\\
      ${BAD}
      C: a LOGIN {1x}
      ${BAD}
      ${BYE}
    `,
  },
  {
    title: "commands out of place, which nobody counts",
    server: "imap",
    script: `
      S: * OK IMAP4 ready
      C: a LOGIN
      ${BAD}
      C: a LOGIN joe
      ${BAD}
      C: a LOGIN "" s3cret
      ${BAD}
      C: a LOGIN joe s3cret more
      ${BAD}
      C: a AUTHENTICATE
      ${BAD}
      C: a AUTHENTICATE GSSAPI
      ${BAD}
      C: a AUTHENTICATE PLAIN x y
      ${BAD}
      C: a STARTTLS
      ${BAD}
      ${BYE}
    `,
  },
  {
    title: "too many errors",
    server: "imap",
    script: `
      S: * OK IMAP4 ready
      C: a X
      C: b X
      C: c X
      C: d X
      S: a BAD invalid command
      S: b BAD invalid command
      S: c BAD invalid command
      S: d BAD invalid command
      C: e X
      S: e BAD invalid command
    `,
  },
  {
    title: "an invalid command with a literal behind it",
    server: "imap",
    isPipelined: false,
    script: `
      S: * OK IMAP4 ready
      C: a APPEND x {5+}
      ${BAD}
    `,
  },
  {
    title: "a command as long as the buffer",
    server: "imapSmall",
    isPipelined: false,
    script: `
      S: * OK IMAP4 ready
      C: a LOGIN ${"x".repeat(52)} y
      ${IN}
    `,
  },
  {
    title: "a command longer than the buffer",
    server: "imapSmall",
    isPipelined: false,
    script: `
      S: * OK IMAP4 ready
      C: a NOOP ${"x".repeat(57)}\\
      ${BAD}
    `,
  },
  {
    title: "a literal counted against the buffer",
    server: "imapSmall",
    isPipelined: false,
    script: `
      S: * OK IMAP4 ready
      C: a LOGIN {45}
      S: + OK
      C: ${"x".repeat(45)} abcd\\
      ${BAD}
    `,
  },
  {
    title: "a pipeline longer than the buffer",
    server: "imapSmall",
    isPipelined: false,
    differs: ["crossing-pipeline"],
    script: `
      S: * OK IMAP4 ready
      C: a NOOP xxxxxxxxxxxxxx
      C: b NOOP xxxxxxxxxxxxxx
      C: c NOOP xxxxxxxxxxx\\
      S: a OK completed
      S: b OK completed
      nginx: c BAD invalid command
      C: 
      C: z LOGOUT
      postern: c OK completed
      postern: * BYE
      postern: z OK completed
    `,
  },
  {
    title: "a client that says nothing",
    server: "imapHasty",
    isPipelined: false,
    script: "S: * OK IMAP4 ready",
  },
];
