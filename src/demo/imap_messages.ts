/**
 * IMAP commands about the messages of the selected mailbox (RFC 3501, 6.4; UIDPLUS: RFC 4315).
 *
 * @module
 */

import type { Octets } from "../runtime.ts";
import { type Command, textOf, textsOf } from "./imap_command.ts";
import { Fetched, type FetchItem, parseFetchItems } from "./imap_fetch.ts";
import { bad, cleanFlags, type ImapState, no, ok, type Reply } from "./imap_reply.ts";
import { parseSearch } from "./imap_search.ts";
import type { Entry, View } from "./imap_view.ts";
import { ACCOUNT_LIMIT, type Message } from "./mailbox.ts";

/** FETCH and UID FETCH. */
export function fetch({ view }: ImapState, { args, byUid }: Command): Reply {
  const entries = find(view, args[0], byUid);
  const items = parseFetchItems(args[1]);
  if (view === undefined || entries === undefined || items === undefined) return bad("Fetch what");
  const marksSeen = !view.isReadOnly && items.some((item) => item.marksSeen);
  let told = "";
  for (const { message, number } of entries) {
    const isNews = marksSeen && !message.has("\\Seen");
    if (isNews) setFlags(view, message, [...message.flags, "\\Seen"]);
    told += `* ${number} FETCH (${tell(message, items, { byUid, isNews })})\r\n`;
    if (told.length > FETCH_LIMIT) return no("[LIMIT] Too much at once");
  }
  return ok("Fetched", told);
}

/** STORE and UID STORE. */
export function store({ view }: ImapState, { args, byUid }: Command): Reply {
  const entries = find(view, args[0], byUid);
  const change = parseChange(textOf(args[1]));
  const texts = args.length > 3 ? args.slice(2).map(textOf) : textsOf(args[2]);
  if (view === undefined || entries === undefined || change === undefined) return bad("Store what");
  if (texts === undefined || !texts.every((text) => text !== undefined)) return bad("Which flags");
  if (view.isReadOnly) return no("[READ-ONLY] Examined, not selected");
  const flags = cleanFlags(texts);
  let told = "";
  for (const { message, number } of entries) {
    setFlags(view, message, changed(message.flags, flags, change.how));
    const uid = byUid ? `UID ${message.uid} ` : "";
    if (!change.isSilent) told += `* ${number} FETCH (${uid}FLAGS (${message.flags.join(" ")}))\r\n`;
  }
  return ok("Stored", told);
}

/** COPY and UID COPY. */
export function copy({ account, view }: ImapState, { args, byUid }: Command): Reply {
  const entries = find(view, args[0], byUid);
  const name = textOf(args[1]);
  if (entries === undefined || name === undefined) return bad("Copy what, and where");
  const target = account?.find(name);
  if (target === undefined) return no("[TRYCREATE] No such mailbox");
  const size = entries.reduce((sum, { message }) => sum + message.octets.length, 0);
  if (!account?.hasRoom(size, entries.length)) return no("[OVERQUOTA] The demo's mailboxes are small");
  if (entries.length === 0) return ok("Nothing to copy");
  const copies = entries.map(({ message }) => target.add(message.octets, message));
  return ok(`[COPYUID ${target.uidValidity} ${uids(entries.map(({ message }) => message))} ${uids(copies)}] Copied`);
}

/** SEARCH and UID SEARCH. */
export function search({ view }: ImapState, { args, byUid }: Command): Reply {
  const isWanted = view && parseSearch(args, view);
  if (view === undefined || isWanted === undefined) return bad("Search what");
  const found = view.entries.filter(isWanted).map(({ message, number }) => ` ${byUid ? message.uid : number}`);
  return ok("Searched", `* SEARCH${found.join("")}\r\n`);
}

/** EXPUNGE and UID EXPUNGE; the client is told with the news that follow each command. */
export function expunge({ view }: ImapState, { args, byUid }: Command): Reply {
  const entries = byUid ? find(view, args[0], true) : view?.entries;
  if (view === undefined || entries === undefined) return bad("Expunge what");
  if (view.isReadOnly) return no("[READ-ONLY] Examined, not selected");
  removeDeleted(view, entries);
  return ok("Expunged");
}

/** CLOSE removes what is marked as deleted, UNSELECT does not (RFC 3691). */
export function close(state: ImapState, { name }: Command): Reply {
  const view = state.view;
  state.view = undefined;
  if (view !== undefined && !view.isReadOnly && name === "CLOSE") removeDeleted(view, view.entries);
  return ok("Closed");
}

function removeDeleted(view: View, entries: readonly Entry[]): void {
  const messages = entries.map(({ message }) => message).filter((message) => message.has("\\Deleted"));
  if (messages.length > 0) view.mailbox.remove(new Set(messages));
}

function find(view: View | undefined, set: Command["args"][number] | undefined, byUid: boolean) {
  const text = textOf(set);
  return text === undefined ? undefined : view?.find(text, byUid);
}

function tell(
  message: Message,
  items: readonly FetchItem[],
  { byUid, isNews }: { readonly byUid: boolean; readonly isNews: boolean },
): Octets {
  const fetched = new Fetched(message);
  const told: Octets[] = [];
  let size = 0;
  for (const item of items) {
    // One command may ask for the whole message a thousand times.
    if (size > FETCH_LIMIT) break;
    told.push(item.tell(fetched));
    size += told.at(-1)?.length ?? 0;
  }
  const has = (name: Octets) => told.some((text) => text.startsWith(`${name} `));
  if (byUid && !has("UID")) told.unshift(`UID ${message.uid}`);
  // RFC 3501, 6.4.5: flags that the fetch itself changed should be told in it.
  if (isNews && !has("FLAGS")) told.push(`FLAGS (${message.flags.join(" ")})`);
  return told.join(" ");
}

/** The answer tells this client: it needs no news of it. */
function setFlags(view: View, message: Message, flags: readonly Octets[]): void {
  view.mailbox.setFlags(message, flags);
  view.flagsTold(message);
}

type How = "replace" | "add" | "remove";

function parseChange(text = ""): { readonly how: How; readonly isSilent: boolean } | undefined {
  const name = text.toUpperCase();
  const isSilent = name.endsWith(".SILENT");
  const how = HOW.get(isSilent ? name.slice(0, -7) : name);
  return how && { how, isSilent };
}

function changed(own: readonly Octets[], flags: readonly Octets[], how: How): readonly Octets[] {
  switch (how) {
    case "replace":
      return flags;
    case "add":
      return cleanFlags([...own, ...flags]);
    case "remove": {
      const gone = new Set(flags.map((flag) => flag.toLowerCase()));
      return own.filter((flag) => !gone.has(flag.toLowerCase()));
    }
  }
}

function uids(messages: readonly Message[]): Octets {
  return messages.map(({ uid }) => uid).join(",");
}

/** How many octets one command may be answered with: all mail of an account, and all of it once more. */
const FETCH_LIMIT = 2 * ACCOUNT_LIMIT;

const HOW: ReadonlyMap<Octets, How> = new Map([["FLAGS", "replace"], ["+FLAGS", "add"], ["-FLAGS", "remove"]]);
