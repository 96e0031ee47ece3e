import type { Dialogue } from "./dialogue.ts";

const IN = `
  S: a OK logged in
  C: b bye
  S: b bye
`;

const BYE = `
  C: z LOGOUT
  S: * BYE
  S: z OK completed
`;

/** SASL, as IMAP has it; what it is in the other protocols stands with them. */
export const SASL: readonly Dialogue[] = [
  {
    title: "PLAIN",
    server: "imap",
    script: `
      S: * OK IMAP4 ready
      C: a authenticate plain
      S: + \\r\\n\\
      C: AGpvZQBzM2NyZXQ=
      ${IN}
    `,
  },
  {
    title: "PLAIN with an initial response, an authzid, and quotes",
    server: "imap",
    script: `
      S: * OK IMAP4 ready
      C: a AUTHENTICATE "PLAIN" "anVuawBqb2UAczNjcmV0"
      ${IN}
    `,
  },
  {
    title: "PLAIN with neither a name nor a password, not padded",
    server: "imap",
    script: `
      S: * OK IMAP4 ready
      C: a AUTHENTICATE PLAIN AAA
      ${IN}
    `,
  },
  {
    title: "PLAIN where it is not announced",
    server: "imapNoPlain",
    script: `
      S: * OK IMAP4 ready
      C: a AUTHENTICATE PLAIN AGpvZQBzM2NyZXQ=
      ${IN}
    `,
  },
  {
    title: "LOGIN",
    server: "imap",
    script: `
      S: * OK IMAP4 ready
      C: a AUTHENTICATE LOGIN
      S: + VXNlcm5hbWU6
      C: am9l
      S: + UGFzc3dvcmQ6
      C: czNjcmV0
      ${IN}
    `,
  },
  {
    title: "LOGIN with an initial response, and words behind a response",
    server: "imap",
    script: `
      S: * OK IMAP4 ready
      C: a AUTHENTICATE login am9l
      S: + UGFzc3dvcmQ6
      C: czNjcmV0 more words
      ${IN}
    `,
  },
  {
    title: "LOGIN with empty answers",
    server: "imap",
    script: `
      S: * OK IMAP4 ready
      C: a AUTHENTICATE LOGIN
      S: + VXNlcm5hbWU6
      C: 
      S: + UGFzc3dvcmQ6
      C: 
      ${IN}
    `,
  },
  {
    title: "responses that are none, which nobody counts",
    server: "imapNoPlain",
    script: `
      S: * OK IMAP4 ready
      C: a AUTHENTICATE PLAIN
      S: + \\r\\n\\
      C: *
      S: a BAD invalid command
      C: b AUTHENTICATE PLAIN
      S: + \\r\\n\\
      C: AGpvZQBzM2NyZX!=
      S: b BAD invalid command
      C: c AUTHENTICATE PLAIN
      S: + \\r\\n\\
      C: AGpvZ
      S: c BAD invalid command
      C: d AUTHENTICATE PLAIN
      S: + \\r\\n\\
      C: am9l
      S: d BAD invalid command
      C: e AUTHENTICATE PLAIN
      S: + \\r\\n\\
      C: AGpvZQ
      S: e BAD invalid command
      C: f AUTHENTICATE PLAIN
      S: + \\r\\n\\
      C: 
      S: f BAD invalid command
      C: g AUTHENTICATE PLAIN =
      S: g BAD invalid command
      C: h AUTHENTICATE LOGIN !
      S: h BAD invalid command
      ${BYE}
    `,
  },
  {
    title: "a response in quotes or as a literal",
    server: "imap",
    script: `
      S: * OK IMAP4 ready
      C: a AUTHENTICATE PLAIN
      S: + \\r\\n\\
      C: "AGpvZQBzM2NyZXQ="
      S: a BAD invalid command
      C: b AUTHENTICATE PLAIN
      S: + \\r\\n\\
      C: {16+}
      S: b BAD invalid command
      C: AGpvZQBzM2NyZXQ=
      S: * BAD invalid command
      ${BYE}
    `,
  },
  {
    title: "a response with a CR behind its padding",
    server: "imap",
    script: `
      S: * OK IMAP4 ready
      C: a AUTHENTICATE PLAIN
      S: + \\r\\n\\
      C: AGpvZQBzM2NyZXQ=\\r\\r\\n\\
      S: a BAD invalid command
      ${BYE}
    `,
  },
  {
    title: "a response behind a blank",
    server: "imap",
    differs: ["sasl-blanks"],
    script: `
      S: * OK IMAP4 ready
      C: a AUTHENTICATE PLAIN
      S: + \\r\\n\\
      C:  AGpvZQBzM2NyZXQ=
      nginx: a BAD invalid command
      postern: a OK logged in
      C: bye
      nginx: * BAD invalid command
      postern: bye
      C: z LOGOUT
      nginx: * BYE
      nginx: z OK completed
    `,
  },
  {
    title: "a cancelled LOGIN",
    server: "imap",
    differs: ["lost-tag"],
    script: `
      S: * OK IMAP4 ready
      C: a AUTHENTICATE LOGIN
      S: + VXNlcm5hbWU6
      C: *
      nginx: BAD invalid command
      postern: a BAD invalid command
      ${BYE}
    `,
  },
  {
    title: "a NUL in a PLAIN password",
    server: "imap",
    differs: ["nul"],
    script: `
      S: * OK IMAP4 ready
      C: a AUTHENTICATE PLAIN AGpvZQBzAGM
      nginx: a OK logged in
      postern: a BAD invalid command
      C: bye
      nginx: bye
      postern: * BAD invalid command
      C: z LOGOUT
      postern: * BYE
      postern: z OK completed
    `,
  },
  {
    title: "CRAM-MD5",
    server: "imapDigest",
    differs: ["sasl-ir"],
    script: `
      S: * OK IMAP4 ready
      C: x CAPABILITY
      nginx: * CAPABILITY IMAP4 IMAP4rev1 UIDPLUS AUTH=CRAM-MD5 AUTH=EXTERNAL
      postern: * CAPABILITY IMAP4 IMAP4rev1 UIDPLUS AUTH=CRAM-MD5 AUTH=EXTERNAL SASL-IR
      S: x OK completed
      C: a AUTHENTICATE CRAM-MD5
      S: + SALT
      C: am9lIDAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVm
      ${IN}
    `,
    auth: ["Auth-Status: OK\r\nAuth-Server: 127.0.0.1\r\nAuth-Port: PORT\r\nAuth-Pass: clear\r\n"],
  },
  {
    title: "CRAM-MD5 without a password for the upstream",
    server: "imapDigest",
    script: `
      S: * OK IMAP4 ready
      C: a AUTHENTICATE CRAM-MD5
      S: + SALT
      C: am9lIDAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVm
      internal error
    `,
  },
  {
    title: "CRAM-MD5 with bad responses",
    server: "imapDigest",
    script: `
      S: * OK IMAP4 ready
      C: a AUTHENTICATE CRAM-MD5 am9l
      S: a BAD invalid command
      C: b AUTHENTICATE CRAM-MD5
      S: + SALT
      C: am9l
      S: b BAD invalid command
      C: c AUTHENTICATE CRAM-MD5
      S: + SALT
      C: am9lIDAxMjM=
      S: c BAD invalid command
      ${BYE}
    `,
  },
  {
    title: "CRAM-MD5 and EXTERNAL where they are not enabled",
    server: "imap",
    script: `
      S: * OK IMAP4 ready
      C: a AUTHENTICATE CRAM-MD5
      S: a BAD invalid command
      C: b AUTHENTICATE EXTERNAL
      S: b BAD invalid command
      ${BYE}
    `,
  },
  {
    title: "EXTERNAL",
    server: "imapDigest",
    script: `
      S: * OK IMAP4 ready
      C: a AUTHENTICATE EXTERNAL
      S: + VXNlcm5hbWU6
      C: am9l
      ${IN}
    `,
    auth: ["Auth-Status: OK\r\nAuth-Server: 127.0.0.1\r\nAuth-Port: PORT\r\nAuth-Pass: clear\r\n"],
  },
  {
    title: "EXTERNAL with an initial response where it is not enabled",
    server: "imap",
    differs: ["external-gate"],
    script: `
      S: * OK IMAP4 ready
      C: a AUTHENTICATE EXTERNAL am9l
      nginx: a OK logged in
      postern: a BAD invalid command
      C: bye
      nginx: bye
      postern: * BAD invalid command
      C: z LOGOUT
      postern: * BYE
      postern: z OK completed
    `,
    auth: ["Auth-Status: OK\r\nAuth-Server: 127.0.0.1\r\nAuth-Port: PORT\r\nAuth-Pass: clear\r\n"],
  },
];
