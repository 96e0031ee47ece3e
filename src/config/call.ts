/**
 * One use of a directive in a configuration.
 *
 * @module
 */

import type { Files, Octets, SystemFailure } from "../runtime.ts";
import { ConfigError } from "./error.ts";
import { oddCharacter } from "./odd_characters.ts";
import { fullName } from "./paths.ts";
import type { Scope } from "./scope.ts";
import type { Place } from "./types.ts";
import type { CompileOptions, Template } from "../variables/mod.ts";

/** What a {@linkcode Call} knows besides its words. */
export interface CallContext extends Pick<Call, "place" | "scope" | "warn"> {
  /** The directory that the paths of directives start from. */
  readonly base: Octets;
  readonly files: Pick<Files, "read">;
}

/** What a directive's kind is given to read. */
export class Call {
  readonly name: Octets;
  readonly args: readonly Octets[];
  readonly place: Place;
  /** The block it stands in. */
  readonly scope: Scope;
  /** Notes what deserves a word but is no error. */
  readonly warn: (text: Octets) => void;

  readonly #context: CallContext;

  constructor(words: readonly Octets[], context: CallContext) {
    const [name = "", ...args] = words;
    this.name = name;
    this.args = args;
    this.place = context.place;
    this.scope = context.scope;
    this.warn = context.warn;
    this.#context = context;
  }

  /** The argument at `index`; its count was checked before a kind sees it. */
  arg(index: number): Octets {
    return this.args[index] ?? "";
  }

  /** The path that `path` stands for, relative to the directory of the main file. */
  fullName(path: Octets): Octets {
    return fullName(this.#context.base, path);
  }

  /** The contents of a file that has to be read before the next directive. */
  read(path: Octets): Uint8Array | SystemFailure {
    return this.#context.files.read(path);
  }

  /** A text with variables, made ready to be used. Whether they exist is known when all of `mail {}` has been read. */
  template(text: Octets, options?: CompileOptions): Template {
    return this.scope.variables.compile(text, this.place, options);
  }

  /** The error to throw here: `text` in nginx's words. */
  error(text: Octets, hint?: Octets): ConfigError {
    return new ConfigError(text, { place: this.place, hint: oddCharacter([this.name, ...this.args]) ?? hint });
  }
}
