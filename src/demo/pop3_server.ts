/**
 * The POP3 server of the demo (RFC 1939, with CAPA, TOP and UIDL). It shows the INBOX as it was at the login, and
 * removes what was marked when the client says QUIT.
 *
 * @module
 */

import type { Octets } from "../runtime.ts";
import { encode } from "../session/bytes.ts";
import { parseWordLine, splitWords } from "../session/line.ts";
import { type Conversation, Incoming } from "./conversation.ts";
import type { Account, MailStore, Message } from "./mailbox.ts";

/** What the server can do (RFC 2449). */
export const POP3_CAPABILITIES: readonly Octets[] = ["TOP", "UIDL", "USER", "RESP-CODES", "PIPELINING"];

/** One connection of the POP3 server. */
export class Pop3Server implements Conversation {
  readonly #store: MailStore;
  readonly #incoming = new Incoming();
  #state: "greeting" | "authorization" | "transaction" | "over" = "greeting";
  #user: Octets | undefined;
  #account: Account | undefined;
  /** The maildrop: message number less one. */
  #messages: readonly Message[] = [];
  readonly #deleted = new Set<Message>();

  constructor(store: MailStore) {
    this.#store = store;
  }

  get isOver(): boolean {
    return this.#state === "over";
  }

  receive(bytes: Uint8Array): void {
    this.#incoming.push(bytes);
  }

  next(): Uint8Array | undefined {
    if (this.#state === "over") return undefined;
    if (this.#state === "greeting") {
      this.#state = "authorization";
      return encode("+OK Postern demo POP3 server ready\r\n");
    }
    const line = this.#incoming.line(LINE_LIMIT);
    if (line === undefined) return undefined;
    if (line === "tooLong") {
      this.#state = "over";
      return encode("-ERR line too long\r\n");
    }
    return encode(this.#answer(line.text) + "\r\n");
  }

  #answer(line: Octets): Octets {
    const command = parseWordLine(line);
    if (command === undefined) return "-ERR invalid command";
    switch (command.word) {
      case "CAPA":
        return lines("+OK Capability list follows", POP3_CAPABILITIES);
      case "QUIT":
        return this.#quit();
    }
    return this.#state === "authorization"
      ? this.#authorize(command.word, command.rest)
      : this.#transact(command.word, splitWords(command.rest, 2) ?? []);
  }

  #authorize(keyword: Octets, argument: Octets): Octets {
    switch (keyword) {
      case "USER":
        this.#user = argument;
        return "+OK";
      case "PASS":
        return this.#login(argument);
      default:
        return "-ERR log in first";
    }
  }

  #login(password: Octets): Octets {
    if (this.#user === undefined) return "-ERR USER first";
    this.#account = this.#store.login(this.#user, password);
    this.#user = undefined;
    if (this.#account === undefined) return "-ERR [AUTH] wrong user name or password";
    this.#messages = this.#account.inbox.messages;
    this.#state = "transaction";
    return `+OK ${this.#messages.length} messages`;
  }

  #transact(keyword: Octets, args: readonly Octets[]): Octets {
    switch (keyword) {
      case "NOOP":
        return "+OK";
      case "STAT":
        return `+OK ${this.#left.length} ${totalSize(this.#left)}`;
      case "RSET":
        this.#deleted.clear();
        return "+OK";
      case "LIST":
        return this.#listing(args[0], (message) => `${size(message)}`);
      case "UIDL":
        return this.#listing(args[0], (message) => `${this.#account?.inbox.uidValidity}.${message.uid}`);
      case "RETR":
      case "TOP":
      case "DELE":
        return this.#withMessage(keyword, args);
      default:
        return "-ERR unknown command";
    }
  }

  #withMessage(keyword: "RETR" | "TOP" | "DELE", args: readonly Octets[]): Octets {
    const message = this.#message(args[0]);
    if (message === undefined) return NO_SUCH_MESSAGE;
    switch (keyword) {
      case "RETR":
        return `+OK ${size(message)} octets\r\n${multiLine(message.octets)}.`;
      case "TOP": {
        const count = number(args[1]);
        return count === undefined ? "-ERR how many lines" : `+OK\r\n${multiLine(top(message.octets, count))}.`;
      }
      case "DELE":
        this.#deleted.add(message);
        return "+OK marked";
    }
  }

  #listing(argument: Octets | undefined, tell: (message: Message) => Octets): Octets {
    if (argument !== undefined) {
      const message = this.#message(argument);
      return message === undefined ? NO_SUCH_MESSAGE : `+OK ${argument} ${tell(message)}`;
    }
    const items = this.#left.map((message) => `${this.#messages.indexOf(message) + 1} ${tell(message)}`);
    return lines(`+OK ${this.#left.length} messages`, items);
  }

  get #left(): readonly Message[] {
    return this.#messages.filter((message) => !this.#deleted.has(message));
  }

  #message(argument: Octets | undefined): Message | undefined {
    const message = this.#messages[(number(argument) ?? 0) - 1];
    return message === undefined || this.#deleted.has(message) ? undefined : message;
  }

  #quit(): Octets {
    this.#state = "over";
    if (this.#deleted.size > 0) this.#account?.inbox.remove(this.#deleted);
    return "+OK bye";
  }
}

function lines(status: Octets, items: readonly Octets[]): Octets {
  return [status, ...items, "."].join("\r\n");
}

/** A text that ends with CRLF and has a second dot before each dot at the start of a line (RFC 1939, 3). */
function multiLine(octets: Octets): Octets {
  const stuffed = octets.replaceAll("\r\n.", "\r\n..");
  return (stuffed.startsWith(".") ? "." : "") + stuffed + (stuffed.endsWith("\r\n") ? "" : "\r\n");
}

/** The header, the blank line and so many lines of the body. */
function top(octets: Octets, count: number): Octets {
  let end = octets.indexOf("\r\n\r\n");
  if (end < 0) return octets;
  end += 4;
  for (let i = 0; i < count; i++) {
    const at = octets.indexOf("\r\n", end);
    if (at < 0) return octets;
    end = at + 2;
  }
  return octets.slice(0, end);
}

/** As the message goes over the line, without the second dots; a last line without its end gets one. */
function size(message: Message): number {
  return message.octets.length + (message.octets.endsWith("\r\n") ? 0 : 2);
}

function totalSize(messages: readonly Message[]): number {
  return messages.reduce((sum, message) => sum + size(message), 0);
}

function number(text = ""): number | undefined {
  const value = Number(text);
  return text !== "" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

/** RFC 1939, 3 allows arguments of 40 octets and RFC 2449, 4 lines of 255; a password may need more. */
const LINE_LIMIT = 1024;
const NO_SUCH_MESSAGE = "-ERR no such message";
