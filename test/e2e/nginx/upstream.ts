import { type Dialogue, parrot } from "./dialogue.ts";

const IMAP = `
  S: * OK IMAP4 ready
  C: a LOGIN joe s3cret
`;

const POP3 = `
  S: +OK POP3 ready
  C: USER joe
  S: +OK
  C: PASS s3cret
`;

const SMTP = `
  S: 220 mail.example.com ESMTP ready
  C: EHLO client.example
  S: 250-mail.example.com
  S: 250 AUTH PLAIN LOGIN
  C: AUTH PLAIN AGpvZQBzM2NyZXQ=
`;

const FAILED = "internal error";
const hangUp = (wire: { end(): void }) => wire.end();

/** The upstream's part of a login: what it may say, and what comes of everything else. */
export const UPSTREAM: readonly Dialogue[] = [
  { title: "IMAP: a BYE for a greeting", server: "imap", upstream: ["* BYE busy\r\n"], script: `${IMAP}${FAILED}` },
  { title: "IMAP: PREAUTH", server: "imap", upstream: ["* PREAUTH in\r\n"], script: `${IMAP}${FAILED}` },
  { title: "IMAP: no literals", server: "imap", upstream: ["* OK\r\n", "TAG BAD\r\n"], script: `${IMAP}${FAILED}` },
  {
    title: "IMAP: no literal for the password",
    server: "imap",
    upstream: ["* OK\r\n", "+ \r\n", "TAG NO no\r\n"],
    script: `${IMAP}${FAILED}`,
  },
  {
    title: "IMAP: a wrong password",
    server: "imap",
    upstream: ["* OK\r\n", "+ \r\n", "+ \r\n", "TAG NO [AUTHENTICATIONFAILED] no\r\n"],
    script: `${IMAP}${FAILED}`,
  },
  {
    title: "IMAP: another's tag",
    server: "imap",
    upstream: ["* OK\r\n", "+ \r\n", "+ \r\n", "other OK in\r\n"],
    script: `${IMAP}${FAILED}`,
  },
  {
    title: "IMAP: a BYE for a greeting, told as it is",
    server: "imapFrank",
    upstream: ["* BYE busy\r\n"],
    script: `${IMAP}
      S: * BYE busy
    `,
  },
  {
    title: "IMAP: no literals, told as it is",
    server: "imapFrank",
    upstream: ["* OK\r\n", "TAG BAD no literals\r\n"],
    script: `${IMAP}
      S: a BAD no literals
    `,
  },
  {
    title: "IMAP: a wrong password, told as it is",
    server: "imapFrank",
    upstream: ["* OK\r\n", "+ \r\n", "+ \r\n", "TAG NO [AUTHENTICATIONFAILED] no\r\n"],
    script: `${IMAP}
      S: a NO [AUTHENTICATIONFAILED] no
    `,
  },
  {
    title: "IMAP: more than a greeting, and more than an OK",
    server: "imap",
    upstream: ["* OK\r\n* OK again\r\n", "+ \r\n", "+ \r\n", "TAG OK in\r\n* 3 EXISTS\r\n", parrot],
    script: `${IMAP}
      S: a OK in
      S: * 3 EXISTS
      C: bye
      S: bye
    `,
  },
  {
    title: "IMAP: an untagged line with the OK",
    server: "imap",
    upstream: ["* OK\r\n", "+ \r\n", "+ \r\n", "* CAPABILITY IMAP4rev1\r\nTAG OK in\r\n", parrot],
    differs: ["untagged-line"],
    script: `${IMAP}
      nginx: * BAD internal server error
      postern: * CAPABILITY IMAP4rev1
      postern: a OK in
      C: bye
      postern: bye
    `,
  },
  {
    title: "IMAP: two untagged lines with the OK",
    server: "imap",
    upstream: ["* OK\r\n", "+ \r\n", "+ \r\n", "* CAPABILITY X\r\n* OK [ALERT] hear\r\nTAG OK in\r\n", parrot],
    differs: ["untagged-lines"],
    script: `${IMAP}
      nginx: * BAD internal server error
      postern: * CAPABILITY X
      postern: * OK [ALERT] hear
      postern: a OK in
      C: bye
      postern: bye
    `,
  },
  {
    title: "IMAP: a greeting that only begins like one",
    server: "imap",
    upstream: ["* OKAY\r\n", "+ \r\n", "+ \r\n", "TAG OK in\r\n", parrot],
    differs: ["status-word"],
    script: `${IMAP}
      nginx: a OK in
      postern: * BAD [UNAVAILABLE] internal server error
      C: bye
      nginx: bye
    `,
  },
  {
    title: "IMAP: an OK in small letters",
    server: "imap",
    upstream: ["* ok\r\n", "+ \r\n", "+ \r\n", "TAG Ok in\r\n", parrot],
    differs: ["status-case"],
    script: `${IMAP}
      nginx: * BAD internal server error
      postern: a Ok in
      C: bye
      postern: bye
    `,
  },
  {
    title: "IMAP: lines that end in LF",
    server: "imapHasty",
    isPipelined: false,
    upstream: ["* OK\n", "+\n", "+\n", "TAG OK\n", parrot],
    differs: ["bare-lf-upstream"],
    script: `${IMAP}
      nginx: * BAD internal server error
      postern: a OK\\n\\
      C: bye
      postern: bye
    `,
  },
  {
    title: "IMAP: a continuation of three octets",
    server: "imapHasty",
    isPipelined: false,
    upstream: ["* OK\r\n", "+\r\n", "+\r\n", "TAG OK\r\n", parrot],
    differs: ["short-reply"],
    script: `${IMAP}
      nginx: * BAD internal server error
      postern: a OK
      C: bye
      postern: bye
    `,
  },
  {
    title: "IMAP: silence",
    server: "imapHasty",
    isPipelined: false,
    upstream: ["* OK\r\n"],
    script: `${IMAP}${FAILED}`,
  },
  { title: "IMAP: the end at once", server: "imap", upstream: [hangUp], script: `${IMAP}${FAILED}` },
  {
    title: "IMAP: the end behind the greeting",
    server: "imap",
    upstream: ["* OK\r\n", hangUp],
    script: `${IMAP}${FAILED}`,
  },
  {
    title: "IMAP: a line longer than the buffer",
    server: "imapTight",
    isPipelined: false,
    upstream: [`* OK ${"x".repeat(60)}\r\n`],
    script: `${IMAP}${FAILED}`,
  },
  {
    title: "IMAP: a line as long as the buffer",
    server: "imapTight",
    isPipelined: false,
    upstream: [`* OK ${"x".repeat(57)}\r\n`, "+ \r\n", "+ \r\n", "TAG OK\r\n", parrot],
    script: `${IMAP}
      S: a OK
      C: bye
      S: bye
    `,
  },
  { title: "POP3: no greeting", server: "pop3", upstream: ["-ERR busy\r\n"], script: `${POP3}${FAILED}` },
  {
    title: "POP3: more than a greeting, and more than an OK",
    server: "pop3",
    upstream: ["+OK\r\n+OK again\r\n", "+OK\r\n-ERR no\r\n", "+OK in\r\n+OK and more\r\n", parrot],
    script: `${POP3}
      S: +OK in
      S: +OK and more
      C: bye
      S: bye
    `,
  },
  {
    title: "POP3: no such user",
    server: "pop3",
    upstream: ["+OK\r\n", "-ERR [AUTH] no\r\n"],
    script: `${POP3}${FAILED}`,
  },
  {
    title: "POP3: a wrong password",
    server: "pop3",
    upstream: ["+OK\r\n", "+OK\r\n", "-ERR [AUTH] no\r\n"],
    script: `${POP3}${FAILED}`,
  },
  {
    title: "POP3: no greeting, told as it is",
    server: "pop3Frank",
    upstream: ["-ERR busy\r\n"],
    script: `${POP3}
      S: -ERR busy
    `,
  },
  {
    title: "POP3: no such user, told as it is",
    server: "pop3Frank",
    upstream: ["+OK\r\n", "-ERR [AUTH] no\r\n"],
    script: `${POP3}
      S: -ERR [AUTH] no
    `,
  },
  {
    title: "POP3: a locked mailbox, told as it is",
    server: "pop3Frank",
    upstream: ["+OK\r\n", "+OK\r\n", "-ERR [IN-USE] locked\r\n"],
    script: `${POP3}
      S: -ERR [IN-USE] locked
    `,
  },
  {
    title: "POP3: a greeting that only begins like one",
    server: "pop3",
    upstream: ["+OKAY\r\n", "+OK\r\n", "+OK in\r\n", parrot],
    differs: ["status-word"],
    script: `${POP3}
      nginx: +OK in
      postern: -ERR [SYS/TEMP] internal server error
      C: bye
      nginx: bye
    `,
  },
  {
    title: "SMTP: without XCLIENT, behind EHLO, replies of one line and of more",
    server: "smtpBare",
    upstream: ["220-up\r\n220 up\r\n", "250-up\r\n250-SIZE\r\n250 HELP\r\n", parrot],
    script: `${SMTP}
      S: 235 2.0.0 OK
      C: bye
      S: bye
    `,
  },
  {
    title: "SMTP: without XCLIENT, behind HELO, replies without text",
    server: "smtpBare",
    upstream: ["220\r\n", "250\r\n", parrot],
    script: `
      S: 220 mail.example.com ESMTP ready
      C: HELO client.example
      S: 250 mail.example.com
      C: AUTH PLAIN AGpvZQBzM2NyZXQ=
      S: 235 2.0.0 OK
      C: bye
      S: bye
    `,
  },
  {
    title: "SMTP: with a login",
    server: "smtpLogin",
    upstream: ["220 up\r\n", "250-up\r\n250 AUTH\r\n", "220 up\r\n", "250 up\r\n", "235 in\r\n", parrot],
    script: `${SMTP}
      S: 235 2.0.0 OK
      C: bye
      S: bye
    `,
  },
  {
    title: "SMTP: with a login, for a client without a name",
    server: "smtpLogin",
    upstream: ["220 up\r\n", "250 up\r\n", "220 up\r\n", "235 in\r\n", parrot],
    script: `
      S: 220 mail.example.com ESMTP ready
      C: AUTH PLAIN AGpvZQBzM2NyZXQ=
      S: 235 2.0.0 OK
      C: bye
      S: bye
    `,
  },
  {
    title: "SMTP: with a login and without XCLIENT, under another name",
    server: "smtpBareLogin",
    auth: ["Auth-Status: OK\r\nAuth-Server: 127.0.0.1\r\nAuth-Port: PORT\r\nAuth-User: mary\r\nAuth-Pass: other\r\n"],
    upstream: ["220 up\r\n", "250-up\r\n250 AUTH\r\n", "235 in\r\n", parrot],
    script: `${SMTP}
      S: 235 2.0.0 OK
      C: bye
      S: bye
    `,
  },
  {
    title: "SMTP: an empty login",
    server: "smtp",
    upstream: ["220 up\r\n", "250 up\r\n", "250 up\r\n", parrot],
    script: `
      S: 220 mail.example.com ESMTP ready
      C: AUTH PLAIN AAA=
      S: 235 2.0.0 OK
      C: bye
      S: bye
    `,
  },
  {
    title: "SMTP: a login that needs xtext",
    server: "smtp",
    differs: ["xtext"],
    nginxSays: ["LOGIN=j +oe= NAME="],
    posternSays: ["LOGIN=j+20+2Boe+3D NAME="],
    script: `
      S: 220 mail.example.com ESMTP ready
      C: EHLO client.example
      S: 250-mail.example.com
      S: 250 AUTH PLAIN LOGIN
      C: AUTH PLAIN AGogK29lPQBzM2NyZXQ=
      S: 235 2.0.0 OK
      C: bye
      S: bye
    `,
  },
  { title: "SMTP: no greeting", server: "smtp", upstream: ["421 busy\r\n"], script: `${SMTP}${FAILED}` },
  {
    title: "SMTP: a second greeting before XCLIENT",
    server: "smtp",
    upstream: ["220 up\r\n", "220 up\r\n"],
    script: `${SMTP}${FAILED}`,
  },
  {
    title: "SMTP: a second greeting behind the client's EHLO",
    server: "smtp",
    upstream: ["220 up\r\n", "250 up\r\n", "250 up\r\n", "220 up\r\n"],
    script: `${SMTP}${FAILED}`,
  },
  {
    title: "SMTP: a wrong password",
    server: "smtpLogin",
    upstream: ["220 up\r\n", "250 up\r\n", "250 up\r\n", "250 up\r\n", "535 5.7.8 no\r\n"],
    script: `${SMTP}${FAILED}`,
  },
  {
    title: "SMTP: no greeting, told as it is",
    server: "smtpFrank",
    upstream: ["421-busy\r\n421 4.3.2 later\r\n"],
    script: `${SMTP}
      S: 421-busy
      S: 421 4.3.2 later
    `,
  },
  {
    title: "SMTP: no EHLO, told as it is",
    server: "smtpFrank",
    upstream: ["220 up\r\n", "502 5.5.1 no\r\n"],
    script: `${SMTP}
      S: 502 5.5.1 no
    `,
  },
  {
    title: "SMTP: no XCLIENT, told as it is",
    server: "smtpFrank",
    upstream: ["220 up\r\n", "250 up\r\n", "550 5.7.0 no\r\n"],
    script: `${SMTP}
      S: 550 5.7.0 no
    `,
  },
  {
    title: "SMTP: not the client's name, told as it is",
    server: "smtpFrank",
    upstream: ["220 up\r\n", "250 up\r\n", "250 up\r\n", "501 5.5.4 no\r\n"],
    script: `${SMTP}
      S: 501 5.5.4 no
    `,
  },
  {
    title: "SMTP: a wrong password, told as it is",
    server: "smtpFrank",
    upstream: ["220 up\r\n", "250 up\r\n", "250 up\r\n", "250 up\r\n", "535-5.7.8 no\r\n535 5.7.8 no\r\n"],
    script: `${SMTP}
      S: 535-5.7.8 no
      S: 535 5.7.8 no
    `,
  },
];
