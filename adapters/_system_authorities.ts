/** The authorities that count where none are named: the runtime's own, and those that its environment adds. */

import { Buffer } from "node:buffer";
import * as tls from "node:tls";
import { Certificate } from "./_certificate.ts";
import { CERTIFICATE_LABELS, derBlocks } from "./_pem.ts";

/** Finds them for one server, whose certificates mostly have the same issuers each time: those are remembered. */
export class SystemAuthorities {
  #names = "";
  #found: readonly Certificate[] = [];

  /** Those that may have issued one of these certificates. */
  issuersOf(certificates: readonly Certificate[]): readonly Certificate[] {
    const names = certificates.map(({ issuerKey }) => issuerKey).join(" ");
    if (names !== this.#names) this.#found = authoritiesWith(certificates.map(({ issuerKey }) => issuerKey));
    this.#names = names;
    return this.#found;
  }
}

/** There are hundreds, and to read one costs half a millisecond: so they are searched for the names first. */
function authoritiesWith(names: readonly string[]): Certificate[] {
  const wanted = names.map((name) => Buffer.from(name, "hex"));
  const candidates = allAuthorities().filter((der) => wanted.some((name) => Buffer.from(der).includes(name)));
  return candidates.map((der) => Certificate.parse(der)).filter((certificate) => certificate !== undefined);
}

function allAuthorities(): Uint8Array[] {
  // Node before 22.15 tells only those that it was built with.
  const { getCACertificates, rootCertificates }: OldTls = tls;
  const all = getCACertificates?.("default") ?? rootCertificates;
  return all.flatMap((pem) => {
    const blocks = derBlocks(pem, CERTIFICATE_LABELS);
    // The library has taken what it could of that.
    return typeof blocks === "string" ? [] : blocks;
  });
}

type OldTls = Pick<typeof tls, "rootCertificates"> & Partial<Pick<typeof tls, "getCACertificates">>;
