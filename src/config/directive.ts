/**
 * What an entry of the directive table is. The parser, `-t`, the hints and `docs/directives.md` read the same entries.
 *
 * @module
 */

import type { Octets } from "../runtime.ts";
import type { Call } from "./call.ts";
import type { Scope } from "./scope.ts";
import type { Place, Protocol } from "./types.ts";

/** Where a directive may stand. */
export type Context = "main" | "events" | "mail" | "server" | "upstream";

/** How many arguments a directive takes. */
export interface Count {
  readonly least: number;
  readonly most: number;
  /** How many nginx takes, where that is fewer: beyond them a directive's name hints at a `;` that is missing. */
  readonly inNginx?: number;
}

/** How the arguments of a directive become a value: its syntax, its error texts, and what a second use does. */
export interface Kind<V> {
  /** The arguments as the documentation shows them: `time`, `on | off`, `word …`. */
  readonly syntax: string;
  readonly count: Count;
  /** What a second use in one block does: it is refused, it takes the place of the first, or it adds to it. */
  readonly repeated: "refused" | "replaces" | "adds";
  /** The value, given what an earlier use in the same block gave. Throws {@linkcode Call.error}. */
  read(call: Call, earlier: V | undefined): V;
}

/** What Postern does with a directive. */
export type State =
  | { readonly type: "supported" }
  /** Known and checked, and nothing follows from it. */
  | { readonly type: "accepted"; readonly reason: string }
  /** Known, and refused by name, so that nobody believes it to be at work. */
  | { readonly type: "refused"; readonly reason: string };

/** What simple directives and blocks have in common. */
interface Entry {
  readonly name: string;
  /** A value that is given in `mail {}` holds in each `server {}` that gives none itself. */
  readonly contexts: readonly Context[];
  /** The version of nginx that has it first, where that is known. */
  readonly since: string | undefined;
  /** One sentence, without its full stop. */
  readonly meaning: string;
  readonly state: State;
  /** What to do instead, where only older documents have the directive: each use is warned about. */
  readonly today: Octets | undefined;
}

/** A directive that ends in `;`. Its value is a `V`, or a `D` where the configuration does not give it. */
export interface Directive<V, D = V> extends Entry {
  readonly type: "simple";
  readonly kind: Kind<V>;
  readonly default: D;
  /** The directive that has its values in common with this one. */
  readonly storedAs: Directive<V, unknown> | undefined;
  /** The default as an operator would write it, for the documentation. */
  readonly written: string | undefined;
}

/** A directive with a `{}` of its own. */
export interface Block extends Entry {
  readonly type: "block";
  readonly syntax: string;
  readonly count: Count;
  /** What its contents are read as; `undefined` for contents that are left to nginx, unless {@linkcode entries} reads them. */
  readonly opens: Context | undefined;
  /** Begins to read contents that are no directives, but the lines of a table. */
  readonly entries: ((call: Call) => Entries) | undefined;
  /** Whether its parent may have several. */
  readonly repeatable: boolean;
  /** The block it is another name for. */
  readonly standsFor: Block | undefined;
  /** Checks the block when its `}`, which is at `end`, is read. Throws {@linkcode ConfigError}. */
  readonly check: (scope: Scope, end: Place) => void;
}

/** Reads the lines of a table such as `map {}`. Both throw {@linkcode ConfigError}. */
export interface Entries {
  /** One line: its first word is the call's name. Of `include` the lines of that file come instead. */
  entry(call: Call): void;
  /** The `}`, and where it stands. */
  end(place: Place): void;
}

/** Any entry of the table. */
export type AnyDirective = Directive<unknown, unknown> | Block;

/** The entries of one file in `directives/`. */
export interface Module {
  readonly title: string;
  /** The protocol that it goes with when that is left out. */
  readonly protocol?: Protocol;
  /** A paragraph for the documentation. */
  readonly about: string;
  readonly directives: readonly AnyDirective[];
}

/** An entry as it is written down: what most of them share is left out. */
type Short<E, Optional extends keyof E> = Omit<E, Optional | "type"> & Partial<Pick<E, Optional>>;

/** Fills an entry for a simple directive. */
export function directive<V, D = V>(
  entry: Short<Directive<V, D>, "since" | "state" | "today" | "storedAs" | "written">,
): Directive<V, D> {
  const rest = { since: undefined, state: SUPPORTED, today: undefined, storedAs: undefined, written: undefined };
  return { ...rest, ...entry, type: "simple" };
}

/** Fills an entry for a block. */
export function block(
  entry: Short<
    Block,
    "since" | "state" | "today" | "syntax" | "count" | "opens" | "entries" | "repeatable" | "standsFor" | "check"
  >,
): Block {
  const rest = { since: undefined, today: undefined, opens: undefined, entries: undefined, standsFor: undefined };
  const form = { syntax: "", count: NONE, repeatable: false, check: () => {} };
  return { ...rest, ...form, state: SUPPORTED, ...entry, type: "block" };
}

const SUPPORTED: State = { type: "supported" };

/** The state of a directive that is read and then ignored. */
export function accepted(reason: string): State {
  return { type: "accepted", reason };
}

/** The state of a directive that Postern will not have. */
export function refused(reason: string): State {
  return { type: "refused", reason };
}

export const NONE: Count = { least: 0, most: 0 };
export const ONE: Count = { least: 1, most: 1 };
export const SOME: Count = { least: 1, most: Infinity };
/** Several where nginx takes one. */
export const ONE_OR_MORE: Count = { least: 1, most: Infinity, inNginx: 1 };

export const MAIN: readonly Context[] = ["main"];
export const EVENTS: readonly Context[] = ["events"];
export const MAIL: readonly Context[] = ["mail"];
export const SERVER: readonly Context[] = ["server"];
export const MAIL_AND_SERVER: readonly Context[] = ["mail", "server"];
