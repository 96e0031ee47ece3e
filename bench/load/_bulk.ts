/** What is sent when only the amount matters: not all the same, so that nothing on the way can make it less. */
export const CHUNK: Uint8Array = new Uint8Array(256 * 1024).map((_, at) => (at * 2654435761) >>> 24);

/** A download is a message, as IMAP servers send it: a proxy that follows what passes knows how long that is. */
export function downloadStart(octets: number): string {
  return `* 1 FETCH (BODY[] {${octets}}\r\n`;
}

/** What comes behind it. */
export const DOWNLOAD_END = ")\r\nb OK\r\n";
