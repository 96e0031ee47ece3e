/**
 * SEARCH: keys become one predicate (RFC 3501, 6.4.4). Texts are compared octet by octet, ASCII letters in any case.
 *
 * @module
 */

import type { Octets } from "../runtime.ts";
import { dayOf, mailDay, parseDay } from "./dates.ts";
import { type Value } from "./imap_command.ts";
import { type Entry, parseNumber, parseSet, type View } from "./imap_view.ts";
import { fieldValue, parseMessage } from "./mime.ts";

/** Whether a message is wanted. */
export type Predicate = (entry: Entry) => boolean;

/** Reads search keys, all of which must hold; `undefined` when they are not understood. */
export function parseSearch(values: readonly Value[], view: View): Predicate | undefined {
  const reader = new KeyReader(values, view);
  return reader.all();
}

class KeyReader {
  readonly #values: readonly Value[];
  readonly #view: View;
  #at = 0;

  constructor(values: readonly Value[], view: View) {
    this.#values = values;
    this.#view = view;
  }

  all(): Predicate | undefined {
    const keys: Predicate[] = [];
    do {
      const key = this.#key();
      if (key === undefined) return undefined;
      keys.push(key);
    } while (this.#at < this.#values.length);
    return (entry) => keys.every((key) => key(entry));
  }

  #key(): Predicate | undefined {
    // NOT and OR may pile up without parentheses: they are undone in a loop, or a long line would be a deep recursion.
    let negations = 0;
    for (let value = this.#next();; value = this.#next()) {
      if (value === undefined || value.type === "string") return undefined;
      if (value.type === "atom" && value.text.toUpperCase() === "NOT") {
        negations++;
        continue;
      }
      const key = value.type === "list" ? parseSearch(value.items, this.#view) : this.#named(value.text);
      return negations % 2 === 0 || key === undefined ? key : (entry) => !key(entry);
    }
  }

  #named(text: Octets): Predicate | undefined {
    const name = text.toUpperCase();
    const flag = FLAG_KEYS.get(name);
    if (flag !== undefined) return ({ message }) => message.has(flag);
    const absent = name.startsWith("UN") ? FLAG_KEYS.get(name.slice(2)) : undefined;
    if (absent !== undefined) return ({ message }) => !message.has(absent);
    switch (name) {
      case "ALL":
      case "OLD":
        return () => true;
      case "NEW":
      case "RECENT":
        // This server gives no message \Recent.
        return () => false;
      case "OR":
        return this.#either();
      case "UID":
        return this.#set(this.#text(), true);
      case "CHARSET":
        return this.#text() === undefined ? undefined : () => true;
      case "HEADER":
        return this.#header(this.#text());
      default:
        return this.#withArgument(name) ?? this.#set(text, false);
    }
  }

  #either(): Predicate | undefined {
    if (this.#at > OR_LIMIT) return undefined;
    const one = this.#key();
    const other = this.#key();
    return one && other && ((entry) => one(entry) || other(entry));
  }

  #set(set: Octets | undefined, byUid: boolean): Predicate | undefined {
    const ranges = set === undefined ? undefined : parseSet(set, this.#view.last(byUid));
    return ranges && (({ message, number }) => {
      const wanted = byUid ? message.uid : number;
      return ranges.some(([from, to]) => from <= wanted && wanted <= to);
    });
  }

  #header(field: Octets | undefined): Predicate | undefined {
    const wanted = this.#text();
    if (field === undefined || wanted === undefined) return undefined;
    return ({ message }) => {
      const value = fieldValue(parseMessage(message.octets).header, field);
      return value !== undefined && holds(value, wanted);
    };
  }

  /** Keys with one argument; `undefined` when it is none of these, or its argument is not understood. */
  #withArgument(name: Octets): Predicate | undefined {
    if (ADDRESS_KEYS.has(name)) return this.#header(name);
    const compare = DATE_KEYS.get(name) ?? SIZE_KEYS.get(name) ?? TEXT_KEYS.get(name);
    const argument = compare === undefined ? undefined : this.#text();
    return argument === undefined ? undefined : compare?.(argument);
  }

  #text(): Octets | undefined {
    const value = this.#next();
    return value === undefined || value.type === "list" ? undefined : value.text;
  }

  #next(): Value | undefined {
    return this.#values[this.#at++];
  }
}

type Compare = (argument: Octets) => Predicate | undefined;

function byDay(day: (entry: Entry) => number | undefined, holds: (day: number, wanted: number) => boolean): Compare {
  return (argument) => {
    const wanted = parseDay(argument);
    return wanted === undefined ? undefined : (entry) => {
      const own = day(entry);
      return own !== undefined && holds(own, wanted);
    };
  };
}

function bySize(holds: (size: number, wanted: number) => boolean): Compare {
  return (argument) => {
    const wanted = argument === "0" ? 0 : parseNumber(argument);
    return wanted === undefined ? undefined : ({ message }) => holds(message.octets.length, wanted);
  };
}

function byText(text: (entry: Entry) => Octets): Compare {
  return (argument) => (entry) => holds(text(entry), argument);
}

function byKeyword(isWanted: boolean): Compare {
  return (argument) => ({ message }) => message.has(argument) === isWanted;
}

function holds(text: Octets, wanted: Octets): boolean {
  return text.toLowerCase().includes(wanted.toLowerCase());
}

const arrived = ({ message }: Entry) => dayOf(message.date);
const sent = ({ message }: Entry) => mailDay(fieldValue(parseMessage(message.octets).header, "Date") ?? "");

const FLAG_KEYS: ReadonlyMap<Octets, Octets> = new Map([
  ["ANSWERED", "\\Answered"],
  ["DELETED", "\\Deleted"],
  ["DRAFT", "\\Draft"],
  ["FLAGGED", "\\Flagged"],
  ["SEEN", "\\Seen"],
]);
const ADDRESS_KEYS: ReadonlySet<Octets> = new Set(["BCC", "CC", "FROM", "SUBJECT", "TO"]);
const DATE_KEYS: ReadonlyMap<Octets, Compare> = new Map([
  ["BEFORE", byDay(arrived, (day, wanted) => day < wanted)],
  ["ON", byDay(arrived, (day, wanted) => day === wanted)],
  ["SINCE", byDay(arrived, (day, wanted) => day >= wanted)],
  ["SENTBEFORE", byDay(sent, (day, wanted) => day < wanted)],
  ["SENTON", byDay(sent, (day, wanted) => day === wanted)],
  ["SENTSINCE", byDay(sent, (day, wanted) => day >= wanted)],
]);
const SIZE_KEYS: ReadonlyMap<Octets, Compare> = new Map([
  ["LARGER", bySize((size, wanted) => size > wanted)],
  ["SMALLER", bySize((size, wanted) => size < wanted)],
]);
const TEXT_KEYS: ReadonlyMap<Octets, Compare> = new Map([
  ["BODY", byText(({ message }) => parseMessage(message.octets).body)],
  ["TEXT", byText(({ message }) => message.octets)],
  ["KEYWORD", byKeyword(true)],
  ["UNKEYWORD", byKeyword(false)],
]);

/** How far in a list of keys OR may stand. */
const OR_LIMIT = 1000;
