/**
 * Certificates that are renewed while the program runs: who renews them seldom tells anybody.
 *
 * @module
 */

import { ConfigError } from "../config/mod.ts";
import type { SslConfig } from "../config/ssl_types.ts";
import type { Cancel, Files, Millis, Octets, Runtime, TlsContext } from "../runtime.ts";
import { decode } from "../session/bytes.ts";
import { isFailure } from "../runtime.ts";
import { StartError } from "./start_error.ts";

/** What a {@linkcode Renewal} works with. */
export interface RenewalOptions {
  readonly ssl: SslConfig;
  readonly runtime: Pick<Runtime, "timer" | "date"> & { readonly files: Pick<Files, "read"> };
  /** Makes a context of what is in the files now. Throws what a start would. */
  readonly create: () => TlsContext;
  readonly note: (level: "warn" | "notice", text: Octets) => void;
}

/**
 * The context of a server block, which is another one once its files have changed and what is in them is good. A bad
 * one is told once and changes nothing; so is a certificate that ends soon, once a day.
 */
export class Renewal {
  context: TlsContext;
  readonly #options: RenewalOptions;
  #seen: Octets;
  #cancel: Cancel = () => {};
  #toldAt: Millis = -Infinity;

  /** Throws what a start would. */
  constructor(options: RenewalOptions) {
    this.#options = options;
    this.#seen = this.#read();
    this.context = options.create();
    this.#warn();
    this.#wait();
  }

  /** Looks at the files no more. */
  stop(): void {
    this.#cancel();
  }

  #wait(): void {
    this.#cancel = this.#options.runtime.timer(PERIOD, () => {
      this.#look();
      this.#warn();
      this.#wait();
    });
  }

  #look(): void {
    const now = this.#read();
    if (now === this.#seen) return;
    this.#seen = now;
    try {
      this.context = this.#options.create();
      this.#toldAt = -Infinity;
      this.#options.note("notice", `certificate ${this.#names()} was renewed`);
    } catch (error) {
      if (!(error instanceof StartError || error instanceof ConfigError)) throw error;
      this.#options.note("warn", `certificate ${this.#names()} was changed and is not used: ${error.message}`);
    }
  }

  #warn(): void {
    const { runtime, note } = this.#options;
    const { expires } = this.context;
    const now = runtime.date();
    if (expires === undefined || expires - now > SOON || now - this.#toldAt < DAY) return;
    this.#toldAt = now;
    const days = Math.floor((expires - now) / DAY);
    const when = days < 0 ? "has expired" : days === 0 ? "expires within a day" : `expires in ${days} days`;
    note("warn", `certificate ${this.#names()} ${when}`);
  }

  /** What is in the files, whatever it is: the keys count too, but are not kept longer than needed to compare. */
  #read(): Octets {
    const paths = this.#options.ssl.certificates.flatMap(({ certificate, key }) => [certificate, key]);
    return paths.map((source) => {
      const bytes = "path" in source ? this.#options.runtime.files.read(source.path) : undefined;
      return bytes === undefined || isFailure(bytes) ? "" : fingerprint(decode(bytes));
    }).join(" ");
  }

  #names(): Octets {
    const names = this.#options.ssl.certificates.map(({ certificate }) =>
      "path" in certificate ? certificate.path : "data:"
    );
    return names.map((name) => `"${name}"`).join(", ");
  }
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
