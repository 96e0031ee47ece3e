/**
 * What is wrong with a configuration, and where.
 *
 * @module
 */

import type { Octets } from "../runtime.ts";
import type { Place, Position } from "./types.ts";

/** The tail every message about a place ends in: ` in FILE:LINE` or ` in command line`. */
export function inPlace(place: Place): Octets {
  return place === "command line" ? " in command line" : ` in ${place.file}:${place.line}`;
}

/** The line of what can only stand in a file: blocks, and what is in them. */
export function lineOf(place: Place | undefined): Position {
  if (place === undefined || place === "command line") throw new Error(`No line of a file: ${place}`);
  return place;
}

/** What a {@linkcode ConfigError} may know besides its text. */
export interface ConfigErrorDetails {
  readonly place?: Place | undefined;
  readonly hint?: Octets | undefined;
}

/**
 * The operator's mistake: the first one in reading order. The message is nginx's text with its ` in FILE:LINE`, an octet
 * string; whoever shows it puts `postern: [emerg] ` before it.
 */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  /** Where it was noticed, if that is in the configuration at all. */
  readonly place: Place | undefined;
  #hint: Octets | undefined;

  constructor(text: Octets, details: ConfigErrorDetails = {}) {
    super(details.place === undefined ? text : text + inPlace(details.place));
    this.place = details.place;
    this.#hint = details.hint;
  }

  /** What may help, such as `did you mean "timeout"?`; to be shown on a line of its own. */
  get hint(): Octets | undefined {
    return this.#hint;
  }

  /** The same error; it has this hint where it had none. */
  hinted(hint: Octets | undefined): this {
    this.#hint ??= hint;
    return this;
  }
}
