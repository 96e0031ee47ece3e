/**
 * The blocks of a configuration and the values given in them.
 *
 * @module
 */

import type { Octets } from "../runtime.ts";
import type { Block, Directive } from "./directive.ts";
import { PROTOCOLS } from "./protocols.ts";
import type { Place, Protocol } from "./types.ts";
import { VariableTable } from "../variables/mod.ts";

/** One block, or the whole configuration outside of all blocks. */
export class Scope {
  /** What this is a use of; `undefined` for the whole configuration. */
  readonly block: Block | undefined;
  /** Where it opens. */
  readonly place: Place | undefined;
  readonly parent: Scope | undefined;
  /** What stands between its name and its `{`. */
  readonly args: readonly Octets[];
  /** What may be spoken: all protocols but those that are left out. */
  readonly protocols: readonly Protocol[];
  readonly #children: Scope[] = [];
  readonly #values = new Map<Directive<unknown, unknown>, unknown>();
  readonly #places = new Map<Directive<unknown, unknown>, Place>();
  readonly #claims = new Set<Octets>();
  /** The sizes of what several servers have in common, by name; those of {@linkcode root} are kept. */
  readonly zones = new Map<Octets, number>();
  /** The variables that texts of the configuration may name: one table for all blocks. */
  readonly variables: VariableTable;

  constructor(
    opening?: Pick<Scope, "args"> & { readonly block: Block; readonly place: Place; readonly parent: Scope },
    protocols: readonly Protocol[] = opening?.parent.protocols ?? PROTOCOLS,
  ) {
    this.protocols = protocols;
    this.variables = opening?.parent.variables ?? new VariableTable();
    this.block = opening?.block;
    this.place = opening?.place;
    this.parent = opening?.parent;
    this.args = opening?.args ?? [];
    if (this.parent !== undefined) this.parent.#children.push(this);
  }

  /** The whole configuration. */
  get root(): Scope {
    return this.parent?.root ?? this;
  }

  /** The blocks in this one, in order; those of one kind if that is given. */
  children(block?: Block): readonly Scope[] {
    return block === undefined ? this.#children : this.#children.filter((child) => child.block === block);
  }

  /** What was given in this very block. */
  own<V, D>(directive: Directive<V, D>): V | undefined {
    // Only `set` writes the map, and it takes a value and its directive together.
    return this.#values.get(directive) as V | undefined;
  }

  /** Keeps a value and where it was given. */
  set<V, D>(directive: Directive<V, D>, value: V, place: Place): void {
    this.#values.set(directive, value);
    this.#places.set(directive, place);
  }

  /** Where the value in force was given; the last place where several uses made it up. */
  placeOf<V, D>(directive: Directive<V, D>): Place | undefined {
    const outer = this.parent?.block === undefined ? undefined : this.parent;
    return this.#places.get(directive) ?? outer?.placeOf(directive);
  }

  /** Takes what this block may have once; false when it has it. */
  claim(what: Octets): boolean {
    if (this.#claims.has(what)) return false;
    this.#claims.add(what);
    return true;
  }

  /** What is in force here: this block's value, else that of the block around it, else the default. */
  value<V, D>(directive: Directive<V, D>): V | D {
    return this.own(directive) ?? this.#inherited(directive) ?? directive.default;
  }

  /** nginx's modules do not look out of their outermost block: main's `error_log` is no default of mail's. */
  #inherited<V, D>(directive: Directive<V, D>): V | undefined {
    const { parent } = this;
    if (parent?.block === undefined) return undefined;
    return parent.own(directive) ?? parent.#inherited(directive);
  }
}
