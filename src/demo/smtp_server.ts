/**
 * The SMTP server of the demo (RFC 5321, with PIPELINING, SIZE and XCLIENT). It believes the proxy in front of it:
 * who sends is what XCLIENT says, and without a login it takes no mail. Mail to an account goes to that INBOX.
 *
 * @module
 */

import type { Millis, Octets } from "../runtime.ts";
import { encode } from "../session/bytes.ts";
import { parseWordLine, splitWords } from "../session/line.ts";
import { type Conversation, Incoming, type Line } from "./conversation.ts";
import { mailDate } from "./dates.ts";
import { type Account, type MailStore, MESSAGE_LIMIT, withLineEnds } from "./mailbox.ts";

/** What the SMTP server is told. */
export interface SmtpServerOptions {
  readonly store: MailStore;
  /** The name it greets with. */
  readonly name: Octets;
  /** The wall clock. */
  readonly date: () => Millis;
}

/** What is known of the client: from its greeting, and from XCLIENT. */
interface Client {
  readonly helo: Octets;
  readonly address: Octets;
  readonly login: Octets;
}

/** What the server can do, and clients may know; what XCLIENT takes is between it and the proxy. */
export const EHLO_KEYWORDS: readonly Octets[] = [
  "PIPELINING",
  `SIZE ${MESSAGE_LIMIT}`,
  "ENHANCEDSTATUSCODES",
  "8BITMIME",
];

/** One connection of the SMTP server. */
export class SmtpServer implements Conversation {
  readonly #options: SmtpServerOptions;
  readonly #incoming = new Incoming();
  #state: "greeting" | "commands" | "data" | "over" = "greeting";
  #client: Client = { helo: "unknown", address: "unknown", login: "" };
  #reversePath: Octets | undefined;
  readonly #recipients = new Map<Octets, Account>();
  #data = new MailData();

  constructor(options: SmtpServerOptions) {
    this.#options = options;
  }

  get isOver(): boolean {
    return this.#state === "over";
  }

  receive(bytes: Uint8Array): void {
    this.#incoming.push(bytes);
  }

  next(): Uint8Array | undefined {
    switch (this.#state) {
      case "greeting":
        this.#state = "commands";
        return encode(this.#greeting());
      case "commands":
        return this.#nextReply(this.#incoming.line(LINE_LIMIT), (line) => this.#answer(line));
      case "data":
        return this.#nextData();
      case "over":
        return undefined;
    }
  }

  #nextReply(line: Line, answer: (line: Octets) => Octets): Uint8Array | undefined {
    if (line === undefined) return undefined;
    if (line !== "tooLong") return encode(answer(line.text));
    this.#state = "over";
    return encode("500 5.5.2 Line too long\r\n");
  }

  #nextData(): Uint8Array | undefined {
    for (;;) {
      const line = this.#incoming.wholeLine(MESSAGE_LIMIT);
      if (line === undefined) return undefined;
      if (line === "tooLong") return this.#nextReply(line, () => "");
      if (!this.#data.take(line.text)) continue;
      this.#state = "commands";
      return encode(this.#deliver());
    }
  }

  #answer(line: Octets): Octets {
    const command = parseWordLine(line);
    switch (command?.word) {
      case "EHLO":
      case "HELO":
        return this.#greet(command.word, command.rest);
      case "XCLIENT":
        return this.#xclient(command.rest);
      case "MAIL":
        return this.#mail(command.rest);
      case "RCPT":
        return this.#recipient(command.rest);
      case "DATA":
        return this.#startData();
      case "RSET":
        this.#reset();
        return "250 2.0.0 Ok\r\n";
      case "NOOP":
        return "250 2.0.0 Ok\r\n";
      case "QUIT":
        this.#state = "over";
        return "221 2.0.0 Bye\r\n";
      default:
        return "500 5.5.1 Unknown command\r\n";
    }
  }

  #greeting(): Octets {
    return `220 ${this.#options.name} ESMTP Postern demo\r\n`;
  }

  #greet(verb: "EHLO" | "HELO", name: Octets): Octets {
    if (name === "") return "501 5.5.4 Which name\r\n";
    this.#reset();
    this.#client = { ...this.#client, helo: printable(name) };
    if (verb === "HELO") return `250 ${this.#options.name}\r\n`;
    const words = [this.#options.name, ...EHLO_KEYWORDS, "XCLIENT NAME ADDR LOGIN HELO"];
    return words.map((word, i) => `250${i + 1 < words.length ? "-" : " "}${word}\r\n`).join("");
  }

  /** What the proxy knows of its client (https://www.postfix.org/XCLIENT_README.html). The dialogue begins anew. */
  #xclient(attributes: Octets): Octets {
    const client = { ...this.#client };
    for (const attribute of splitWords(attributes, 10) ?? []) {
      const at = attribute.indexOf("=");
      const value = printable(fromXtext(attribute.slice(at + 1)));
      switch (attribute.slice(0, at).toUpperCase()) {
        case "ADDR":
          client.address = value;
          break;
        case "LOGIN":
          client.login = value;
          break;
        case "HELO":
          client.helo = value;
      }
    }
    this.#client = client;
    this.#reset();
    return this.#greeting();
  }

  #mail(argument: Octets): Octets {
    if (this.#client.login === "") return "530 5.7.0 Authentication required\r\n";
    if (this.#reversePath !== undefined) return "503 5.5.1 Sender already given\r\n";
    const path = parsePath(argument, "FROM:");
    if (path === undefined) return "501 5.5.4 Syntax: MAIL FROM:<address>\r\n";
    const size = path.parameters.find((parameter) => parameter.toUpperCase().startsWith("SIZE="));
    if (Number(size?.slice(5)) > MESSAGE_LIMIT) return TOO_BIG;
    this.#reversePath = path.address;
    return "250 2.1.0 Ok\r\n";
  }

  #recipient(argument: Octets): Octets {
    if (this.#reversePath === undefined) return "503 5.5.1 MAIL first\r\n";
    const path = parsePath(argument, "TO:");
    if (path === undefined || path.address === "") return "501 5.5.4 Syntax: RCPT TO:<address>\r\n";
    const account = this.#options.store.find(path.address);
    if (account === undefined) return `550 5.1.1 <${path.address}>: no such user in this demo\r\n`;
    this.#recipients.set(account.name, account);
    return "250 2.1.5 Ok\r\n";
  }

  #startData(): Octets {
    if (this.#recipients.size === 0) return "503 5.5.1 RCPT first\r\n";
    this.#state = "data";
    this.#data = new MailData();
    return "354 End data with <CR><LF>.<CR><LF>\r\n";
  }

  #deliver(): Octets {
    const octets = this.#data.octets;
    const recipients = [...this.#recipients.values()];
    const header = this.#traceHeader();
    this.#reset();
    if (octets === undefined) return TOO_BIG;
    const message = header + withLineEnds(octets);
    if (!recipients.every((account) => account.hasRoom(message.length))) return "452 4.2.2 Mailbox full\r\n";
    for (const account of recipients) account.inbox.add(message, { date: this.#options.date(), flags: [] });
    return `250 2.0.0 Delivered to ${recipients.map((account) => account.name).join(", ")}\r\n`;
  }

  /** RFC 5321, 4.4: Return-Path goes on top at the final delivery. */
  #traceHeader(): Octets {
    const { helo, address, login } = this.#client;
    return `Return-Path: <${this.#reversePath ?? ""}>\r\n` +
      `Received: from ${helo} ([${address}]) (authenticated as ${login})\r\n` +
      `\tby ${this.#options.name} with ESMTPA; ${mailDate(this.#options.date())}\r\n`;
  }

  #reset(): void {
    this.#reversePath = undefined;
    this.#recipients.clear();
  }
}

/** What follows DATA, line by line. Only CRLF "." CRLF ends it: a bare LF is a part of a line (RFC 5321, 4.1.1.4). */
class MailData {
  readonly #lines: Octets[] = [];
  #length = 0;
  #isLineStart = true;

  /** Takes one line with its end, and tells whether it was the last. */
  take(line: Octets): boolean {
    const hasDot = this.#isLineStart && line.startsWith(".");
    if (hasDot && line === ".\r\n") return true;
    this.#isLineStart = line.endsWith("\r\n");
    this.#length += line.length;
    if (this.#length <= MESSAGE_LIMIT) this.#lines.push(hasDot ? line.slice(1) : line);
    return false;
  }

  /** The message, unless it is too big. */
  get octets(): Octets | undefined {
    return this.#length > MESSAGE_LIMIT ? undefined : this.#lines.join("");
  }
}

/** Reads `FROM:<address> PARAMETER…`; the address is empty for `<>`. A blank behind the colon is an old habit. */
function parsePath(
  argument: Octets,
  word: "FROM:" | "TO:",
): { readonly address: Octets; readonly parameters: readonly Octets[] } | undefined {
  if (argument.slice(0, word.length).toUpperCase() !== word) return undefined;
  const text = argument.slice(word.length).trimStart();
  const end = text.indexOf(">");
  const address = text.slice(1, end);
  if (!text.startsWith("<") || end < 0 || address !== printable(address) || address.includes(" ")) return undefined;
  return { address, parameters: splitWords(text.slice(end + 1), 10) ?? [] };
}

/** Undoes `+3D` (RFC 3461, 4). */
function fromXtext(text: Octets): Octets {
  let octets = "";
  for (let i = 0; i < text.length; i++) {
    const code = text[i] === "+" ? Number.parseInt(text.slice(i + 1, i + 3), 16) : Number.NaN;
    octets += Number.isNaN(code) ? text.charAt(i) : String.fromCharCode(code);
    if (!Number.isNaN(code)) i += 2;
  }
  return octets;
}

/** What goes into a header or a reply: nothing in it may end a line or a comment. */
function printable(text: Octets): Octets {
  let clean = "";
  for (const character of text) clean += character >= " " && !"()<>\\\x7f".includes(character) ? character : "?";
  return clean;
}

/** RFC 5321, 4.5.3.1.4 asks for 512; long addresses and parameters may need more. */
const LINE_LIMIT = 2048;
const TOO_BIG = "552 5.3.4 Message too big\r\n";
