/**
 * One use of a directive in a configuration.
 *
 * @module
 */

import type { Octets } from "../runtime.ts";
import { ConfigError } from "./error.ts";
import { oddCharacter } from "./odd_characters.ts";
import type { Scope } from "./scope.ts";
import type { Place } from "./types.ts";

/** What a directive's kind is given to read. */
export class Call {
  readonly name: Octets;
  readonly args: readonly Octets[];
  readonly place: Place;
  /** The block it stands in. */
  readonly scope: Scope;
  /** Notes what deserves a word but is no error. */
  readonly warn: (text: Octets) => void;

  constructor(words: readonly Octets[], context: Pick<Call, "place" | "scope" | "warn">) {
    const [name = "", ...args] = words;
    this.name = name;
    this.args = args;
    this.place = context.place;
    this.scope = context.scope;
    this.warn = context.warn;
  }

  /** The argument at `index`; its count was checked before a kind sees it. */
  arg(index: number): Octets {
    return this.args[index] ?? "";
  }

  /** The error to throw here: `text` in nginx's words. */
  error(text: Octets, hint?: Octets): ConfigError {
    return new ConfigError(text, { place: this.place, hint: oddCharacter([this.name, ...this.args]) ?? hint });
  }
}
