/** TLS over Bun's own sockets: as Bun's `node:tls` begins it, but without the streams of `node:net` in between. */

import { Buffer } from "node:buffer";
import { constants, X509Certificate } from "node:crypto";
import { checkServerIdentity, createSecureContext, type PeerCertificate } from "node:tls";
import type { Cancel, Octets, Socket, TlsContext, TlsFacts } from "../src/runtime.ts";
import { BunHandshake, type BunStart, type SessionKeeper } from "./_bun_handshake.ts";
import type { BunUpgrade } from "./_bun_native.ts";
import { BunConnection, type BunShared } from "./_bun_socket.ts";
import { joined } from "./_octets.ts";
import { ClientTrial, EARLY_DATA, ownClientContext } from "./_tls_client.ts";
import type { ServerDoor } from "./_tls_door.ts";
import { faultText, type TlsView } from "./_tls_handshake.ts";
import type { ClientHello } from "./_tls_hello.ts";
import type { Face } from "./_tls_options.ts";
import type { ServerContext, ServerStart } from "./_tls_server.ts";
import type { Turns } from "./_turns.ts";

/** A server's door on Bun. */
export class BunDoor implements ServerDoor {
  readonly context: ServerContext;
  readonly shared: BunShared;
  readonly tls: BunUpgrade["tls"];

  constructor(context: ServerContext, { settings }: Face, shared: BunShared) {
    const { secureOptions = 0, honorCipherOrder, requestCert = false, ALPNProtocols } = settings;
    const order = honorCipherOrder === true ? constants.SSL_OP_CIPHER_SERVER_PREFERENCE : 0;
    this.context = context;
    this.shared = shared;
    this.tls = {
      secureContext: createSecureContext({ ...settings, secureOptions: secureOptions | order }).context,
      requestCert,
      rejectUnauthorized: false,
      ...Array.isArray(ALPNProtocols) ? { ALPNProtocols: alpnList(ALPNProtocols) } : {},
    };
  }

  enter(start: ServerStart, hello: ClientHello, received: Uint8Array): Cancel {
    const { context, shared, tls } = this;
    const bunStart = { socket: ownConnection(start.socket), handler: start.handler, shared };
    const handshake = new ServerHandshake(bunStart, { context, tls, turns: start.turns, hello, received });
    handshake.begin();
    return () => handshake.cancel();
  }
}

interface Arrival {
  readonly context: ServerContext;
  readonly tls: BunUpgrade["tls"];
  readonly turns: Turns;
  readonly hello: ClientHello;
  readonly received: Uint8Array;
}

class ServerHandshake extends BunHandshake {
  readonly #arrival: Arrival;

  constructor(start: BunStart, arrival: Arrival) {
    super(start);
    this.#arrival = arrival;
  }

  protected override proceed(held: Uint8Array): void {
    const { tls, turns, received } = this.#arrival;
    const initialData = held.length === 0 ? received : joined(received, held);
    turns.run(() => this.upgrade({ tls, isServer: true, initialData }));
  }

  protected override judge(tls: TlsView): TlsFacts {
    return this.#arrival.context.factsOf(tls, this.#arrival.hello);
  }
}

/** See `Runtime.secureClient`. */
export function secureBunClient(start: BunStart, context: TlsContext): Cancel {
  const handshake = new ClientHandshake(start, new ClientTrial(ownClientContext(context), start.socket.remote));
  queueMicrotask(() => handshake.begin());
  return () => handshake.cancel();
}

class ClientHandshake extends BunHandshake {
  readonly #trial: ClientTrial;

  constructor(start: BunStart, trial: ClientTrial) {
    super(start);
    this.#trial = trial;
  }

  protected override proceed(held: Uint8Array): void {
    if (held.length > 0) return this.fail(EARLY_DATA);
    const { secure, options: { serverName, verifiedName } } = this.#trial.context;
    this.upgrade({
      tls: {
        secureContext: secure.context,
        requestCert: true,
        // Where the library refuses a server, that sees no certificate of ours. But it looks for the name that is
        // announced, and another one may be what counts.
        rejectUnauthorized: verifiedName !== undefined && verifiedName === serverName,
        serverName,
      },
      isServer: false,
    });
  }

  protected override judge(tls: TlsView): TlsFacts | Octets {
    const { verifiedName } = this.#trial.context.options;
    if (verifiedName !== undefined) {
      const error = tls.authorizationError ?? checkServerIdentity(verifiedName, legacyCertificate(tls));
      if (error !== undefined) return this.#trial.explain(error) ?? faultText(error);
    }
    return this.#trial.judge(tls);
  }

  override session(): Uint8Array | undefined {
    return this.#trial.session();
  }

  override get keeper(): SessionKeeper {
    return this.#trial;
  }

  protected override abandoned(hasFailed: boolean): void {
    this.#trial.abandon(hasFailed);
  }
}

/** The certificate as `checkServerIdentity` wants it. */
function legacyCertificate(tls: TlsView): PeerCertificate {
  return new X509Certificate(tls.getPeerCertificate(true).raw).toLegacyObject() as PeerCertificate;
}

/** The socket, as one of ours. */
export function ownConnection(socket: Socket): BunConnection {
  if (socket instanceof BunConnection) return socket;
  throw new TypeError("An adapter works with sockets of its own only");
}

/** Each name behind its length (RFC 7301, 3.1). */
function alpnList(names: readonly string[]): Uint8Array {
  return Buffer.concat(names.map((name) => Buffer.from(String.fromCharCode(name.length) + name, "latin1")));
}
