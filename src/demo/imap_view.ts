/**
 * A selected mailbox as one client knows it. Messages have numbers there that only change when the client is told:
 * so each connection has its own list, and {@linkcode View.news} brings it up to date.
 *
 * @module
 */

import type { Octets } from "../runtime.ts";
import type { Mailbox, Message } from "./mailbox.ts";

/** A message as the client knows it. */
export interface Entry {
  readonly message: Message;
  /** The message's number, from 1. */
  readonly number: number;
}

/** One client's selected mailbox. */
export class View {
  readonly mailbox: Mailbox;
  readonly isReadOnly: boolean;
  #messages: readonly Message[];
  /** The list it was last compared with: as long as the mailbox has the same one, no message came or went. */
  #seen: readonly Message[];
  readonly #versions = new Map<Message, number>();

  constructor(mailbox: Mailbox, isReadOnly: boolean) {
    this.mailbox = mailbox;
    this.isReadOnly = isReadOnly;
    this.#messages = mailbox.messages;
    this.#seen = mailbox.messages;
    for (const message of this.#messages) this.flagsTold(message);
  }

  get entries(): readonly Entry[] {
    return this.#messages.map((message, i) => ({ message, number: i + 1 }));
  }

  /** What `*` stands for in a sequence set. */
  last(byUid: boolean): number {
    return byUid ? this.#messages.at(-1)?.uid ?? 0 : this.#messages.length;
  }

  /** The entries that a sequence set names, or `undefined` when it is none. Numbers without a message are left out. */
  find(set: Octets, byUid: boolean): readonly Entry[] | undefined {
    const ranges = parseSet(set, this.last(byUid));
    return ranges && this.entries.filter(({ message, number }) => {
      const wanted = byUid ? message.uid : number;
      return ranges.some(([from, to]) => from <= wanted && wanted <= to);
    });
  }

  /** Remembers that the client was told the flags that the message has now. */
  flagsTold(message: Message): void {
    this.#versions.set(message, message.version);
  }

  /**
   * What happened to the mailbox since the client last heard of it, as untagged responses. `mayExpunge` is false while
   * numbers must not change (RFC 3501, 7.4.1: not in answer to FETCH, STORE and SEARCH).
   */
  news(mayExpunge = true): Octets {
    let told = "";
    if (mayExpunge && this.#seen !== this.mailbox.messages) told += this.#comeAndGone();
    this.#messages.forEach((message, i) => {
      if (this.#versions.get(message) === message.version) return;
      this.flagsTold(message);
      told += `* ${i + 1} FETCH (UID ${message.uid} FLAGS (${message.flags.join(" ")}))\r\n`;
    });
    return told;
  }

  #comeAndGone(): Octets {
    const now = this.mailbox.messages;
    const isThere = new Set(now);
    let told = "";
    // From the end, so that no number changes before it was used.
    for (let i = this.#messages.length - 1; i >= 0; i--) {
      const message = this.#messages[i];
      if (message === undefined || isThere.has(message)) continue;
      told += `* ${i + 1} EXPUNGE\r\n`;
      this.#versions.delete(message);
    }
    const isKnown = new Set(this.#messages);
    const hasNew = now.some((message) => !isKnown.has(message));
    for (const message of now) if (!isKnown.has(message)) this.flagsTold(message);
    this.#messages = now;
    this.#seen = now;
    return told + (hasNew ? `* ${now.length} EXISTS\r\n* 0 RECENT\r\n` : "");
  }
}

/** Reads a sequence set (RFC 3501, 9: sequence-set); `*` is `last`. */
export function parseSet(set: Octets, last: number): readonly (readonly [from: number, to: number])[] | undefined {
  const ranges: [number, number][] = [];
  for (const item of set.split(",")) {
    const [from, to, ...more] = item.split(":").map((text) => text === "*" ? last : parseNumber(text));
    if (from === undefined || more.length > 0 || (item.includes(":") && to === undefined)) return undefined;
    ranges.push([Math.min(from, to ?? from), Math.max(from, to ?? from)]);
  }
  return ranges;
}

/** A number from 1 to 4294967295, as IMAP has them (RFC 3501, 9: nz-number). */
export function parseNumber(text: Octets): number | undefined {
  if (text === "" || text.length > 10) return undefined;
  for (const digit of text) if (digit < "0" || digit > "9") return undefined;
  const number = Number(text);
  return number >= 1 && number <= 0xffff_ffff ? number : undefined;
}
