/**
 * What lies in the demo's mailboxes when it starts.
 *
 * @module
 */

import type { Millis, Octets } from "../runtime.ts";
import { toBase64 } from "../session/base64.ts";
import { mailDate } from "./dates.ts";
import { type Account, MailStore } from "./mailbox.ts";

/** A store with the demo's two users and their mail; `date` is now. */
export function demoStore(date: Millis): MailStore {
  const store = new MailStore(date);
  fillAlice(store.open("alice@example.com", "wonderland"), date);
  fillBob(store.open("bob@example.com", "builder"), date);
  return store;
}

function fillAlice(alice: Account, date: Millis): void {
  put(alice, "INBOX", { from: POSTERN, to: ALICE, subject: "Welcome to Postern", date: date - 2 * DAY, body: WELCOME });
  put(alice, "INBOX", {
    from: BOB,
    to: ALICE,
    // Café on Friday?
    subject: "=?UTF-8?Q?Caf=C3=A9_on_Friday=3F?=",
    date: date - INVITED,
    headers: ["MIME-Version: 1.0", 'Content-Type: multipart/alternative; boundary="=_two-ways"'],
    body: INVITATION,
    flags: ["\\Seen", "\\Answered"],
  });
  put(alice, "INBOX", {
    from: BOB,
    to: ALICE,
    subject: "What the shed will cost",
    date: date - 3 * HOUR,
    headers: ["MIME-Version: 1.0", 'Content-Type: multipart/mixed; boundary="=_shed"'],
    body: ESTIMATE,
    flags: ["\\Flagged"],
  });
  put(alice, "Sent", answer(date));
  put(alice, "Drafts", {
    from: ALICE,
    to: BOB,
    subject: "Through the looking-glass",
    date: date - HOUR,
    body: ["Dear Bob,", "", "is there room in the shed for a"],
    flags: ["\\Seen", "\\Draft"],
  });
}

function fillBob(bob: Account, date: Millis): void {
  put(bob, "INBOX", { from: POSTERN, to: BOB, subject: "Welcome to Postern", date: date - 2 * DAY, body: WELCOME });
  put(bob, "INBOX", answer(date));
}

function answer(date: Millis): Sample {
  return {
    from: ALICE,
    to: BOB,
    subject: "=?UTF-8?Q?Re:_Caf=C3=A9_on_Friday=3F?=",
    date: date - INVITED + HOUR,
    headers: [`In-Reply-To: ${messageId(date - INVITED)}`],
    body: ["With pleasure. At four, when the hatter is out?", "", "Alice"],
    flags: ["\\Seen"],
  };
}

interface Sample {
  readonly from: Octets;
  readonly to: Octets;
  readonly subject: Octets;
  readonly date: Millis;
  readonly headers?: readonly Octets[];
  readonly body: readonly Octets[];
  readonly flags?: readonly Octets[];
}

function put(account: Account, mailbox: Octets, sample: Sample): void {
  const header = [
    `Date: ${mailDate(sample.date)}`,
    `From: ${sample.from}`,
    `To: ${sample.to}`,
    `Subject: ${sample.subject}`,
    `Message-ID: ${messageId(sample.date)}`,
    ...sample.headers ?? [],
  ];
  const octets = [...header, "", ...sample.body, ""].join("\r\n");
  account.find(mailbox)?.add(octets, { date: sample.date, flags: sample.flags ?? [] });
}

/** Seconds are enough to tell them apart, and the copies of one message have one identifier. */
function messageId(date: Millis): Octets {
  return `<${Math.floor(date / 1000)}.demo@example.com>`;
}

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** How long ago Bob invited Alice. */
const INVITED = 26 * HOUR;
const POSTERN = "Postern <postern@example.com>";
const ALICE = "Alice <alice@example.com>";
const BOB = '"Bob, the builder" <bob@example.com>';

const WELCOME = [
  "You read this through the proxy: your client spoke to Postern, Postern asked",
  "the auth server who you are and where you live, logged in to the mail server",
  "in your name, and has only moved octets since.",
  "",
  "The mailboxes are in memory. Send mail to alice@example.com and",
  "bob@example.com, file it, delete it: all is as before when the demo starts anew.",
];

const INVITATION = [
  "--=_two-ways",
  "Content-Type: text/plain; charset=utf-8",
  "Content-Transfer-Encoding: quoted-printable",
  "",
  "Alice, do you have time for a caf=C3=A9 au lait on Friday?",
  "--=_two-ways",
  "Content-Type: text/html; charset=utf-8",
  "Content-Transfer-Encoding: quoted-printable",
  "",
  "<p>Alice, do you have time for a <b>caf=C3=A9 au lait</b> on Friday?</p>",
  "--=_two-ways--",
];

const ESTIMATE = [
  "--=_shed",
  "Content-Type: text/plain; charset=us-ascii",
  "",
  "The numbers are attached. Can we build it? Yes, we can.",
  "--=_shed",
  'Content-Type: text/csv; name="shed.csv"',
  'Content-Disposition: attachment; filename="shed.csv"',
  "Content-Transfer-Encoding: base64",
  "",
  toBase64("item,price\r\nplanks,120\r\nnails,8\r\npaint,35\r\n"),
  "--=_shed--",
];
