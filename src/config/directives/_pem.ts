/** Certificates, keys and the passphrases of keys: what both sides of TLS have. */

import { describeFailure, isFailure } from "../../runtime.ts";
import type { Octets, TlsVersion } from "../../runtime.ts";
import { decode } from "../../session/bytes.ts";
import type { Call } from "../call.ts";
import { ONE } from "../directive.ts";
import type { Kind } from "../directive.ts";
import { listOf, once, someOf } from "../kinds.ts";
import type { PemSource } from "../ssl_types.ts";

/** A certificate or a key as it was written, and where it is. */
export interface Pem {
  readonly written: Octets;
  readonly source: PemSource;
}

/** Any number of certificates or keys. */
export const pems: Kind<readonly Pem[]> = listOf("file | data:PEM", (call) => [readPem(call)], ONE);

/** One certificate or key. */
export const pem: Kind<Pem> = once("file | data:PEM", readPem);

function readPem(call: Call): Pem {
  const written = call.arg(0);
  const { place } = call;
  if (written.startsWith(DATA)) return { written, source: { data: written.slice(DATA.length), place } };
  return { written, source: { path: call.fullName(written), place } };
}

/** Passphrases, a line each, read at once so that the error has its place. */
export const passphrases: Kind<readonly Octets[]> = once("file", (call) => {
  const path = call.fullName(call.arg(0));
  const bytes = call.read(path);
  if (isFailure(bytes)) throw call.error(`open() "${path}" failed ${describeFailure(bytes)}`);
  const lines = decode(bytes).split("\n").map((line) => line.replace(/\r$/, ""));
  if (lines.some(({ length }) => length > LINE_LIMIT)) throw call.error(`too long line in "${path}"`);
  return lines.filter((line) => line !== "");
});

/** Versions of TLS, and those of SSL, which no library speaks any more. */
export type Version = TlsVersion | "SSLv2" | "SSLv3";

const VERSIONS = someOf<Version>(["SSLv2", "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]);

/** The versions to speak. */
export const versions: Kind<readonly Version[]> = {
  ...VERSIONS,
  read(call, earlier) {
    const value = VERSIONS.read(call, earlier);
    for (const old of value) {
      if (!isSpoken(old) && !earlier?.includes(old)) call.warn(`"${old}" is not spoken any more, ignored`);
    }
    return value;
  },
};

/** Whether any library speaks it. */
export function isSpoken(version: Version): version is TlsVersion {
  return version.startsWith("TLS");
}

/** Reads `data:` and what follows. */
const DATA = "data:";
/** nginx's buffer. */
const LINE_LIMIT = 4095;
