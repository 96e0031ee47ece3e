/**
 * TLS with clients: what the directives of one `server {}` come to, with nginx's checks.
 *
 * @module
 */

import type { Octets } from "../runtime.ts";
import { applyCommands } from "./conf_command.ts";
import type { AnyDirective, Directive } from "./directive.ts";
import { isSpoken } from "./directives/_pem.ts";
import type { Pem } from "./directives/_pem.ts";
import { listen } from "./directives/listen.ts";
import * as directives from "./directives/ssl.ts";
import { ConfigError, inPlace } from "./error.ts";
import type { Scope } from "./scope.ts";
import type { CertificateConfig, Places, SslConfig } from "./ssl_types.ts";
import type { NamedFile, Place } from "./types.ts";

/** The TLS of a `server {}`, if it has any. Throws {@linkcode ConfigError} when something is lacking. */
export function sslOf(scope: Scope): SslConfig | undefined {
  const wish = tlsWish(scope);
  if (wish === undefined) return undefined;
  const { verifyClient, ...authorities } = verification(scope);
  return {
    certificates: certificatesOf(scope, wish),
    passphrases: scope.value(directives.sslPasswordFile),
    ...commanded(scope),
    sessionCache: scope.value(directives.sslSessionCache),
    sessionTimeout: scope.value(directives.sslSessionTimeout) * 1000,
    ticketKeys: scope.value(directives.sslSessionTicketKey),
    verifyClient,
    ...authorities,
    certificateCompression: scope.value(directives.sslCertificateCompression),
    commands: scope.value(directives.sslConfCommand),
    places: placesOf(scope, directives.ssl.directives),
  };
}

/** What asks for TLS, in nginx's words, and where. */
interface TlsWish {
  readonly mode: Octets;
  readonly place: Place | undefined;
}

/** Of several that ask for it, the one that nginx names. */
function tlsWish(scope: Scope): TlsWish | undefined {
  const sockets = scope.value(listen).flatMap((line) => line.sockets);
  const socket = sockets.findLast(({ ssl }) => ssl);
  if (socket !== undefined) return { mode: "listen ... ssl", place: socket.position };
  const { oldSsl, starttls } = directives;
  if (scope.value(oldSsl)) return { mode: "ssl", place: scope.placeOf(oldSsl) };
  if (scope.value(starttls) === "off") return undefined;
  return { mode: "starttls", place: scope.placeOf(starttls) };
}

function certificatesOf(scope: Scope, { mode, place }: TlsWish): readonly CertificateConfig[] {
  const certificates = scope.value(directives.sslCertificate);
  const keys = scope.value(directives.sslCertificateKey);
  const last = certificates.at(-1);
  const lack = (what: Octets) => new ConfigError(`no ${what} the "${mode}" directive`, { place, hint: FOR_ALL });
  if (last === undefined) throw lack('"ssl_certificate" is defined for');
  if (keys.length === 0) throw lack('"ssl_certificate_key" is defined for');
  if (keys.length < certificates.length) {
    throw lack(`"ssl_certificate_key" is defined for certificate "${last.written}" and`);
  }
  return certificates.flatMap((certificate, index) => {
    const key = keys[index];
    return key === undefined ? [] : [pair(certificate, key, scope.placeOf(directives.sslCertificateKey))];
  });
}

const FOR_ALL = 'what is given in "mail {}" is for every "server {}" that gives none itself';

/** A certificate with its key. Throws {@linkcode ConfigError} for a key that is not in a file. */
export function pair(certificate: Pem, key: Pem, place: Place | undefined): CertificateConfig {
  const [, keeper] = /^(engine|store):/.exec(key.written) ?? [];
  if (keeper === undefined) return { certificate: certificate.source, key: key.source };
  throw new ConfigError(`cannot load certificate key "${key.written}": "${keeper}:" is not supported`, {
    place,
    hint: "no runtime can use a key that is not in a file",
  });
}

function commanded(scope: Scope): ReturnType<typeof applyCommands> {
  const settings = {
    versions: scope.value(directives.sslProtocols).filter(isSpoken),
    ciphers: scope.value(directives.sslCiphers),
    ciphersuites: undefined,
    prefersServerCiphers: scope.value(directives.sslPreferServerCiphers),
    ecdhCurve: scope.value(directives.sslEcdhCurve),
    dhparam: fileOf(scope, directives.sslDhparam),
    sessionTickets: scope.value(directives.sslSessionTickets),
    tuning: [],
  };
  checkVersions(settings.versions, directives.sslProtocols, scope);
  const after = applyCommands(settings, scope.value(directives.sslConfCommand));
  checkVersions(after.versions, directives.sslConfCommand, scope);
  return withSuites(after);
}

/** The settings with the suites of TLS 1.3 in the list, where they are given. */
export function withSuites<T extends Pick<SslConfig, "ciphers" | "ciphersuites">>(settings: T): T {
  const { ciphersuites, ciphers } = settings;
  return ciphersuites === undefined ? settings : { ...settings, ciphers: `${ciphersuites}:${ciphers}` };
}

/** Without a version every handshake would fail. Throws {@linkcode ConfigError}. */
export function checkVersions(
  versions: SslConfig["versions"],
  directive: Directive<unknown, unknown>,
  scope: Scope,
): void {
  if (versions.length > 0) return;
  throw new ConfigError(`no version of TLS is left by the "${directive.name}" directive`, {
    place: scope.placeOf(directive),
  });
}

type Verification = Pick<
  SslConfig,
  "verifyClient" | "verifyDepth" | "clientCertificate" | "trustedCertificate" | "crl"
>;

function verification(scope: Scope): Verification {
  const verifyClient = scope.value(directives.sslVerifyClient);
  const clientCertificate = fileOf(scope, directives.sslClientCertificate);
  const trustedCertificate = fileOf(scope, directives.sslTrustedCertificate);
  const needsAuthority = verifyClient === "on" || verifyClient === "optional";
  if (needsAuthority && clientCertificate === undefined && trustedCertificate === undefined) {
    const place = scope.placeOf(directives.sslVerifyClient);
    throw new ConfigError("no ssl_client_certificate or ssl_trusted_certificate for ssl_verify_client", {
      hint: place && `"ssl_verify_client" stands${inPlace(place)}`,
    });
  }
  const crl = fileOf(scope, directives.sslCrl);
  const verifyDepth = scope.value(directives.sslVerifyDepth);
  return { verifyClient, verifyDepth, clientCertificate, trustedCertificate, crl };
}

/** The file that a directive names; `undefined` where none does, or does so with an empty name. */
export function fileOf(scope: Scope, directive: Directive<Octets, Octets>): NamedFile | undefined {
  const path = scope.value(directive);
  const place = scope.placeOf(directive);
  return path === "" || place === undefined ? undefined : { path, place };
}

/** Where those of these directives stand that are given. */
export function placesOf(scope: Scope, entries: readonly AnyDirective[]): Places {
  const places: Record<string, Place> = {};
  for (const entry of entries) {
    const place = entry.type === "simple" ? scope.placeOf(entry) : undefined;
    if (entry.type === "simple" && place !== undefined) places[entry.name] = place;
  }
  return places;
}
