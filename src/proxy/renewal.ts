/**
 * Certificates, authorities and revocation lists that are renewed while the program runs: who renews them seldom tells
 * anybody.
 *
 * @module
 */

import { ConfigError } from "../config/mod.ts";
import { authorityFiles } from "../config/ssl_files.ts";
import type { CertificateConfig, ClientTlsConfig, SslConfig } from "../config/ssl_types.ts";
import type { NamedFile } from "../config/types.ts";
import type { Cancel, Files, Millis, Octets, Runtime } from "../runtime.ts";
import { decode } from "../session/bytes.ts";
import { isFailure } from "../runtime.ts";
import { StartError } from "./start_error.ts";

/** What is made of files. */
export interface Perishable {
  /** When the first of the certificates in it ends, on the wall clock; `undefined` when there is none. */
  readonly expires: Millis | undefined;
}

/** Which files are looked at. */
export interface WatchedFiles {
  readonly certificates: readonly CertificateConfig[];
  /** Authorities, revocation lists and the like. */
  readonly others: readonly Octets[];
}

/** What a {@linkcode Renewal} works with. */
export interface RenewalOptions<Context extends Perishable> {
  readonly files: WatchedFiles;
  readonly runtime: Pick<Runtime, "timer" | "date"> & { readonly files: Pick<Files, "read"> };
  /** Makes it of what is in the files now. Throws what a start would. */
  readonly create: () => Context;
  readonly note: (level: "warn" | "notice", text: Octets) => void;
  /** Whether this is the one of several processes with the same files that tells of them. */
  readonly tells: () => boolean;
}

/** The files of TLS with clients. */
export function filesOf(ssl: SslConfig): WatchedFiles {
  const isAsked = ssl.verifyClient !== "off";
  const asked = isAsked ? [...authorityFiles(ssl), ssl.crl] : [];
  return { certificates: ssl.certificates, others: pathsOf([...asked, ssl.dhparam, ...ssl.ticketKeys]) };
}

/** The files of TLS with a server. */
export function clientFilesOf({ certificate, verify, trustedCertificate, crl }: ClientTlsConfig): WatchedFiles {
  return {
    certificates: certificate === undefined ? [] : [certificate],
    others: verify ? pathsOf([trustedCertificate, crl]) : [],
  };
}

/**
 * What was made of files, which is made anew once they have changed and what is in them is good. What is bad is told
 * once, changes nothing, and is tried again at each look; a certificate that ends soon is told once a day.
 */
export class Renewal<Context extends Perishable> {
  context: Context;
  readonly #options: RenewalOptions<Context>;
  #seen: ReadonlyMap<Octets, Octets> = new Map();
  /** Those that have changed since the context was made. */
  readonly #changed = new Set<Octets>();
  /** Why they are not used, as it was told last. */
  #fault: Octets | undefined;
  #cancel: Cancel = () => {};
  #toldAt: Millis = -Infinity;

  /** Throws what a start would. */
  constructor(options: RenewalOptions<Context>) {
    this.#options = options;
    this.#seen = this.#read();
    this.context = options.create();
    this.#warn();
    if (this.#seen.size > 0 || this.context.expires !== undefined) this.#wait();
  }

  /** Looks at the files now. */
  look(): void {
    this.#look();
    this.#warn();
  }

  /** Looks at the files no more. */
  stop(): void {
    this.#cancel();
  }

  #wait(): void {
    this.#cancel = this.#options.runtime.timer(PERIOD, () => {
      // First: a defect of ours is no reason to look at the files no more.
      this.#wait();
      this.look();
    });
  }

  #look(): void {
    const now = this.#read();
    const fresh = [...now].filter(([path, content]) => this.#seen.get(path) !== content).map(([path]) => path);
    this.#seen = now;
    for (const path of fresh) this.#changed.add(path);
    if (this.#changed.size === 0) return;
    if (fresh.length > 0) this.#fault = undefined;
    this.#renew(this.#describe([...this.#changed]));
  }

  #renew(what: Octets): void {
    try {
      this.context = this.#options.create();
      this.#changed.clear();
      this.#toldAt = -Infinity;
      this.#tell("notice", `${what} was renewed`);
    } catch (error) {
      if (!(error instanceof StartError || error instanceof ConfigError)) {
        // A defect of ours, which is told once. What the files lack, on the other hand, may be there at the next look.
        this.#changed.clear();
        throw error;
      }
      if (error.message !== this.#fault) this.#tell("warn", `${what} was changed and is not used: ${error.message}`);
      this.#fault = error.message;
    }
  }

  #describe(changed: readonly Octets[]): Octets {
    const isCertificate = changed.some((path) => this.#paths.includes(path));
    return isCertificate ? `certificate ${this.#names()}` : quoted(changed);
  }

  #tell(level: "warn" | "notice", text: Octets): void {
    if (this.#options.tells()) this.#options.note(level, text);
  }

  #warn(): void {
    const { runtime, tells } = this.#options;
    if (!tells()) return;
    const { expires } = this.context;
    const now = runtime.date();
    if (expires === undefined || expires - now > SOON || now - this.#toldAt < DAY) return;
    this.#toldAt = now;
    const days = Math.floor((expires - now) / DAY);
    const when = days < 0
      ? "has expired"
      : days === 0
      ? "expires within a day"
      : `expires in ${days} ${days === 1 ? "day" : "days"}`;
    this.#tell("warn", `certificate ${this.#names()} ${when}`);
  }

  /**
   * What is in the files, whatever it is: the keys count too, but are not kept longer than needed to compare. A file that
   * cannot be read has not changed: it may be about to be put in place, or this process has given up the right to it.
   */
  #read(): ReadonlyMap<Octets, Octets> {
    return new Map([...this.#paths, ...this.#options.files.others].map((path) => {
      const bytes = this.#options.runtime.files.read(path);
      return [path, isFailure(bytes) ? this.#seen.get(path) ?? "" : fingerprint(decode(bytes))];
    }));
  }

  get #paths(): readonly Octets[] {
    const sources = this.#options.files.certificates.flatMap(({ certificate, key }) => [certificate, key]);
    return sources.flatMap((source) => "path" in source ? [source.path] : []);
  }

  #names(): Octets {
    return quoted(this.#options.files.certificates.map(({ certificate }) => {
      return "path" in certificate ? certificate.path : "data:";
    }));
  }
}

function pathsOf(files: readonly (NamedFile | undefined)[]): readonly Octets[] {
  return files.flatMap((file) => file === undefined ? [] : [file.path]);
}

function quoted(names: readonly Octets[]): Octets {
  return names.map((name) => `"${name}"`).join(", ");
}

/** Enough to see that a text is another one (FNV-1a, 32 bits, and its length); it has nothing of a key in it. */
function fingerprint(text: Octets): Octets {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return `${text.length}:${hash >>> 0}`;
}

const DAY: Millis = 86_400_000;

/** How often files are looked at. */
export const PERIOD: Millis = 30_000;

/** How long before its end a certificate is warned of. */
const SOON: Millis = 14 * DAY;
