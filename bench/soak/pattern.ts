/** A megabyte that no two places of are alike for long: a byte lost or moved anywhere shows. */
export const PATTERN: Uint8Array = new Uint8Array(1024 * 1024).map((_, at) =>
  Math.imul(at ^ (at >>> 9), 2654435761) >>> 24
);
