import { type Dialogue, parrot } from "./dialogue.ts";

/** The upstream hears a PROXY header first. */
const UPSTREAM = ["", "* OK ready\r\n", "+ OK\r\n", "+ OK\r\n", "a OK logged in\r\n", parrot];

const IN = `
  S: * OK IMAP4 ready
  C: a LOGIN joe s3cret
  S: a OK logged in
  C: b bye
  S: b bye
`;

const SMTP_IN = `
  S: 220 mail.example.com ESMTP ready
  C: EHLO client.example
  S: 250-mail.example.com
  S: 250 AUTH PLAIN LOGIN
  C: AUTH PLAIN AGpvZQBzM2NyZXQ=
  S: 235 2.0.0 OK
  C: bye
  S: bye
`;

/** The signature, version 2, PROXY, TCP over IPv4, twelve octets of addresses: 198.51.100.7:4001 to 192.0.2.9:143. */
const V2 = "\\r\\n\\r\\n\\0\\r\\nQUIT\\n\\x21\\x11\\0\\x0c\\xc6\\x33\\x64\\x07\\xc0\\0\\x02\\x09\\x0f\\xa1\\0\\x8f\\";

/** PROXY headers from the client's side and to the upstream. */
export const PROXY_PROTOCOL: readonly Dialogue[] = [
  {
    title: "version 1, from somebody who is trusted",
    server: "imapBehind",
    isPipelined: false,
    upstream: UPSTREAM,
    script: `
      C: PROXY TCP4 198.51.100.7 192.0.2.9 4001 143
      ${IN}
    `,
  },
  {
    title: "version 1, from somebody who is not",
    server: "smtpBehindStrangers",
    isPipelined: false,
    script: `
      C: PROXY TCP4 198.51.100.7 192.0.2.9 4001 25
      ${SMTP_IN}
    `,
  },
  {
    title: "version 1 without addresses",
    server: "smtpBehind",
    isPipelined: false,
    script: `
      C: PROXY UNKNOWN 1 2 3
      ${SMTP_IN}
    `,
  },
  {
    title: "version 1 over IPv6",
    server: "imapBehind",
    isPipelined: false,
    upstream: UPSTREAM,
    script: `
      C: PROXY TCP6 2001:db8::7 2001:db8::9 4001 143
      S: * OK IMAP4 ready
      C: a LOGOUT
      S: * BYE
      S: a OK completed
    `,
  },
  {
    title: "version 2",
    server: "imapBehind",
    isPipelined: false,
    upstream: UPSTREAM,
    script: `
      C: ${V2}
      ${IN}
    `,
  },
  {
    title: "an address in XCLIENT",
    server: "smtpBehind",
    isPipelined: false,
    script: `
      C: PROXY TCP4 198.51.100.7 192.0.2.9 4001 25
      ${SMTP_IN}
    `,
  },
  {
    title: "an IPv6 address in XCLIENT",
    server: "smtpBehind",
    isPipelined: false,
    script: `
      C: PROXY TCP6 2001:db8::7 2001:db8::9 4001 25
      ${SMTP_IN}
    `,
  },
];
