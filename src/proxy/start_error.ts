import type { Octets } from "../runtime.ts";

/** The proxy cannot start, or cannot go on with another configuration; each line says why as nginx would. */
export class StartError extends Error {
  override readonly name = "StartError";
  readonly lines: readonly Octets[];
  /** What may help; to be shown on a line of its own. */
  readonly hint: Octets | undefined;

  constructor(lines: readonly Octets[], hint?: Octets) {
    super(lines.join("\n"));
    this.lines = lines;
    this.hint = hint;
  }
}
