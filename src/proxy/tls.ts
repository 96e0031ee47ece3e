/**
 * TLS as a configuration has it, made ready for the runtime: with clients, with mail servers, with auth servers.
 *
 * @module
 */

import type { ServerConfig } from "../config/types.ts";
import { inPlace } from "../config/error.ts";
import { parseIp } from "../config/ip.ts";
import { readClientTlsFiles, readSslFiles } from "../config/ssl_files.ts";
import type { ClientTlsConfig, SslConfig } from "../config/ssl_types.ts";
import { clientTlsFault, sslFault } from "../config/tls_fault.ts";
import type { Cancel, ConnectTarget, Millis, Octets, Runtime, TlsContext, TlsFault } from "../runtime.ts";
import { isFault } from "../runtime.ts";
import { lowerAscii } from "../variables/case.ts";
import type { Facts } from "../variables/mod.ts";
import type { TicketKeys, TlsServerOptions } from "../tls.ts";

/** What is needed to make contexts. */
export type TlsRuntime = Pick<Runtime, "files" | "createTlsServer" | "createTlsClient" | "secureClient">;

/** What server contexts are made with: `ticketKeys` serve where the configuration names none. */
export interface ServerTlsOptions {
  readonly runtime: TlsRuntime & Pick<Runtime, "name" | "capabilities">;
  readonly ticketKeys: TicketKeys;
  readonly note: (level: "warn", text: Octets) => void;
}

/** TLS with the clients of a server block. Throws a `ConfigError` that says what is wrong. */
export function createServerTls(server: ServerConfig, ssl: SslConfig, options: ServerTlsOptions): TlsContext {
  const { runtime } = options;
  const files = readSslFiles(ssl, runtime.files);
  const settings: Omit<TlsServerOptions, "authorities"> = {
    ...files,
    ticketKeys: files.ticketKeys.length > 0 ? () => files.ticketKeys : options.ticketKeys,
    versions: ssl.versions,
    ciphers: ssl.ciphers,
    prefersServerCiphers: ssl.prefersServerCiphers,
    ecdhCurve: ssl.ecdhCurve,
    sessionTickets: ssl.sessionTickets,
    sessionTimeout: ssl.sessionTimeout,
    // What a session may be resumed for: the same names, certificates and authorities.
    sessionContext: [
      server.protocol,
      server.serverName,
      ssl.verifyClient,
      ssl.verifyDepth,
      ...files.keyPairs.map(({ certificate }) => certificate),
      files.authorities.join(""),
      files.crl,
    ].join("\n"),
    requestsCertificate: ssl.verifyClient !== "off",
    verifyDepth: ssl.verifyDepth,
    alpn: [server.protocol],
  };
  const create = (authorities: readonly Octets[]) =>
    runtime.createTlsServer({ ...settings, authorities: authorities.join("") });
  const context = create(files.authorities);
  if (isFault(context)) throw sslFault(ssl, located(context, files.authorities, create));
  if (files.ticketKeys.some(({ length }) => length === LONG_TICKET_KEY)) noteLongKey(ssl, options);
  return context;
}

/** The runtime is given one text of all authorities, and does not tell which of their files is at fault. */
function located(
  fault: TlsFault,
  authorities: readonly Octets[],
  create: (authorities: readonly Octets[]) => TlsContext | TlsFault,
): TlsFault {
  if (fault.part !== "authorities") return fault;
  const index = authorities.findIndex((_, at) => {
    const found = create(authorities.slice(0, at + 1));
    // With other authorities there may be another fault behind them.
    return isFault(found) && found.part === "authorities";
  });
  return { ...fault, index };
}

/** Nobody should believe in AES-256 where there is none. */
function noteLongKey({ places }: SslConfig, { runtime, note }: ServerTlsOptions): void {
  const state = runtime.capabilities["tls.longTicketKeys"];
  if (state.state !== "emulated") return;
  const place = places["ssl_session_ticket_key"];
  const text = `the length of "ssl_session_ticket_key" has no effect with ${runtime.name}: ${state.reason}`;
  note("warn", text + (place === undefined ? "" : inPlace(place)));
}

/** TLS with servers that we connect to. A context belongs to the name that is verified; few names are in use at a time. */
export class ClientContexts {
  readonly #config: ClientTlsConfig;
  readonly #runtime: TlsRuntime;
  readonly #files: ReturnType<typeof readClientTlsFiles>;
  readonly #byName = new Map<Octets, TlsContext>();
  /** See `TlsContext`. */
  readonly caveat: TlsFault | undefined;
  /** See `TlsContext`. */
  readonly expires: Millis | undefined;

  /** Throws a `ConfigError` that says what is wrong. */
  constructor(config: ClientTlsConfig, runtime: TlsRuntime) {
    this.#config = config;
    this.#runtime = runtime;
    this.#files = readClientTlsFiles(config, runtime.files);
    // What is wrong with the options is wrong for every name: it is to be known at the start.
    ({ caveat: this.caveat, expires: this.expires } = this.#create("localhost"));
  }

  /** The context for a server: for the configured name, else the name or address that it is reached by. */
  for(target: ConnectTarget, facts?: Facts): TlsContext {
    const name = this.#nameFor(facts) ?? ("host" in target ? target.host : "localhost");
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    const [oldest] = this.#byName.keys();
    if (this.#byName.size >= MOST_NAMES && oldest !== undefined) this.#byName.delete(oldest);
    const context = this.#create(name);
    this.#byName.set(name, context);
    return context;
  }

  /** Connects and then speaks TLS from the first octet. */
  connectOver(connect: Runtime["connect"]): Runtime["connect"] {
    return (target, handler) => {
      let cancel: Cancel = connect(target, {
        failed: (failure) => handler.failed(failure),
        connected: (socket) => {
          cancel = this.#runtime.secureClient(socket, this.for(target), {
            secured: (secure) => handler.connected(secure),
            failed: (text) => handler.failed({ number: 0, text, isHandshake: true }),
          });
        },
      });
      return () => cancel();
    };
  }

  /** What is no name may come from a client's login: then it is the server's own name that counts. */
  #nameFor(facts: Facts | undefined): Octets | undefined {
    const { name, nameFor } = this.#config;
    if (nameFor === undefined || facts === undefined) return name;
    const found = lowerAscii(nameFor(facts));
    return NAME.test(found) ? found : undefined;
  }

  #create(name: Octets): TlsContext {
    const { sendsName, verify, versions, ciphers, verifyDepth, fingerprint, reusesSessions } = this.#config;
    const context = this.#runtime.createTlsClient({
      ...this.#files,
      versions,
      ciphers,
      // RFC 6066, 3: an address is no server name.
      serverName: sendsName && parseIp(name) === undefined ? name : "",
      verifiedName: verify ? name : undefined,
      verifyDepth,
      fingerprint,
      reusesSessions,
    });
    if (isFault(context)) throw clientTlsFault(this.#config, context);
    return context;
  }
}

/** nginx's key file for AES-256, in octets. */
const LONG_TICKET_KEY = 80;
/** A host name or an address. */
const NAME = /^[a-z0-9._:-]{1,253}$/;

/** Names come from the auth server: it has as many as it likes. */
const MOST_NAMES = 256;
