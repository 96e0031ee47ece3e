/** TLS towards mail servers and whoever else we connect to. */

import { checkServerIdentity, connect, createSecureContext, type SecureContext, type TLSSocket } from "node:tls";
import type { Cancel, SecureHandler, TlsClientOptions, TlsContext, TlsFault } from "../src/runtime.ts";
import type { Census, NetSocket } from "./_socket.ts";
import { commonFacts, Handshake } from "./_tls_handshake.ts";
import { checkClient } from "./_tls_options.ts";
import type { TlsTraits } from "./_tls_traits.ts";

/** See `Runtime.createTlsClient`. */
export function createTlsClient(options: TlsClientOptions, traits: TlsTraits): ClientContext | TlsFault {
  const settings = checkClient(options, traits);
  return "part" in settings ? settings : new ClientContext(options, createSecureContext(settings));
}

/** What all connections with the same options share. */
export class ClientContext implements TlsContext {
  readonly kind = "client";
  readonly options: TlsClientOptions;
  readonly secure: SecureContext;

  constructor(options: TlsClientOptions, secure: SecureContext) {
    this.options = options;
    this.secure = secure;
  }
}

/** What a client's handshake begins with. */
export interface ClientStart {
  readonly socket: NetSocket;
  readonly context: TlsContext;
  readonly handler: SecureHandler;
  readonly census: Census;
}

/** See `Runtime.secureClient`. */
export function secureClient(start: ClientStart): Cancel {
  const { context } = start;
  if (!(context instanceof ClientContext)) throw new TypeError("A TLS client was given that is not this adapter's");
  const handshake = new ClientHandshake(start, context);
  queueMicrotask(() => handshake.begin());
  return () => handshake.cancel();
}

class ClientHandshake extends Handshake {
  readonly #context: ClientContext;

  constructor(start: ClientStart, context: ClientContext) {
    super(start);
    this.#context = context;
  }

  begin(): void {
    if (this.isOver) return;
    // What the server said in clear before the handshake may be anybody's (RFC 3207, 6; CVE-2021-38371 and others).
    if (this.raw.readableLength > 0) return this.fail(EARLY_DATA);
    this.whenFlushed(() => this.#connect());
  }

  #connect(): void {
    const { options, secure } = this.#context;
    const { verifiedName } = options;
    const tls = connect({
      socket: this.raw,
      secureContext: secure,
      servername: options.serverName,
      rejectUnauthorized: verifiedName !== undefined,
      checkServerIdentity: (_host, certificate) => checkServerIdentity(verifiedName ?? "", certificate),
    });
    this.watch(tls);
    tls.once("secureConnect", () => this.#finish(tls));
  }

  #finish(tls: TLSSocket): void {
    const { options } = this.#context;
    this.succeed(tls, { ...commonFacts(tls), serverName: options.serverName || undefined, certificate: undefined });
  }
}

const EARLY_DATA = "data in clear before the handshake";
