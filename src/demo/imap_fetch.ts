/**
 * FETCH: what a client may ask of a message, and how it is told (RFC 3501, 6.4.5 and 7.4.2).
 *
 * @module
 */

import type { Octets } from "../runtime.ts";
import { internalDate } from "./dates.ts";
import { textOf, type Value } from "./imap_command.ts";
import { bodyStructure, envelope, string } from "./imap_structure.ts";
import { parseNumber } from "./imap_view.ts";
import type { Message } from "./mailbox.ts";
import { fields, parseMessage, type Part } from "./mime.ts";

/** One thing asked of each message. */
export interface FetchItem {
  /** Whether the message counts as read after it. */
  readonly marksSeen: boolean;
  /** Name and value, as they stand in the response. */
  tell(message: Fetched): Octets;
}

/** A message that is being told; taken apart only when an item needs that. */
export class Fetched {
  readonly message: Message;
  #part: Part | undefined;

  constructor(message: Message) {
    this.message = message;
  }

  get part(): Part {
    return this.#part ??= parseMessage(this.message.octets);
  }
}

/** Reads what FETCH asks for: an item, a macro or a list of items. `undefined` when one is unknown. */
export function parseFetchItems(value: Value | undefined): readonly FetchItem[] | undefined {
  if (value === undefined) return undefined;
  const names = value.type === "list" ? value.items.map(textOf) : macro(value.text);
  const items = names.map((name) => name === undefined ? undefined : parseItem(name));
  return items.length > 0 && items.every((item) => item !== undefined) ? items : undefined;
}

function macro(text: Octets): readonly Octets[] {
  return MACROS.get(text.toUpperCase()) ?? [text];
}

function parseItem(text: Octets): FetchItem | undefined {
  const name = text.toUpperCase();
  const simple = SIMPLE_ITEMS.get(name);
  if (simple !== undefined) return { marksSeen: false, tell: (fetched) => `${name} ${simple(fetched)}` };
  const old = OLD_NAMES.get(name);
  if (old !== undefined) return section({ label: name, section: old.section, marksSeen: old.marksSeen });
  const open = text.indexOf("[");
  const close = text.lastIndexOf("]");
  const word = name.slice(0, open);
  if (open < 0 || close < 0 || (word !== "BODY" && word !== "BODY.PEEK")) return undefined;
  const wanted = text.slice(open + 1, close);
  const partial = parsePartial(text.slice(close + 1));
  if (partial === undefined) return undefined;
  const label = `BODY[${wanted.toUpperCase()}]`;
  return section({ label, section: wanted, marksSeen: word === "BODY", ...partial });
}

interface SectionItem {
  readonly label: Octets;
  readonly section: Octets;
  readonly marksSeen: boolean;
  readonly from?: number | undefined;
  readonly count?: number | undefined;
}

function section({ label, section, marksSeen, from, count }: SectionItem): FetchItem | undefined {
  const find = parseSection(section);
  if (find === undefined) return undefined;
  const place = from === undefined ? "" : `<${from}>`;
  return {
    marksSeen,
    tell(fetched) {
      const octets = find(fetched);
      if (octets === undefined) return `${label}${place} NIL`;
      const wanted = from === undefined ? octets : octets.slice(from, from + (count ?? 0));
      return `${label}${place} {${wanted.length}}\r\n${wanted}`;
    },
  };
}

/** `<0.1024>` or nothing. */
function parsePartial(text: Octets): { readonly from?: number; readonly count?: number } | undefined {
  if (text === "") return {};
  if (!text.startsWith("<") || !text.endsWith(">")) return undefined;
  const [first = "", second = "", ...more] = text.slice(1, -1).split(".");
  const from = first === "0" ? 0 : parseNumber(first);
  const count = parseNumber(second);
  return from === undefined || count === undefined || more.length > 0 ? undefined : { from, count };
}

/** Reads `1.2.HEADER.FIELDS (FROM TO)` and finds what it names in a message. */
function parseSection(text: Octets): ((fetched: Fetched) => Octets | undefined) | undefined {
  if (text === "") return ({ message }) => message.octets;
  const blank = text.indexOf(" ");
  const words = (blank < 0 ? text : text.slice(0, blank)).toUpperCase().split(".");
  const path: number[] = [];
  for (let number = parseNumber(words[0] ?? ""); number; number = parseNumber(words[0] ?? "")) {
    path.push(number);
    words.shift();
  }
  const names = blank < 0 ? [] : parseNames(text.slice(blank + 1));
  const tell = textOfPart(words.join("."), { isWhole: path.length === 0, names });
  return tell && ((fetched) => {
    const part = partAt(fetched.part, path);
    return part && tell(part);
  });
}

/** What of a part is meant. HEADER and TEXT of a part are those of the message in it (RFC 3501, 6.4.5). */
function textOfPart(
  text: Octets,
  { isWhole, names }: { readonly isWhole: boolean; readonly names: readonly Octets[] },
): ((part: Part) => Octets | undefined) | undefined {
  const message = (part: Part) => isWhole ? part : part.message;
  switch (text) {
    case "":
      return (part) => part.body;
    case "MIME":
      return isWhole ? undefined : (part) => part.header;
    case "HEADER":
      return (part) => message(part)?.header;
    case "TEXT":
      return (part) => message(part)?.body;
    case "HEADER.FIELDS":
    case "HEADER.FIELDS.NOT":
      return (part) => someFields(message(part)?.header, { names, isWanted: text === "HEADER.FIELDS" });
    default:
      return undefined;
  }
}

function someFields(
  header: Octets | undefined,
  { names, isWanted }: { readonly names: readonly Octets[]; readonly isWanted: boolean },
): Octets | undefined {
  if (header === undefined) return undefined;
  const chosen = fields(header).filter(({ name }) => names.includes(name.toUpperCase()) === isWanted);
  return chosen.map(({ text }) => text).join("") + "\r\n";
}

function parseNames(list: Octets): readonly Octets[] {
  const names = list.replaceAll("(", " ").replaceAll(")", " ").replaceAll('"', " ").toUpperCase().split(" ");
  return names.filter((name) => name !== "");
}

/** A message that is no multipart has itself as its part 1. */
function partAt(root: Part, path: readonly number[]): Part | undefined {
  let part: Part | undefined = root;
  let within = partsOf(root);
  for (const number of path) {
    part = within[number - 1];
    if (part === undefined) return undefined;
    within = part.message === undefined ? part.parts : partsOf(part.message);
  }
  return part;
}

function partsOf(message: Part): readonly Part[] {
  return message.parts.length > 0 ? message.parts : [message];
}

const SIMPLE_ITEMS: ReadonlyMap<Octets, (fetched: Fetched) => Octets> = new Map([
  ["UID", ({ message }) => `${message.uid}`],
  ["FLAGS", ({ message }) => `(${message.flags.join(" ")})`],
  ["INTERNALDATE", ({ message }) => string(internalDate(message.date))],
  ["RFC822.SIZE", ({ message }) => `${message.octets.length}`],
  ["ENVELOPE", ({ part }) => envelope(part.header)],
  ["BODY", ({ part }) => bodyStructure(part, false)],
  ["BODYSTRUCTURE", ({ part }) => bodyStructure(part, true)],
]);

/** Names from before there were sections (RFC 3501, 6.4.5). */
const OLD_NAMES: ReadonlyMap<Octets, { readonly section: Octets; readonly marksSeen: boolean }> = new Map([
  ["RFC822", { section: "", marksSeen: true }],
  ["RFC822.HEADER", { section: "HEADER", marksSeen: false }],
  ["RFC822.TEXT", { section: "TEXT", marksSeen: true }],
]);

const FAST = ["FLAGS", "INTERNALDATE", "RFC822.SIZE"];
const MACROS: ReadonlyMap<Octets, readonly Octets[]> = new Map([
  ["FAST", FAST],
  ["ALL", [...FAST, "ENVELOPE"]],
  ["FULL", [...FAST, "ENVELOPE", "BODY"]],
]);
