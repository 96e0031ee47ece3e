import type { Octets } from "../runtime.ts";

/** The proxy cannot start, or cannot go on with another configuration; each line says why as nginx would. */
export class StartError extends Error {
  override readonly name = "StartError";
  readonly lines: readonly Octets[];

  constructor(lines: readonly Octets[]) {
    super(lines.join("\n"));
    this.lines = lines;
  }
}
