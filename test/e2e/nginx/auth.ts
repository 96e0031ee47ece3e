import type { Dialogue } from "./dialogue.ts";

const HERE = "Auth-Server: 127.0.0.1\r\nAuth-Port: PORT\r\n";
const OK = `Auth-Status: OK\r\n${HERE}`;

const ASK = `
  S: * OK IMAP4 ready
  C: a LOGIN joe s3cret
`;

const IN = `${ASK}
  S: a OK logged in
  C: b bye
  S: b bye
`;

const FAILED = `${ASK}
  internal error
`;

/** In where nginx refuses. */
const BETTER = `${ASK}
  nginx: * BAD internal server error
  postern: a OK logged in
  C: b bye
  postern: b bye
`;

/** Refused where nginx lets in. */
const SAFER = `${ASK}
  nginx: a OK logged in
  postern: * BAD [UNAVAILABLE] internal server error
  C: b bye
  nginx: b bye
`;

/** What the auth server answers, and what comes of it. */
export const AUTH: readonly Dialogue[] = [
  { title: "configured headers, with a `$` in them", server: "imapHeaders", script: IN },
  {
    title: "a name and a password replaced, and not unescaped",
    server: "imap",
    auth: [`${OK}Auth-User: mary%20x\r\nAuth-Pass: o ther\r\n`],
    script: IN,
  },
  {
    title: "a name and a password replaced by nothing",
    server: "imap",
    auth: [`${OK}Auth-User:\r\nAuth-Pass:\r\n`],
    script: IN,
  },
  {
    title: "names of headers in any case, values between blanks, headers nobody knows",
    server: "imap",
    auth: ["auth-status:   OK  \r\nAUTH-SERVER:127.0.0.1\r\nauth-port: PORT\r\nX-1: y\r\nHello\r\nauth-wait: 5\r\n"],
    script: IN,
  },
  {
    title: "success by any other name",
    server: "imap",
    auth: ["Auth-Status: ok\r\n"],
    script: `${ASK}
      S: a NO ok
    `,
  },
  {
    title: "a refusal before and behind a success",
    server: "imap",
    auth: [`${OK}Auth-Status: Nope\r\n`],
    script: `${ASK}
      S: a NO Nope
    `,
  },
  {
    title: "a refusal with a status line that says so, too",
    server: "imap",
    auth: [{ octets: "HTTP/1.0 403 Forbidden\r\nAuth-Status: Not you, joe!\r\nAuth-Wait: soon\r\n\r\n" }],
    script: `${ASK}
      S: a NO Not you, joe!
    `,
  },
  {
    title: "a success with a status line that says otherwise",
    server: "imap",
    auth: [{ octets: `HTTP/1.0 403 Forbidden\r\n${OK}\r\n` }],
    script: IN,
  },
  {
    title: "a refusal held back, and another login",
    server: "imap",
    auth: ["Auth-Status: Wrong\r\nAuth-Wait: 1\r\n", OK],
    script: `${ASK}
      S: a NO Wrong
      C: b AUTHENTICATE PLAIN AGpvZQBvdGhlcg==
      S: b OK logged in
      C: c bye
      S: c bye
    `,
  },
  {
    title: "an empty line behind a refusal held back",
    server: "imap",
    auth: ["Auth-Status: Wrong\r\nAuth-Wait: 1\r\n"],
    isPipelined: false,
    differs: ["lost-tag"],
    script: `${ASK}
      S: a NO Wrong
      C: 
      nginx: \\r\\nBAD invalid command
      postern: * BAD invalid command
      C: z LOGOUT
      S: * BYE
      S: z OK completed
    `,
  },
  {
    title: "a refusal held back in POP3, and what it forgets",
    server: "pop3",
    auth: ["Auth-Status: Wrong\r\nAuth-Wait: 1\r\nAuth-Error-Code: 454\r\n", "Auth-Status: Again\r\n"],
    isPipelined: false,
    script: `
      S: +OK POP3 ready
      C: USER joe
      S: +OK
      C: PASS x
      S: -ERR Wrong
      C: PASS y
      S: -ERR invalid command
      C: USER joe
      S: +OK
      C: PASS x
      S: -ERR Again
    `,
  },
  {
    title: "the question asked again",
    server: "imap",
    auth: ["Auth-Status: WAIT\r\nAuth-Wait: 1\r\n", OK],
    isPipelined: false,
    script: IN,
  },
  {
    title: "reply codes for SMTP",
    server: "smtp",
    auth: ["Auth-Status: Later\r\nAuth-Error-Code: 451 4.3.0\r\n"],
    script: `
      S: 220 mail.example.com ESMTP ready
      C: AUTH PLAIN AGpvZQBzM2NyZXQ=
      S: 451 4.3.0 Later
    `,
  },
  {
    title: "a reply code that is no refusal",
    server: "smtp",
    auth: ["Auth-Status: Hm\r\nAuth-Error-Code: 235\r\n"],
    differs: ["error-code"],
    script: `
      S: 220 mail.example.com ESMTP ready
      C: AUTH PLAIN AGpvZQBzM2NyZXQ=
      nginx: 235 Hm
      postern: 535 5.7.0 Hm
    `,
  },
  {
    title: "an empty refusal",
    server: "imap",
    auth: ["Auth-Status:\r\n"],
    differs: ["empty-status"],
    script: `${ASK}
      nginx: a NO \\r\\n\\
      postern: a NO Authentication failed
    `,
  },
  {
    title: "an empty refusal in SMTP",
    server: "smtp",
    auth: [`Auth-Status:\r\n${HERE}`],
    differs: ["empty-status"],
    script: `
      S: 220 mail.example.com ESMTP ready
      C: EHLO client.example
      S: 250-mail.example.com
      S: 250 AUTH PLAIN LOGIN
      C: AUTH PLAIN AGpvZQBzM2NyZXQ=
      nginx: 235 2.0.0 OK
      postern: 535 5.7.0 Authentication failed
      C: bye
      nginx: bye
    `,
  },
  { title: "no status", server: "imap", auth: [HERE], differs: ["missing-status"], script: SAFER },
  {
    title: "a success under a server error",
    server: "imap",
    auth: [{ octets: `HTTP/1.0 503 Busy\r\n${OK}\r\n` }],
    differs: ["http-5xx"],
    script: SAFER,
  },
  { title: "no server", server: "imap", auth: ["Auth-Status: OK\r\nAuth-Port: PORT\r\n"], script: FAILED },
  { title: "no port", server: "imap", auth: ["Auth-Status: OK\r\nAuth-Server: 127.0.0.1\r\n"], script: FAILED },
  {
    title: "no address",
    server: "imap",
    auth: ["Auth-Status: OK\r\nAuth-Server: 300.1.1.1\r\nAuth-Port: PORT\r\n"],
    script: FAILED,
  },
  {
    title: "an address with brackets",
    server: "imap",
    auth: ["Auth-Status: OK\r\nAuth-Server: [127.0.0.1]\r\nAuth-Port: PORT\r\n"],
    script: FAILED,
  },
  {
    title: "a port that is none",
    server: "imap",
    auth: ["Auth-Status: OK\r\nAuth-Server: 127.0.0.1\r\nAuth-Port: imap\r\n"],
    script: FAILED,
  },
  {
    title: "a port that is too high",
    server: "imap",
    auth: ["Auth-Status: OK\r\nAuth-Server: 127.0.0.1\r\nAuth-Port: 65536\r\n"],
    script: FAILED,
  },
  {
    title: "port 0, in POP3",
    server: "pop3",
    auth: ["Auth-Status: OK\r\nAuth-Server: 127.0.0.1\r\nAuth-Port: 0\r\n"],
    script: `
      S: +OK POP3 ready
      C: USER joe
      S: +OK
      C: PASS s3cret
      internal error
    `,
  },
  {
    title: "the name of a server",
    server: "imap",
    auth: ["Auth-Status: OK\r\nAuth-Server: localhost\r\nAuth-Port: PORT\r\n"],
    differs: ["server-name"],
    script: BETTER,
  },
  {
    title: "lines that end in LF",
    server: "imap",
    auth: [{ octets: `HTTP/1.0 200 OK\n${OK.replaceAll("\r", "")}\n` }],
    script: IN,
  },
  { title: "no status line", server: "imap", auth: [{ octets: `${OK}\r\n` }], script: IN },
  {
    title: "a body",
    server: "imap",
    auth: [{ octets: `HTTP/1.1 200 OK\r\nContent-Length: 4\r\n${OK}\r\nbody` }],
    script: IN,
  },
  {
    title: "an interim answer",
    server: "imap",
    auth: [{ octets: `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n${OK}\r\n` }],
    differs: ["interim-response"],
    script: BETTER,
  },
  {
    title: "a head of more than 1024 octets",
    server: "imapHasty",
    isPipelined: false,
    auth: [`X-Pad: ${"x".repeat(1100)}\r\n${OK}`],
    differs: ["long-head"],
    script: BETTER,
  },
  { title: "a header with an underscore", server: "imap", auth: [`X_Y: z\r\n${OK}`], script: FAILED },
  { title: "a folded header", server: "imap", auth: [`${OK}X-Y: z\r\n  z\r\n`], script: FAILED },
  { title: "garbage", server: "imap", auth: [{ octets: "garbage!\r\n\r\n" }], script: FAILED },
  { title: "a status line that is none", server: "imap", auth: [{ octets: "HTTP/x 200 OK\r\n\r\n" }], script: FAILED },
  {
    title: "half a head, then the end",
    server: "imapHasty",
    isPipelined: false,
    auth: [{ octets: `HTTP/1.0 200 OK\r\n${OK}` }],
    script: FAILED,
  },
  { title: "nothing but the end", server: "imapHasty", isPipelined: false, auth: [{ octets: "" }], script: FAILED },
  {
    title: "no answer, in POP3",
    server: "pop3Slow",
    isPipelined: false,
    auth: [{ octets: "", isHeld: true }],
    script: `
      S: +OK POP3 ready
      C: USER joe
      S: +OK
      C: PASS s3cret
      internal error
    `,
  },
  {
    title: "no answer, in SMTP",
    server: "smtpSlow",
    isPipelined: false,
    auth: [{ octets: "HTTP/1.0 200 OK\r\n", isHeld: true }],
    script: `
      S: 220 mail.example.com ESMTP ready
      C: AUTH PLAIN AGpvZQBzM2NyZXQ=
      internal error
    `,
  },
];
