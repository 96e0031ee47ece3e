/**
 * File name patterns, as `include` has them: `*`, `?` and `[…]`, as glob(3) reads them.
 *
 * @module
 */

import { isFailure } from "../runtime.ts";
import type { Files, Octets } from "../runtime.ts";

/** Whether nginx takes a path for a pattern. */
export function isPattern(path: Octets): boolean {
  return /[*?[]/.test(path);
}

/** The files that match, in order of their octets. Directories that cannot be read count as empty. */
export function expand(pattern: Octets, files: Pick<Files, "list">): readonly Octets[] {
  const [first = "", ...parts] = pattern.split("/");
  let paths = isPattern(first) ? matches("", first, files) : [first];
  for (const part of parts) {
    paths = paths.flatMap((path) => isPattern(part) ? matches(`${path}/`, part, files) : [`${path}/${part}`]);
  }
  const last = parts.at(-1) ?? first;
  const found = isPattern(last) ? paths : paths.filter((path) => exists(path, files));
  return found.sort((a, b) => a < b ? -1 : 1);
}

function matches(directory: Octets, pattern: Octets, files: Pick<Files, "list">): Octets[] {
  return namesIn(directory, files).filter((name) => matchesName(pattern, name)).map((name) => directory + name);
}

function exists(path: Octets, files: Pick<Files, "list">): boolean {
  const slash = path.lastIndexOf("/") + 1;
  return namesIn(path.slice(0, slash), files).includes(path.slice(slash));
}

function namesIn(directory: Octets, files: Pick<Files, "list">): readonly Octets[] {
  const names = files.list(directory === "" ? "." : directory);
  return isFailure(names) ? [] : names;
}

/** Whether one name matches one part of a pattern. A dot at its beginning must be there in the pattern, too. */
function matchesName(pattern: Octets, name: Octets): boolean {
  if (name.startsWith(".") && !pattern.startsWith(".")) return false;
  let at = 0;
  let inName = 0;
  // Where to go back to when what follows the last `*` does not fit: one character more for the star then.
  let retry: { readonly at: number; inName: number } | undefined;
  while (inName < name.length || at < pattern.length) {
    if (pattern[at] === "*") {
      retry = { at: ++at, inName };
      continue;
    }
    const next = inName < name.length ? matchOne(pattern, at, name.charAt(inName)) : undefined;
    if (next !== undefined) {
      at = next;
      inName++;
    } else if (retry !== undefined && retry.inName < name.length) {
      at = retry.at;
      inName = ++retry.inName;
    } else {
      return false;
    }
  }
  return true;
}

/** Where the pattern goes on when its element at `at` takes this character. */
function matchOne(pattern: Octets, at: number, character: string): number | undefined {
  const element = pattern[at];
  if (element === "?") return at + 1;
  if (element === "[") {
    const end = endOfSet(pattern, at);
    if (end !== undefined) return inSet(pattern.slice(at + 1, end), character) ? end + 1 : undefined;
  }
  if (element === "\\" && at + 1 < pattern.length) return pattern[at + 1] === character ? at + 2 : undefined;
  return element === character ? at + 1 : undefined;
}

/** The `]` that closes a set: not the first character in it. Without one the `[` is plain. */
function endOfSet(pattern: Octets, open: number): number | undefined {
  const first = isNegated(pattern.slice(open + 1)) ? open + 2 : open + 1;
  const close = pattern.indexOf("]", first + 1);
  return close === -1 ? undefined : close;
}

/** Whether a set such as `a-z0-9` or `!a-z` has a character. */
function inSet(set: Octets, character: string): boolean {
  const members = isNegated(set) ? set.slice(1) : set;
  let found = false;
  for (let i = 0; i < members.length; i++) {
    const from = members.charAt(i);
    const isRange = members[i + 1] === "-" && i + 2 < members.length;
    const to = isRange ? members.charAt(i + 2) : from;
    if (isRange) i += 2;
    found ||= from <= character && character <= to;
  }
  return found !== isNegated(set);
}

function isNegated(set: Octets): boolean {
  return set.startsWith("!") || set.startsWith("^");
}
