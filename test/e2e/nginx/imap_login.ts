import type { Dialogue } from "./dialogue.ts";

/** A login that goes through, and what is said behind it. */
const IN = `
  S: a OK logged in
  C: b bye
  S: b bye
`;

/** The arguments of LOGIN, in every form they can have. */
export const IMAP_LOGIN: readonly Dialogue[] = [
  {
    title: "LOGIN with atoms",
    server: "imap",
    script: `
      S: * OK IMAP4 ready
      C: a LOGIN    j"oe    s3\\\\cr"et   \\
      C: 
      ${IN}
    `,
  },
  {
    title: "LOGIN with quoted strings",
    server: "imap",
    script: `
      S: * OK IMAP4 ready
      C: a LOGIN "jo e" "s3\\\\"cr\\\\\\\\e\\\\t"
      ${IN}
    `,
  },
  {
    title: "LOGIN with no blank behind a quoted string",
    server: "imap",
    script: `
      S: * OK IMAP4 ready
      C: a login "joe"s3cret
      ${IN}
    `,
  },
  {
    title: "LOGIN with an empty quoted password",
    server: "imap",
    script: `
      S: * OK IMAP4 ready
      C: a LOGIN joe ""
      ${IN}
    `,
  },
  {
    title: "LOGIN with octets that need escaping on the way to the auth server",
    server: "imap",
    script: `
      S: * OK IMAP4 ready
      C: a LOGIN jo\\xe9%+&\\x01 "\\xff\\x7f %41\\t"
      ${IN}
    `,
  },
  {
    title: "LOGIN with literals",
    server: "imap",
    script: `
      S: * OK IMAP4 ready
      C: a LOGIN {3}
      S: + OK
      C: joe {6}
      S: + OK
      C: s3cret
      ${IN}
    `,
  },
  {
    title: "LOGIN with a literal that is a line end",
    server: "imap",
    script: `
      S: * OK IMAP4 ready
      C: a LOGIN joe {2}
      S: + OK
      C: \\r\\n
      ${IN}
    `,
  },
  {
    title: "LOGIN with literals sent without waiting, and a pipeline behind",
    server: "imap",
    script: `
      S: * OK IMAP4 ready
      C: x NOOP
      C: a LOGIN {3+}
      C: joe {6+}
      C: s3cret
      C: b SELECT INBOX
      C: c bye
      S: x OK completed
      S: a OK logged in
      S: b SELECT INBOX
      S: c bye
    `,
  },
  {
    title: "LOGIN with a literal and a quoted string, and braces in an atom",
    server: "imap",
    script: `
      S: * OK IMAP4 ready
      C: x LOGIN jo{3} {1}\\x20
      S: x BAD invalid command
      C: a LOGIN {4+}
      C: j{3} "s3 cret"
      ${IN}
    `,
  },
  {
    title: "an empty literal",
    server: "imap",
    differs: ["empty-literal"],
    nginxSays: ["Auth-Pass: %0D\r\n", "joe {1}\r\n\r\r\n"],
    posternSays: ["Auth-Pass: \r\n", "joe {0}\r\n\r\n"],
    script: `
      S: * OK IMAP4 ready
      C: a LOGIN joe {0}
      S: + OK
      C: 
      ${IN}
    `,
  },
  {
    title: "a literal without a size",
    server: "imap",
    isPipelined: false,
    differs: ["empty-literal"],
    script: `
      S: * OK IMAP4 ready
      C: a LOGIN {}
      nginx: + OK
      postern: a BAD invalid command
      C: z LOGOUT
      nginx: a OK logged in
      postern: * BYE
      postern: z OK completed
      C: bye
      nginx: bye
    `,
  },
  {
    title: "a literal that runs into text",
    server: "imap",
    differs: ["strict-literal"],
    nginxSays: ["Auth-Pass: 3cret\r\n"],
    script: `
      S: * OK IMAP4 ready
      C: a LOGIN {3+}
      C: joes3cret
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
    title: "a literal that is larger than the buffer",
    server: "imapSmall",
    isPipelined: false,
    differs: ["literal-bound"],
    script: `
      S: * OK IMAP4 ready
      C: a LOGIN {60}
      nginx: + OK
      postern: a BAD invalid command
      C: ${"x".repeat(50)}\\
      nginx: a BAD invalid command
      C: 
      C: z LOGOUT
      postern: * BAD invalid command
      postern: * BYE
      postern: z OK completed
    `,
  },
  {
    title: "a NUL in a password",
    server: "imap",
    differs: ["nul"],
    nginxSays: ["Auth-Pass: s3%00cret\r\n"],
    script: `
      S: * OK IMAP4 ready
      C: a LOGIN joe s3\\0cret
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
];
