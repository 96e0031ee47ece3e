/**
 * The demo's mail store: accounts, their mailboxes and messages, all in memory and gone with the process. It knows no
 * protocol: the three servers read and change it.
 *
 * @module
 */

import type { Millis, Octets } from "../runtime.ts";

/** The largest message taken, in octets. */
export const MESSAGE_LIMIT = 10 * 1024 * 1024;

/** What one account may hold, in octets and in number, so that a loop in a script does not eat the machine's memory. */
export const ACCOUNT_LIMIT = 32 * 1024 * 1024;
const COUNT_LIMIT = 5000;
const MAILBOX_LIMIT = 100;
const NAME_LIMIT = 200;

/** What a mailbox is for (RFC 6154). */
export type SpecialUse = "\\Sent" | "\\Drafts";

/** One message. Its octets never change; its flags do. */
export class Message {
  readonly uid: number;
  readonly octets: Octets;
  /** When it arrived. */
  readonly date: Millis;
  #flags: readonly Octets[];
  #version = 0;

  constructor(uid: number, octets: Octets, options: { readonly date: Millis; readonly flags: readonly Octets[] }) {
    this.uid = uid;
    this.octets = octets;
    this.date = options.date;
    this.#flags = options.flags;
  }

  get flags(): readonly Octets[] {
    return this.#flags;
  }

  /** How often the flags changed: whoever remembers it sees whether a client has to be told. */
  get version(): number {
    return this.#version;
  }

  /** Flags are compared without case, as IMAP does (RFC 3501, 2.3.2). */
  has(flag: Octets): boolean {
    const wanted = flag.toLowerCase();
    return this.#flags.some((own) => own.toLowerCase() === wanted);
  }

  /** For {@linkcode Mailbox} alone, which tells those who watch. */
  replaceFlags(flags: readonly Octets[]): void {
    this.#flags = flags;
    this.#version++;
  }
}

/** An ordered set of messages; each has a UID that grows. */
export class Mailbox {
  readonly uidValidity: number;
  readonly use: SpecialUse | undefined;
  isSubscribed = true;
  readonly #changed: () => void;
  #messages: readonly Message[] = [];
  #uidNext = 1;

  constructor(options: { uidValidity: number; use: SpecialUse | undefined; changed: () => void }) {
    this.uidValidity = options.uidValidity;
    this.use = options.use;
    this.#changed = options.changed;
  }

  /** A list of its own for each state of the mailbox: whoever holds one sees no change. */
  get messages(): readonly Message[] {
    return this.#messages;
  }

  get uidNext(): number {
    return this.#uidNext;
  }

  add(octets: Octets, options: { readonly date: Millis; readonly flags: readonly Octets[] }): Message {
    const message = new Message(this.#uidNext++, octets, options);
    this.#messages = [...this.#messages, message];
    this.#changed();
    return message;
  }

  remove(messages: ReadonlySet<Message>): void {
    this.#messages = this.#messages.filter((message) => !messages.has(message));
    this.#changed();
  }

  setFlags(message: Message, flags: readonly Octets[]): void {
    message.replaceFlags(flags);
    this.#changed();
  }
}

/** One user and their mailboxes. */
export class Account {
  readonly name: Octets;
  readonly password: Octets;
  readonly inbox: Mailbox;
  readonly #mailboxes = new Map<Octets, Mailbox>();
  readonly #changed: () => void;
  #uidValidity: number;

  constructor(name: Octets, password: Octets, options: { uidValidity: number; changed: () => void }) {
    this.name = name;
    this.password = password;
    this.#changed = options.changed;
    this.#uidValidity = options.uidValidity;
    this.inbox = this.#make("INBOX", undefined);
    this.#make("Drafts", "\\Drafts");
    this.#make("Sent", "\\Sent");
  }

  /** All names with their mailboxes, in the order they were made. `/` divides the levels of a name. */
  get mailboxes(): ReadonlyMap<Octets, Mailbox> {
    return this.#mailboxes;
  }

  /** `INBOX` is the same in any case (RFC 3501, 5.1); other names are what they are. */
  find(name: Octets): Mailbox | undefined {
    return this.#mailboxes.get(canonicalName(name));
  }

  /** Makes a mailbox, and those above it; `undefined` when the name is taken or not allowed, or there are too many. */
  create(name: Octets): Mailbox | undefined {
    const wanted = canonicalName(name.endsWith("/") ? name.slice(0, -1) : name);
    if (!isName(wanted) || this.#mailboxes.has(wanted) || this.#mailboxes.size >= MAILBOX_LIMIT) return undefined;
    const above = wanted.lastIndexOf("/");
    if (above > 0 && !this.find(wanted.slice(0, above))) this.create(wanted.slice(0, above));
    return this.#make(wanted, undefined);
  }

  /** Removes a mailbox that has none below it; `false` when there is no such one, or it is INBOX. */
  delete(name: Octets): boolean {
    const wanted = canonicalName(name);
    if (wanted === "INBOX" || this.hasBelow(wanted)) return false;
    return this.#mailboxes.delete(wanted);
  }

  /** Gives a mailbox and those below it another name. */
  rename(from: Octets, to: Octets): boolean {
    const old = canonicalName(from);
    const wanted = canonicalName(to);
    if (old === "INBOX" || !this.#mailboxes.has(old) || this.#mailboxes.has(wanted) || !isName(wanted)) return false;
    // Below itself it would never stop growing.
    if (wanted.startsWith(old + "/")) return false;
    for (const [name, mailbox] of [...this.#mailboxes]) {
      if (name !== old && !name.startsWith(old + "/")) continue;
      this.#mailboxes.delete(name);
      this.#mailboxes.set(wanted + name.slice(old.length), mailbox);
    }
    return true;
  }

  hasBelow(name: Octets): boolean {
    return [...this.#mailboxes.keys()].some((other) => other.startsWith(name + "/"));
  }

  /** Whether that many octets more, in that many messages, may come in. */
  hasRoom(octets: number, count = 1): boolean {
    for (const mailbox of this.#mailboxes.values()) {
      count += mailbox.messages.length;
      for (const message of mailbox.messages) octets += message.octets.length;
    }
    return octets <= ACCOUNT_LIMIT && count <= COUNT_LIMIT;
  }

  #make(name: Octets, use: SpecialUse | undefined): Mailbox {
    // A name that is used again must not have the number of its forerunner (RFC 3501, 2.3.1.1).
    const mailbox = new Mailbox({ uidValidity: this.#uidValidity++, use, changed: this.#changed });
    this.#mailboxes.set(name, mailbox);
    return mailbox;
  }
}

/** All accounts. */
export class MailStore {
  readonly #accounts = new Map<Octets, Account>();
  readonly #watchers: (() => void)[] = [];
  readonly #uidValidity: number;

  /** `date` is the moment the store begins: mail clients must not take it for the one of the last run. */
  constructor(date: Millis) {
    this.#uidValidity = Math.floor(date / 1000);
  }

  get accounts(): readonly Account[] {
    return [...this.#accounts.values()];
  }

  open(name: Octets, password: Octets): Account {
    const changed = () => this.#watchers.forEach((watcher) => watcher());
    const account = new Account(name, password, { uidValidity: this.#uidValidity, changed });
    this.#accounts.set(name.toLowerCase(), account);
    return account;
  }

  /** The account of that mail address, in any case. */
  find(address: Octets): Account | undefined {
    return this.#accounts.get(address.toLowerCase());
  }

  login(name: Octets, password: Octets): Account | undefined {
    const account = this.find(name);
    return account?.password === password ? account : undefined;
  }

  /** Has `watcher` called whenever a message or a flag came, went or changed. */
  watch(watcher: () => void): void {
    this.#watchers.push(watcher);
  }
}

/** The message with CRLF at the end of each line, which is what all three protocols carry. */
export function withLineEnds(octets: Octets): Octets {
  return octets.replaceAll("\r\n", "\n").replaceAll("\n", "\r\n");
}

function canonicalName(name: Octets): Octets {
  return name.length === 5 && name.toUpperCase() === "INBOX" ? "INBOX" : name;
}

function isName(name: Octets): boolean {
  if (name === "" || name.length > NAME_LIMIT || name.startsWith("/") || name.includes("//")) return false;
  for (const character of name) {
    if (character < " " || character === "\x7f" || character === "*" || character === "%") return false;
  }
  return true;
}
