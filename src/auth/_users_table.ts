/**
 * A whole users file, read. It is taken as a whole or not at all.
 *
 * @module
 */

import { ConfigError } from "../config/error.ts";
import type { Octets } from "../runtime.ts";
import { parseUserLine, type UserLine } from "./_users_line.ts";
import { SCHEME_NAMES, type StoredPassword } from "./_users_password.ts";

/** A line, and where it stands. */
export interface UserEntry extends UserLine {
  /** In the file, from 1 on. */
  readonly line: number;
}

/** What a {@linkcode parseUsers} needs to know beside the text. */
export interface UsersContext {
  /** The file's name, for messages. */
  readonly name: Octets;
  /** What is wrong with an upstream as a line names it; `undefined` when sessions may go there. */
  readonly upstreamProblem: (text: Octets) => Octets | undefined;
}

/** Who may log in. */
export class Users {
  readonly name: Octets;
  readonly #entries: ReadonlyMap<Octets, readonly UserEntry[]>;
  readonly #owners: ReadonlyMap<Octets, Octets | undefined>;
  /**
   * The lines of somebody whose passwords cost to check what most users' do: whoever is not in the file is checked
   * against them in vain, so that the time tells nobody who is in it.
   */
  readonly typical: readonly UserEntry[];

  constructor(name: Octets, entries: ReadonlyMap<Octets, readonly UserEntry[]>) {
    this.name = name;
    this.#entries = entries;
    this.#owners = ownersIn(entries);
    this.typical = mostFrequent([...entries.values()]);
  }

  /** How many users there are. */
  get size(): number {
    return this.#entries.size;
  }

  /** The lines of a user, in order: one for each password. Names are compared octet by octet. */
  find(user: Octets): readonly UserEntry[] | undefined {
    return this.#entries.get(user);
  }

  /** The user whose certificate has this fingerprint; `undefined` where that is nobody, or more than one. */
  ownerOf(fingerprint: Octets): Octets | undefined {
    return this.#owners.get(fingerprint);
  }
}

/** Reads the text of a users file. Throws {@linkcode ConfigError} for the first line that is wrong. */
export function parseUsers(text: Octets, context: UsersContext): Users {
  const entries = new Map<Octets, UserEntry[]>();
  let number = 0;
  for (let at = 0; at < text.length;) {
    const end = text.indexOf("\n", at);
    const stop = end === -1 ? text.length : end;
    number++;
    const fail = failure(context.name, number);
    if (number > MOST_LINES) throw fail(`more than ${MOST_LINES} lines`);
    if (stop - at > LONGEST_LINE) throw fail("too long line");
    const line = text.slice(at, stop > at && text[stop - 1] === "\r" ? stop - 1 : stop);
    if (line.trim() !== "" && !line.startsWith("#")) add(entries, { line, number }, { context, fail });
    at = stop + 1;
  }
  return new Users(context.name, entries);
}

type Fail = (problem: string) => ConfigError;

function failure(file: Octets, line: number): Fail {
  return (problem) => {
    const hint = HINTS.get(problem);
    return new ConfigError(problem, { place: { file, line }, hint });
  };
}

function add(
  entries: Map<Octets, UserEntry[]>,
  { line, number }: { readonly line: Octets; readonly number: number },
  { context, fail }: { readonly context: UsersContext; readonly fail: Fail },
): void {
  const parsed = parseUserLine(line);
  if (typeof parsed === "string") throw fail(parsed);
  const problem = parsed.upstream === undefined ? undefined : context.upstreamProblem(parsed.upstream);
  if (problem !== undefined) throw fail(problem);
  const earlier = entries.get(parsed.user) ?? [];
  if (earlier.length >= MOST_PASSWORDS) throw fail(`user "${parsed.user}" has more than ${MOST_PASSWORDS} passwords`);
  if (earlier.length === 0) entries.set(parsed.user, earlier);
  earlier.push({ ...parsed, line: number });
}

/** Whose certificates are; `undefined` for one of several users. */
function ownersIn(entries: ReadonlyMap<Octets, readonly UserEntry[]>): ReadonlyMap<Octets, Octets | undefined> {
  const owners = new Map<Octets, Octets | undefined>();
  for (const [user, lines] of entries) {
    for (const { certificate } of lines) {
      if (certificate === undefined) continue;
      const isShared = owners.has(certificate) && owners.get(certificate) !== user;
      owners.set(certificate, isShared ? undefined : user);
    }
  }
  return owners;
}

/** One of the users whose lines cost what most users' lines cost. */
function mostFrequent(users: readonly (readonly UserEntry[])[]): readonly UserEntry[] {
  const counts = new Map<string, { count: number; readonly entries: readonly UserEntry[] }>();
  for (const entries of users) {
    const cost = entries.map(({ password }) => costOf(password)).join(" ");
    const group = counts.get(cost) ?? { count: 0, entries };
    counts.set(cost, group);
    group.count++;
  }
  const [first] = [...counts.values()].sort((a, b) => b.count - a.count);
  return first?.entries ?? [];
}

/** All that the time of a check depends on. */
function costOf(password: StoredPassword): string {
  if (password.type !== "hash") return password.type;
  const { salt, ...cost } = password.derivation;
  return `${Object.values(cost).join("/")}/${salt.length}`;
}

const HINTS: ReadonlyMap<string, Octets> = new Map([
  ["password without a scheme", 'write "{PLAIN}" before a password as it is, or make a line with "postern passwd"'],
  ["unknown password scheme", `the schemes are ${SCHEME_NAMES.join(", ")}`],
]);

/** Each login of a user tries all of them. */
export const MOST_PASSWORDS = 16;

/** Octets: enough for any hash with all the options. */
const LONGEST_LINE = 4096;

const MOST_LINES = 200_000;
