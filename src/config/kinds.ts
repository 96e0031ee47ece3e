/**
 * The kinds of values, one for each of nginx's "slots", with its error texts and its rule for a second use.
 *
 * @module
 */

import type { Millis, Octets } from "../runtime.ts";
import type { Call } from "./call.ts";
import { ONE, SOME } from "./directive.ts";
import type { Count, Kind } from "./directive.ts";
import { didYouMean } from "./suggest.ts";
import { parseBigSize, parseMillis, parseNumber, parseSeconds, parseSize } from "./values.ts";

/** For what is no time, size or number. */
export const TIME_HINT = "a time is digits with or without units, such as 90, 90s or 1h30m";
const SIZE_HINT = "a size is digits with or without a unit, such as 4096, 4k or 1m";
const NUMBER_HINT = "a number is digits and nothing else";

/** A kind of directive that a block may have once. */
export function once<V>(syntax: string, read: (call: Call) => V, count: Count = ONE): Kind<V> {
  return {
    syntax,
    count,
    repeated: "refused",
    read(call, earlier) {
      if (earlier !== undefined) throw call.error(`"${call.name}" directive is duplicate`);
      return read(call);
    },
  };
}

/** A kind of directive of which the last one in a block counts. */
export function lastWins<V>(syntax: string, read: (call: Call) => V, count: Count = ONE): Kind<V> {
  return { syntax, count, repeated: "replaces", read };
}

/** A kind of directive whose uses in one block add up. */
export function listOf<V>(syntax: string, read: (call: Call) => readonly V[], count: Count): Kind<readonly V[]> {
  return { syntax, count, repeated: "adds", read: (call, earlier = []) => [...earlier, ...read(call)] };
}

/** `on` or `off`, in any case. */
export const flag: Kind<boolean> = once("on | off", (call) => {
  const value = call.arg(0).toLowerCase();
  if (value === "on" || value === "off") return value === "on";
  throw call.error(`invalid value "${call.arg(0)}" in "${call.name}" directive, it must be "on" or "off"`);
});

/** A time that may be given to the millisecond. */
export const millis: Kind<Millis> = parsed("time", parseMillis, "invalid value", TIME_HINT);

/** A time in whole seconds. */
export const seconds: Kind<number> = parsed("time", parseSeconds, "invalid value", TIME_HINT);

/** A size in octets. */
export const size: Kind<number> = parsed("size", parseSize, "invalid value", SIZE_HINT);

/** A size in octets that may be given in `g`. */
export const bigSize: Kind<number> = parsed("size", parseBigSize, "invalid value", SIZE_HINT);

/** A number. */
export const number: Kind<number> = parsed("number", parseNumber, "invalid number", NUMBER_HINT);

function parsed(
  syntax: string,
  parse: (text: Octets) => number | undefined,
  complaint: string,
  hint: Octets,
): Kind<number> {
  return once(syntax, (call) => {
    const value = parse(call.arg(0));
    if (value === undefined) throw call.error(`"${call.name}" directive ${complaint}`, hint);
    return value;
  });
}

/** One word, whatever it is; `syntax` says what it stands for. */
export function text(syntax: string): Kind<Octets> {
  return once(syntax, (call) => call.arg(0));
}

/** A file, relative to the directory of the main configuration file; empty for none. */
export const file: Kind<Octets> = once("file", (call) => call.arg(0) && call.fullName(call.arg(0)));

/** All the words of all uses. */
export function words(syntax: string): Kind<readonly Octets[]> {
  return listOf(`${syntax} …`, (call) => call.args, SOME);
}

/** Words that are checked for their number only. */
export function anything(syntax: string, count: Count = ONE): Kind<readonly Octets[]> {
  return listOf(syntax, (call) => call.args, count);
}

/** One of a few words, in any case. */
export function oneOf<W extends string>(choices: readonly W[]): Kind<W> {
  return once(choices.join(" | "), (call) => choose(call, call.arg(0), choices));
}

/**
 * Some of a few words, in any case. The value has them in the order of `choices`, however they were given: that is the
 * order in which nginx announces them.
 */
export function someOf<W extends string>(choices: readonly W[]): Kind<readonly W[]> {
  return {
    syntax: `${choices.join(" | ")} …`,
    count: SOME,
    repeated: "adds",
    read(call, earlier = []) {
      const given = new Set(earlier);
      for (const arg of call.args) {
        const choice = choose(call, arg, choices);
        if (given.has(choice)) call.warn(`duplicate value "${arg}"`);
        given.add(choice);
      }
      return choices.filter((choice) => given.has(choice));
    },
  };
}

function choose<W extends string>(call: Call, word: Octets, choices: readonly W[]): W {
  const lower = word.toLowerCase();
  const choice = choices.find((candidate) => candidate.toLowerCase() === lower);
  if (choice !== undefined) return choice;
  const quoted = choices.map((choice) => `"${choice}"`);
  const all = [quoted.slice(0, -1).join(", "), ...quoted.slice(-1)].join(" or ");
  throw call.error(`invalid value "${word}"`, didYouMean(word, choices) ?? `"${call.name}" takes ${all}`);
}
