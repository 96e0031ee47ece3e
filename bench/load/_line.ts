/** Connections, as clients and servers of the load use them. */

/** One end of a connection. */
export interface Line {
  /** Who is told what happens here. */
  hearer: Hearer;
  /** Takes as much as there is room for, and returns how many octets: the hearer is told when there is room again. */
  write(octets: Uint8Array): number;
  /** Throws the next octets away, as many as are asked for, and tells the hearer of them by their number alone. */
  skip(octets: number): void;
  end(): void;
}

/** Somebody at one end. */
export interface Hearer {
  /** What has come; it is over when this returns. */
  heard(octets: Uint8Array): void;
  /** So many octets were thrown away. */
  skipped(octets: number): void;
  drained(): void;
  /** Nothing comes any more. The line has ended on this side, too. */
  gone(): void;
}

/** Somebody who does not listen. */
export const DEAF: Hearer = { heard: () => {}, skipped: () => {}, drained: () => {}, gone: () => {} };

/** What is said, in octets. */
export function octetsOf(text: string): Uint8Array {
  return encoder.encode(text);
}

/** What was heard, a character for each octet. */
export function textOf(octets: Uint8Array): string {
  return decoder.decode(octets);
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("latin1");
