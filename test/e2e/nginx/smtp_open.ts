import { type Dialogue, parrot } from "./dialogue.ts";

const READY = "S: 220 mail.example.com ESMTP ready";
const OK = "S: 250 2.0.0 OK";
const SEQUENCE = "S: 503 5.5.1 Bad sequence of commands";
const EHLO = `
  C: EHLO client.example
  S: 250-mail.example.com
  S: 250 8BITMIME
`;

/** SMTP with `smtp_auth none`: mail that nobody logs in for. */
export const SMTP_OPEN: readonly Dialogue[] = [
  {
    title: "MAIL and RCPT in and out of place",
    server: "smtpOpen",
    upstream: [
      "220 up\r\n",
      "250 up\r\n",
      "220 up\r\n",
      "250 up\r\n",
      "250 2.1.0 sender\r\n",
      "250 2.1.5 recipient\r\n",
      parrot,
    ],
    script: `
      ${READY}
      ${EHLO}
      C: RCPT TO:<b@example.com>
      ${SEQUENCE}
      C: MAIL
      S: 501 5.5.4 Invalid argument
      C: MAIL FROM:<a@example.com>  BODY=8BITMIME   \\
      C: 
      ${OK}
      C: MAIL FROM:<c@example.com>
      ${SEQUENCE}
      C: RCPT
      S: 501 5.5.4 Invalid argument
      C: RCPT TO:<b@example.com> NOTIFY=NEVER
      S: 250 2.1.5 recipient
      C: DATA
      S: DATA
      C: bye
      S: bye
    `,
  },
  {
    title: "a recipient whom the upstream refuses, behind HELO",
    server: "smtpOpen",
    upstream: [
      "220 up\r\n",
      "250 up\r\n",
      "220 up\r\n",
      "250 up\r\n",
      "250 2.1.0 sender\r\n",
      "550-5.1.1 no\r\n550 5.1.1 no\r\n",
      parrot,
    ],
    script: `
      ${READY}
      C: HELO client.example
      S: 250 mail.example.com
      C: mail from:<a@example.com>
      ${OK}
      C: rcpt  to:<b@example.com>
      S: 550-5.1.1 no
      S: 550 5.1.1 no
      C: bye
      S: bye
    `,
  },
  {
    title: "a client without a name",
    server: "smtpOpen",
    upstream: ["220 up\r\n", "250 up\r\n", "220 up\r\n", "250 sender\r\n", "250 recipient\r\n", parrot],
    script: `
      ${READY}
      C: MAIL FROM:<>
      ${OK}
      C: RCPT TO:<b@example.com>
      S: 250 recipient
      C: bye
      S: bye
    `,
  },
  {
    title: "a sender whom the upstream refuses",
    server: "smtpOpen",
    upstream: ["220 up\r\n", "250 up\r\n", "220 up\r\n", "250 up\r\n", "552 5.3.4 too big\r\n"],
    script: `
      ${READY}
      ${EHLO}
      C: MAIL FROM:<a@example.com>
      ${OK}
      C: RCPT TO:<b@example.com>
      internal error
    `,
  },
  {
    title: "a sender whom the upstream refuses, told as it is",
    server: "smtpOpenFrank",
    upstream: ["220 up\r\n", "250 up\r\n", "220 up\r\n", "552 5.3.4 too big\r\n"],
    script: `
      ${READY}
      C: MAIL FROM:<a@example.com>
      ${OK}
      C: RCPT TO:<b@example.com>
      S: 552 5.3.4 too big
    `,
  },
  {
    title: "without XCLIENT",
    server: "smtpOpenPlain",
    upstream: ["220 up\r\n", "250 up\r\n", "250 sender\r\n", "250 recipient\r\n", parrot],
    script: `
      ${READY}
      C: EHLO client.example
      S: 250-mail.example.com
      S: 250 AUTH LOGIN
      C: MAIL FROM:<a@example.com>
      ${OK}
      C: RCPT TO:<b@example.com>
      S: 250 recipient
      C: bye
      S: bye
    `,
  },
  {
    title: "a login behind MAIL",
    server: "smtpOpenPlain",
    upstream: ["220 up\r\n", "250 up\r\n", parrot],
    script: `
      ${READY}
      C: EHLO client.example
      S: 250-mail.example.com
      S: 250 AUTH LOGIN
      C: MAIL FROM:<a@example.com>
      ${OK}
      C: AUTH PLAIN AGpvZQBzM2NyZXQ=
      S: 235 2.0.0 OK
      C: bye
      S: bye
    `,
  },
  {
    title: "what a greeting and RSET forget",
    server: "smtpOpen",
    auth: ["Auth-Status: No\r\n"],
    script: `
      ${READY}
      C: MAIL FROM:<a@example.com>
      ${OK}
      C: RSET
      ${OK}
      C: RCPT TO:<x@example.com>
      ${SEQUENCE}
      C: MAIL FROM:<b@example.com>
      ${OK}
      C: HELO x
      S: 250 mail.example.com
      C: RCPT TO:<x@example.com>
      ${SEQUENCE}
      C: MAIL FROM:<c@example.com>
      ${OK}
      C: EHLO
      S: 501 5.5.4 Invalid argument
      C: RCPT TO:<x@example.com>
      S: 535 5.7.0 No
    `,
  },
  {
    title: "recipients refused one after the other",
    server: "smtpOpen",
    auth: [
      "Auth-Status: No such user\r\nAuth-Wait: 1\r\nAuth-Error-Code: 550 5.1.1\r\n",
      "Auth-Status: Nor this\r\nAuth-Error-Code: 551\r\n",
    ],
    isPipelined: false,
    script: `
      ${READY}
      C: MAIL FROM:<a@example.com>
      ${OK}
      C: RCPT TO:<b@example.com>
      S: 550 5.1.1 No such user
      C: MAIL FROM:<c@example.com>
      ${SEQUENCE}
      C: RCPT TO:<d@example.com>
      S: 551 Nor this
    `,
  },
];
