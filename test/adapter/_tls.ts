/** TLS between two sockets of the runtime under test. */

import type {
  Octets,
  Runtime,
  SecureHandler,
  Socket,
  TlsClientOptions,
  TlsContext,
  TlsFacts,
  TlsFault,
  TlsServerOptions,
} from "../../src/runtime.ts";
import { isFault } from "../../src/runtime.ts";
import type { Certificate } from "../support/certificates.ts";

/** Options of a server with these certificates, for the rest nginx's defaults. */
export function serverOptions(
  certificates: readonly Certificate[],
  options: Partial<TlsServerOptions> = {},
): TlsServerOptions {
  return {
    keyPairs: certificates.map(({ certificate, key }) => ({ certificate, key, passphrases: [] })),
    versions: ["TLSv1.2", "TLSv1.3"],
    ciphers: "HIGH:!aNULL:!MD5",
    prefersServerCiphers: false,
    ecdhCurve: "auto",
    dhparam: undefined,
    sessionTickets: true,
    ticketKey: undefined,
    sessionTimeout: 300_000,
    sessionContext: "test",
    requestsCertificate: false,
    authorities: "",
    crl: "",
    verifyDepth: 1,
    alpn: ["imap"],
    ...options,
  };
}

/** Options of a client that trusts these authorities. */
export function clientOptions(
  authorities: readonly Certificate[],
  options: Partial<TlsClientOptions> = {},
): TlsClientOptions {
  return {
    keyPair: undefined,
    versions: ["TLSv1.2", "TLSv1.3"],
    ciphers: "HIGH:!aNULL:!MD5",
    serverName: "mail.example.org",
    verifiedName: "mail.example.org",
    authorities: authorities.map(({ certificate }) => certificate).join(""),
    crl: "",
    verifyDepth: 1,
    fingerprint: undefined,
    reusesSessions: false,
    ...options,
  };
}

/** The context, or an error with the fault's text. */
export function usable(context: TlsContext | TlsFault): TlsContext {
  if (isFault(context)) throw new Error(`${context.part} ${context.index}: ${context.text}`);
  return context;
}

/** What became of a handshake on one side. */
export type Outcome =
  | { readonly socket: Socket; readonly facts: TlsFacts }
  | { readonly failure: Octets };

/** The two functions of a `SecureHandler` as one promise. */
export function outcome(begin: (handler: SecureHandler) => void): Promise<Outcome> {
  return new Promise((resolve) =>
    begin({
      secured: (socket, facts) => resolve({ socket, facts }),
      failed: (failure) => resolve({ failure }),
    })
  );
}

/** Begins on the server's side, with one context for all names. */
export function serve(
  runtime: Runtime,
  socket: Socket,
  context: TlsContext | ((name: Octets | undefined) => TlsContext),
  held: Uint8Array = new Uint8Array(0),
): Promise<Outcome> {
  const choose = typeof context === "function" ? context : () => context;
  return outcome((handler) => runtime.secureServer(socket, { choose, held }, handler));
}

/** Begins on the client's side. */
export function dial(runtime: Runtime, socket: Socket, context: TlsContext): Promise<Outcome> {
  return outcome((handler) => runtime.secureClient(socket, context, handler));
}

/** The socket and facts of a handshake that must have succeeded. */
export function secured(result: Outcome): { readonly socket: Socket; readonly facts: TlsFacts } {
  if ("failure" in result) throw new Error(`the handshake failed: ${result.failure}`);
  return result;
}
