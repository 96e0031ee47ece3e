/**
 * The files of TLS. The main process reads them, since workers may have given up the right to: it looks whether they have
 * changed and whether they are good, tells the log, and gives them to the workers, those included that take the place of
 * dead ones by and by.
 *
 * @module
 */

import type { ClientTlsConfig, SslConfig } from "../config/ssl_types.ts";
import { tlsCaveat } from "../config/tls_fault.ts";
import type { Config, ServerConfig } from "../config/types.ts";
import { Echoes } from "../proxy/echoes.ts";
import { clientFilesOf, filesOf, type Perishable, Renewal, type WatchedFiles } from "../proxy/renewal.ts";
import { ClientContexts, createServerTls } from "../proxy/tls.ts";
import type { Files, Octets, Runtime, TlsFault } from "../runtime.ts";
import { encode } from "../session/bytes.ts";
import { Recorder, type Snapshot } from "./snapshot.ts";

type Texts = Snapshot["texts"];

/** What {@linkcode TlsFiles} works with. */
export interface TlsFilesOptions {
  readonly runtime: Runtime;
  readonly note: (level: "warn" | "notice", text: Octets) => void;
  /** Called when some have changed and are good: what is in them now. */
  readonly changed: (texts: Texts) => void;
}

/** What is made of files only to see whether they are good. */
interface Trial extends Perishable {
  readonly caveat: TlsFault | undefined;
}

/** The files of TLS of one configuration, until it is stopped. */
export class TlsFiles {
  readonly #runtime: Runtime;
  readonly #changed: TlsFilesOptions["changed"];
  readonly #note: TlsFilesOptions["note"];
  readonly #texts = new Map<Octets, Texts[number][1]>();
  readonly #renewals: Renewal<Trial>[] = [];

  /** Throws a `ConfigError` for files that cannot be used. */
  constructor(config: Config, { runtime, note, changed }: TlsFilesOptions) {
    this.#runtime = runtime;
    this.#changed = changed;
    this.#note = new Echoes(runtime).noteTo({ write: note });
    try {
      for (const server of config.servers) this.#watchServer(server);
    } catch (error) {
      this.stop();
      throw error;
    }
  }

  /** What is in them, as far as it is good. */
  get texts(): Texts {
    return [...this.#texts];
  }

  /** Looks at them no more. */
  stop(): void {
    for (const renewal of this.#renewals) renewal.stop();
  }

  #watchServer(server: ServerConfig): void {
    const { ssl, proxy, authHttp } = server;
    const note = this.#note;
    if (ssl !== undefined) {
      const options = { ticketKeys: () => [], note };
      this.#watch(ssl, filesOf(ssl), (runtime) => createServerTls(server, ssl, { runtime, ...options }));
    }
    const asksOverTls = authHttp !== undefined && [authHttp, ...authHttp.fallbacks].some(({ tls }) => tls);
    const isConfigured = proxy.ssl.mode !== "off" || Object.keys(proxy.ssl.places).length > 0;
    for (const tls of [...isConfigured ? [proxy.ssl] : [], ...asksOverTls ? [authHttp.ssl] : []]) {
      this.#watch(tls, clientFilesOf(tls), (runtime) => new ClientContexts(tls, runtime));
    }
  }

  #watch(tls: SslConfig | ClientTlsConfig, files: WatchedFiles, attempt: (runtime: Runtime) => Trial): void {
    const runtime = this.#runtime;
    const create = () => {
      const recorder = new Recorder(runtime.files);
      const { expires, caveat } = attempt(withFiles(runtime, { read: (path) => recorder.read(path) }));
      this.#keep(recorder.snapshot.texts);
      return { expires, caveat };
    };
    const renewal = new Renewal({ files, runtime, create, note: this.#note, tells: () => true });
    const { caveat } = renewal.context;
    if (caveat !== undefined) this.#note("warn", tlsCaveat(tls, caveat));
    this.#renewals.push(renewal);
  }

  #keep(texts: Texts): void {
    const fresh = texts.filter(([path, text]) => this.#texts.get(path) !== text);
    for (const [path, text] of fresh) this.#texts.set(path, text);
    if (fresh.length > 0) this.#changed(fresh);
  }
}

/** Files of a worker, some of which are what the main process says is in them. */
export class GivenFiles {
  readonly #given = new Map<Octets, { readonly text: Texts[number][1]; readonly stamp: Octets }>();
  #count = 0;

  constructor(texts: Texts) {
    this.take(texts);
  }

  /** Hears what is in some of them now. */
  take(texts: Texts): void {
    for (const [path, text] of texts) this.#given.set(path, { text, stamp: `given ${++this.#count}` });
  }

  /** The runtime, with these. */
  over(runtime: Runtime): Runtime {
    return withFiles(runtime, {
      read: (path) => {
        const given = this.#given.get(path);
        if (given === undefined) return runtime.files.read(path);
        return typeof given.text === "string" ? encode(given.text) : given.text;
      },
      look: (path) => {
        const given = this.#given.get(path);
        if (given === undefined) return runtime.files.look(path);
        return typeof given.text === "string" ? { size: given.text.length, stamp: given.stamp } : given.text;
      },
    });
  }
}

/** The runtime, which reads files in another way. */
function withFiles(runtime: Runtime, ways: Partial<Pick<Files, "read" | "look">>): Runtime {
  const properties = Object.entries(ways).map(([name, value]) => [name, { value }]);
  const files: Files = Object.create(runtime.files, Object.fromEntries(properties));
  return Object.create(runtime, { files: { value: files } });
}
