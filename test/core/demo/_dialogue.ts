/**
 * Plays a dialogue between a client and one of the demo's servers, in the notation of the RFCs: `C:` is what the client
 * says, `S:` what it must hear for that, all of it. Each is a line whose CRLF is left out; the first `S:` lines are the
 * greeting. Played twice: with all that the client says between two answers in one piece, and octet by octet.
 */

import { assertEquals } from "@std/assert";
import { decode, encode } from "../../../src/session/bytes.ts";
import type { Conversation } from "../../../src/demo/conversation.ts";
import { MailStore } from "../../../src/demo/mailbox.ts";

/** Wednesday, 5 March 2025, 12:00:00 UTC. */
export const NOW = Date.UTC(2025, 2, 5, 12);

/** Bob's first and second message. */
export const NOTE = "Date: Tue, 4 Mar 2025 10:00:00 +0000\r\nFrom: Alice <alice@example.com>\r\n" +
  "To: bob@example.com\r\nSubject: A note\r\n\r\nOne\r\nTwo\r\n";
export const SHORT = 'Subject: Short\r\nCc: "A, B" <ab@example.com>\r\n\r\nHi\r\n';

/** A store with Alice, whose mailboxes are empty, and Bob, who has two messages. */
export function testStore(): MailStore {
  const store = new MailStore(NOW);
  store.open("alice@example.com", "wonderland");
  const { inbox } = store.open("bob@example.com", "builder");
  inbox.add(NOTE, { date: NOW - 86_400_000, flags: ["\\Seen"] });
  inbox.add(SHORT, { date: NOW, flags: [] });
  return store;
}

/** Plays the dialogue with conversations on a fresh store each, and gives back the store after it. */
export function dialogue(begin: (store: MailStore) => Conversation, script: string): MailStore {
  const steps = parseScript(script);
  play(begin(testStore()), steps, { byOctet: true });
  const store = testStore();
  play(begin(store), steps, { byOctet: false });
  return store;
}

/** Lets a conversation say all that it has to say. */
export function heard(conversation: Conversation): string {
  let octets = "";
  for (let said = conversation.next(); said !== undefined; said = conversation.next()) octets += decode(said);
  return octets;
}

/** Says something to a conversation, and gives back what it answers. */
export function say(conversation: Conversation, octets: string): string {
  conversation.receive(encode(octets));
  return heard(conversation);
}

interface Step {
  readonly said: string;
  readonly expected: string;
}

function parseScript(script: string): readonly Step[] {
  const steps: Step[] = [{ said: "", expected: "" }];
  for (const line of script.split("\n").map((line) => line.trimStart()).filter((line) => line !== "")) {
    const text = `${line.slice(3)}\r\n`;
    const last = steps.at(-1) ?? { said: "", expected: "" };
    if (line.startsWith("S:")) steps.splice(-1, 1, { said: last.said, expected: last.expected + text });
    else if (last.expected === "") steps.splice(-1, 1, { said: last.said + text, expected: "" });
    else steps.push({ said: text, expected: "" });
  }
  return steps;
}

function play(conversation: Conversation, steps: readonly Step[], { byOctet }: { readonly byOctet: boolean }): void {
  let isGreeted = false;
  for (const { said, expected } of steps) {
    let answer = isGreeted ? "" : heard(conversation);
    isGreeted = true;
    const pieces = byOctet ? [...said] : [said];
    for (const piece of pieces) answer += say(conversation, piece);
    assertEquals(answer, expected);
  }
}
