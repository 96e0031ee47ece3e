/**
 * IMAP commands about mailboxes as a whole (RFC 3501, 6.3).
 *
 * @module
 */

import type { Octets } from "../runtime.ts";
import { parseInternalDate } from "./dates.ts";
import { type Command, textOf, textsOf } from "./imap_command.ts";
import { bad, cleanFlags, type ImapState, no, ok, type Reply, SYSTEM_FLAGS } from "./imap_reply.ts";
import { string } from "./imap_structure.ts";
import { View } from "./imap_view.ts";
import { type Account, type Mailbox, withLineEnds } from "./mailbox.ts";

/** SELECT and EXAMINE. A failed one leaves no mailbox selected. */
export function select(state: ImapState, { name, args }: Command): Reply {
  state.view = undefined;
  const wanted = textOf(args[0]);
  if (wanted === undefined) return bad("Which mailbox");
  const mailbox = state.account?.find(wanted);
  if (mailbox === undefined) return no("[NONEXISTENT] No such mailbox");
  const isReadOnly = name === "EXAMINE";
  state.view = new View(mailbox, isReadOnly);
  const flags = SYSTEM_FLAGS.join(" ");
  const unseen = mailbox.messages.findIndex((message) => !message.has("\\Seen"));
  const untagged = [
    `* FLAGS (${flags})`,
    `* OK [PERMANENTFLAGS (${isReadOnly ? "" : `${flags} \\*`})] Flags that stay`,
    `* ${mailbox.messages.length} EXISTS`,
    "* 0 RECENT",
    ...(unseen < 0 ? [] : [`* OK [UNSEEN ${unseen + 1}] First unread`]),
    `* OK [UIDVALIDITY ${mailbox.uidValidity}] UIDs are valid`,
    `* OK [UIDNEXT ${mailbox.uidNext}] Next UID`,
    "",
  ];
  return ok(`[READ-${isReadOnly ? "ONLY" : "WRITE"}] Selected`, untagged.join("\r\n"));
}

/** LIST and LSUB. */
export function list({ account }: ImapState, { name: command, args }: Command): Reply {
  const reference = textOf(args[0]);
  const pattern = textOf(args[1]);
  if (account === undefined || reference === undefined || pattern === undefined) return bad("Which mailboxes");
  // An empty pattern asks for the hierarchy's delimiter.
  if (pattern === "") return ok("Listed", `* ${command} (\\Noselect) "/" ""\r\n`);
  let untagged = "";
  for (const [name, mailbox] of account.mailboxes) {
    if (!matches(reference + pattern, name) || (command === "LSUB" && !mailbox.isSubscribed)) continue;
    untagged += `* ${command} (${attributes(account, name, mailbox)}) "/" ${string(name)}\r\n`;
  }
  return ok("Listed", untagged);
}

/** STATUS. */
export function status({ account }: ImapState, { args }: Command): Reply {
  const name = textOf(args[0]);
  const wanted = args[1]?.type === "list" ? textsOf(args[1]) : undefined;
  if (name === undefined || wanted === undefined) return bad("Status of what");
  const mailbox = account?.find(name);
  if (mailbox === undefined) return no("[NONEXISTENT] No such mailbox");
  const items = wanted.map((item) => statusItem(mailbox, item.toUpperCase()));
  if (items.includes(undefined)) return bad("Unknown status item");
  return ok("Status told", `* STATUS ${string(name)} (${items.join(" ")})\r\n`);
}

/** CREATE. */
export function create({ account }: ImapState, { args }: Command): Reply {
  const name = textOf(args[0]);
  if (name === undefined) return bad("Which mailbox");
  if (account?.find(name) !== undefined) return no("[ALREADYEXISTS] There is one already");
  return account?.create(name) === undefined ? no("[CANNOT] Not with that name") : ok("Created");
}

/** DELETE. */
export function remove({ account }: ImapState, { args }: Command): Reply {
  const name = textOf(args[0]);
  if (name === undefined) return bad("Which mailbox");
  if (account?.find(name) === undefined) return no("[NONEXISTENT] No such mailbox");
  return account.delete(name) ? ok("Deleted") : no("[CANNOT] INBOX and mailboxes with others below them stay");
}

/** RENAME. */
export function rename({ account }: ImapState, { args }: Command): Reply {
  const from = textOf(args[0]);
  const to = textOf(args[1]);
  if (from === undefined || to === undefined) return bad("Which mailbox, and to what");
  return account?.rename(from, to) ? ok("Renamed") : no("[CANNOT] Not from that name to that name");
}

/** SUBSCRIBE and UNSUBSCRIBE. */
export function subscribe({ account }: ImapState, { name: command, args }: Command): Reply {
  const name = textOf(args[0]);
  if (name === undefined) return bad("Which mailbox");
  const mailbox = account?.find(name);
  if (mailbox === undefined) return no("[NONEXISTENT] No such mailbox");
  mailbox.isSubscribed = command === "SUBSCRIBE";
  return ok("Noted");
}

/** APPEND: name, flags if any, date if any, message. */
export function append({ account, date }: ImapState, { args }: Command): Reply {
  const name = textOf(args[0]);
  const hasFlags = args[1]?.type === "list";
  const flags = hasFlags ? textsOf(args[1]) : [];
  const [first, second] = args.slice(hasFlags ? 2 : 1).map(textOf);
  const octets = second ?? first;
  if (name === undefined || flags === undefined || octets === undefined) return bad("Append what");
  const arrived = second === undefined ? date() : parseInternalDate(first ?? "");
  if (arrived === undefined) return bad("Invalid date");
  const mailbox = account?.find(name);
  if (mailbox === undefined) return no("[TRYCREATE] No such mailbox");
  const whole = withLineEnds(octets);
  if (!account?.hasRoom(whole.length)) return no("[OVERQUOTA] The demo's mailboxes are small");
  const { uid } = mailbox.add(whole, { date: arrived, flags: cleanFlags(flags) });
  return ok(`[APPENDUID ${mailbox.uidValidity} ${uid}] Appended`);
}

function attributes(account: Account, name: Octets, mailbox: Mailbox): Octets {
  const children = account.hasBelow(name) ? "\\HasChildren" : "\\HasNoChildren";
  return mailbox.use === undefined ? children : `${children} ${mailbox.use}`;
}

function statusItem(mailbox: Mailbox, item: Octets): Octets | undefined {
  switch (item) {
    case "MESSAGES":
      return `MESSAGES ${mailbox.messages.length}`;
    case "RECENT":
      return "RECENT 0";
    case "UIDNEXT":
      return `UIDNEXT ${mailbox.uidNext}`;
    case "UIDVALIDITY":
      return `UIDVALIDITY ${mailbox.uidValidity}`;
    case "UNSEEN":
      return `UNSEEN ${mailbox.messages.filter((message) => !message.has("\\Seen")).length}`;
    default:
      return undefined;
  }
}

/**
 * Whether a name is one of those that a pattern means: `*` stands for anything, `%` for anything without a `/`. It
 * keeps all places of the name that the pattern so far may reach, so that no pattern takes long.
 */
function matches(pattern: Octets, name: Octets): boolean {
  if (pattern.length > PATTERN_LIMIT) return false;
  let reached = new Set([0]);
  for (const wanted of name === "INBOX" ? pattern.toUpperCase() : pattern) {
    const next = new Set<number>();
    for (const at of reached) {
      if (wanted !== "*" && wanted !== "%") {
        if (name[at] === wanted) next.add(at + 1);
        continue;
      }
      let end = at;
      next.add(end);
      while (end < name.length && (wanted === "*" || name[end] !== "/")) next.add(++end);
    }
    reached = next;
  }
  return reached.has(name.length);
}

const PATTERN_LIMIT = 400;
