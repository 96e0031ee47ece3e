/** What is sent when only the amount matters: not all the same, so that nothing on the way can make it less. */
export const CHUNK: Uint8Array = new Uint8Array(256 * 1024).map((_, at) => (at * 2654435761) >>> 24);
