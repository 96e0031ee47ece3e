/** `openssl s_client` as a mail client that comes back: it keeps the session of one visit for another. */

import type { Octets } from "../../src/runtime.ts";
import type { Certificate } from "./certificates.ts";
import { outputOf, run } from "./clients.ts";
import type { Protocol } from "./scene.ts";

/** One visit. */
export interface Visit {
  readonly port: number;
  readonly protocol: Protocol;
  /** Whether TLS comes after STARTTLS, not from the first octet. */
  readonly startTls?: boolean;
  readonly version: TlsNumber;
  /** The name it asks for. */
  readonly name?: string;
  readonly own?: Certificate;
  /** The file that the session comes from. */
  readonly from?: string;
  /** The file that the session, or a new one, is put into. */
  readonly to?: string;
  /** What it says before it leaves. */
  readonly says?: Octets;
}

/** A version as options of openssl name it. */
export type TlsNumber = "1_2" | "1_3";

/** What came of a visit. */
export interface Visited {
  readonly isReused: boolean;
  /** All that openssl told, what the server said included. */
  readonly output: Octets;
}

/** Visits a server that closes when it is told goodbye, or before. Rejects when there is no session at the end. */
export async function visit(wish: Visit): Promise<Visited> {
  const { port, protocol, startTls = false, version, name, own, from, to, says = "" } = wish;
  const { stdout, stderr } = await run("openssl", [
    ...["s_client", "-connect", `127.0.0.1:${port}`, `-tls${version}`, "-ign_eof", "-nocommands"],
    ...startTls ? ["-starttls", protocol] : [],
    ...name === undefined ? ["-noservername"] : ["-servername", name],
    ...own === undefined ? [] : ["-cert", own.certificatePath, "-key", own.keyPath],
    ...from === undefined ? [] : ["-sess_in", from],
    ...to === undefined ? [] : ["-sess_out", to],
  ], { input: says + GOODBYE[protocol] });
  const [, kind] = /^(New|Reused), TLSv1\.[23], Cipher is /m.exec(stdout) ?? [];
  if (kind === undefined) throw new Error(`no handshake: ${stdout}\n${stderr}`);
  return { isReused: kind === "Reused", output: stdout };
}

const GOODBYE = { imap: "z LOGOUT\r\n", pop3: "QUIT\r\n", smtp: "QUIT\r\n" } as const;

/** The ticket in a session file, as it went over the wire. */
export async function ticketIn(path: string): Promise<Uint8Array> {
  const text = await outputOf("openssl", ["sess_id", "-in", path, "-noout", "-text"]);
  const dump = text.slice(text.indexOf("TLS session ticket:"));
  const octets = [...dump.matchAll(/^ +[0-9a-f]{4} - (.{47})/gm)].flatMap(([, row = ""]) =>
    row.match(/[0-9a-f]{2}/g) ?? []
  );
  return new Uint8Array(octets.map((octet) => Number.parseInt(octet, 16)));
}
