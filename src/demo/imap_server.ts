/**
 * The IMAP server of the demo (RFC 3501, with UIDPLUS, IDLE, SPECIAL-USE and literals of both kinds): gathers commands,
 * checks that their time has come, and writes down what they answer.
 *
 * @module
 */

import type { Millis, Octets } from "../runtime.ts";
import { encode } from "../session/bytes.ts";
import { type Conversation, Incoming } from "./conversation.ts";
import { type Command, CommandGatherer, parseCommand, tagOf, textOf } from "./imap_command.ts";
import * as mailboxes from "./imap_mailboxes.ts";
import * as messages from "./imap_messages.ts";
import { bad, type ImapState, no, ok, type Reply } from "./imap_reply.ts";
import type { MailStore } from "./mailbox.ts";

/** What the IMAP server is told. */
export interface ImapServerOptions {
  readonly store: MailStore;
  /** The wall clock. */
  readonly date: () => Millis;
}

/** What the server can do. */
export const IMAP_CAPABILITIES: readonly Octets[] = [
  "IMAP4rev1",
  "LITERAL+",
  "ID",
  "IDLE",
  "UIDPLUS",
  "UNSELECT",
  "CHILDREN",
  "SPECIAL-USE",
];

/** One connection of the IMAP server. */
export class ImapServer implements Conversation {
  readonly #state: ImapState;
  readonly #incoming = new Incoming();
  readonly #gatherer = new CommandGatherer();
  #isGreeted = false;
  #isOver = false;
  /** The tag of the IDLE command under way. */
  #idleTag: Octets | undefined;

  constructor(options: ImapServerOptions) {
    this.#state = { ...options, account: undefined, view: undefined };
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  receive(bytes: Uint8Array): void {
    this.#incoming.push(bytes);
  }

  next(): Uint8Array | undefined {
    const said = this.#next();
    return said === undefined ? undefined : encode(said);
  }

  #next(): Octets | undefined {
    if (this.#isOver) return undefined;
    if (!this.#isGreeted) {
      this.#isGreeted = true;
      return `* OK [${CAPABILITIES}] Postern demo IMAP server ready\r\n`;
    }
    if (this.#idleTag !== undefined) return this.#idle(this.#idleTag);
    const gathered = this.#gatherer.next(this.#incoming, this.#state.account !== undefined);
    switch (gathered?.type) {
      case undefined:
        return undefined;
      case "continue":
        return "+ Send it\r\n";
      case "tooLong":
        this.#isOver = gathered.mustClose;
        return `${gathered.tag} BAD Too long\r\n` + (gathered.mustClose ? "* BYE Too long\r\n" : "");
      case "command":
        return this.#answer(gathered.octets);
    }
  }

  #answer(octets: Octets): Octets {
    const command = parseCommand(octets);
    if (command === undefined) return `${tagOf(octets)} BAD Not understood\r\n`;
    const { tag, name } = command;
    if (name === "LOGOUT") {
      this.#isOver = true;
      return `* BYE Until next time\r\n${tag} OK Logged out\r\n`;
    }
    if (name === "IDLE" && this.#state.account !== undefined) {
      this.#idleTag = tag;
      return "+ Waiting for news\r\n";
    }
    const reply = this.#run(command);
    // RFC 3501, 7.4.1: numbers must not change while the client may be using them in its next command.
    const mayExpunge = command.byUid || !NUMBERED.has(name);
    const news = this.#state.view?.news(mayExpunge) ?? "";
    return `${reply.untagged}${news}${tag} ${reply.status} ${reply.text}\r\n`;
  }

  #run(command: Command): Reply {
    const rule = COMMANDS.get(command.name);
    if (rule === undefined || (command.byUid && !UID_COMMANDS.has(command.name))) return bad("Unknown command");
    if (rule.needs === "noLogin" && this.#state.account !== undefined) return bad("Logged in already");
    if (rule.needs === "login" && this.#state.account === undefined) return bad("Log in first");
    if (rule.needs === "mailbox" && this.#state.view === undefined) return bad("Select a mailbox first");
    return rule.run(this.#state, command);
  }

  /** Waits for news or for DONE (RFC 2177). */
  #idle(tag: Octets): Octets | undefined {
    const news = this.#state.view?.news() ?? "";
    if (news !== "") return news;
    const line = this.#incoming.line(IDLE_LINE_LIMIT);
    if (line === undefined) return undefined;
    this.#idleTag = undefined;
    if (line !== "tooLong" && line.text.toUpperCase() === "DONE") return `${tag} OK Idle no more\r\n`;
    this.#isOver = line === "tooLong";
    return `${tag} BAD Expected DONE\r\n`;
  }
}

/** When a command's time has come, and what carries it out. */
interface Rule {
  readonly needs: "nothing" | "noLogin" | "login" | "mailbox";
  run(state: ImapState, command: Command): Reply;
}

function capability(): Reply {
  return ok("That is all", `* ${CAPABILITIES}\r\n`);
}

function id(): Reply {
  return ok("Pleased to meet you", '* ID ("name" "Postern demo")\r\n');
}

function noop(): Reply {
  return ok("Done");
}

function login(state: ImapState, { args }: Command): Reply {
  const name = textOf(args[0]);
  const password = textOf(args[1]);
  if (name === undefined || password === undefined) return bad("Name and password");
  state.account = state.store.login(name, password);
  if (state.account === undefined) return no("[AUTHENTICATIONFAILED] Wrong user name or password");
  return ok(`[${CAPABILITIES}] Logged in`);
}

const CAPABILITIES = `CAPABILITY ${IMAP_CAPABILITIES.join(" ")}`;

const COMMANDS: ReadonlyMap<Octets, Rule> = new Map<Octets, Rule>([
  ["CAPABILITY", { needs: "nothing", run: capability }],
  ["NOOP", { needs: "nothing", run: noop }],
  ["ID", { needs: "nothing", run: id }],
  ["LOGIN", { needs: "noLogin", run: login }],
  ["SELECT", { needs: "login", run: mailboxes.select }],
  ["EXAMINE", { needs: "login", run: mailboxes.select }],
  ["LIST", { needs: "login", run: mailboxes.list }],
  ["LSUB", { needs: "login", run: mailboxes.list }],
  ["STATUS", { needs: "login", run: mailboxes.status }],
  ["CREATE", { needs: "login", run: mailboxes.create }],
  ["DELETE", { needs: "login", run: mailboxes.remove }],
  ["RENAME", { needs: "login", run: mailboxes.rename }],
  ["SUBSCRIBE", { needs: "login", run: mailboxes.subscribe }],
  ["UNSUBSCRIBE", { needs: "login", run: mailboxes.subscribe }],
  ["APPEND", { needs: "login", run: mailboxes.append }],
  ["CHECK", { needs: "mailbox", run: noop }],
  ["CLOSE", { needs: "mailbox", run: messages.close }],
  ["UNSELECT", { needs: "mailbox", run: messages.close }],
  ["EXPUNGE", { needs: "mailbox", run: messages.expunge }],
  ["SEARCH", { needs: "mailbox", run: messages.search }],
  ["FETCH", { needs: "mailbox", run: messages.fetch }],
  ["STORE", { needs: "mailbox", run: messages.store }],
  ["COPY", { needs: "mailbox", run: messages.copy }],
]);
const UID_COMMANDS: ReadonlySet<Octets> = new Set(["FETCH", "STORE", "COPY", "SEARCH", "EXPUNGE"]);
const NUMBERED: ReadonlySet<Octets> = new Set(["FETCH", "STORE", "SEARCH"]);
const IDLE_LINE_LIMIT = 1024;
