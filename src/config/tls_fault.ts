/**
 * What is wrong with TLS that only the runtime's library could tell, in nginx's words and in the place of the directive.
 *
 * @module
 */

import type { Octets, TlsFault } from "../runtime.ts";
import type { ConfCommand } from "./conf_command.ts";
import { ConfigError, inPlace } from "./error.ts";
import { authorityFiles } from "./ssl_files.ts";
import type { CertificateConfig, ClientTlsConfig, PemSource, SslConfig } from "./ssl_types.ts";
import type { NamedFile, Place } from "./types.ts";

/** A fault in the TLS with clients; one of authorities has the index of the file. */
export function sslFault(ssl: SslConfig, fault: TlsFault): ConfigError {
  return explained(fault, { ...ssl, authorities: authorityFiles(ssl) });
}

/** What an operator must know of how a setting is met, see `TlsContext.caveat`. */
export function tlsCaveat({ places }: SslConfig | ClientTlsConfig, { part, text }: TlsFault): Octets {
  const ending = part === "authorities" ? "_certificate" : `_${part}`;
  const directive = directiveOf({ places }, ending);
  return directive === undefined ? text : `"${directive.name}": ${text}${inPlace(directive.place)}`;
}

/** A fault in the TLS with a server. */
export function clientTlsFault(tls: ClientTlsConfig, fault: TlsFault): ConfigError {
  const { certificate, trustedCertificate } = tls;
  const certificates = certificate === undefined ? [] : [certificate];
  const authorities = trustedCertificate === undefined ? [] : [trustedCertificate];
  return explained(fault, { ...tls, certificates, authorities, ecdhCurve: "auto", dhparam: undefined });
}

interface Settings extends Pick<SslConfig, "crl" | "ciphers" | "ecdhCurve" | "dhparam" | "commands" | "places"> {
  readonly certificates: readonly CertificateConfig[];
  readonly authorities: readonly NamedFile[];
}

function explained({ part, index, text }: TlsFault, settings: Settings): ConfigError {
  const { certificates, authorities, crl, ciphers, ecdhCurve, dhparam } = settings;
  const pair = certificates[index];
  const command = commandOf(part, settings);
  if (command !== undefined) {
    const { directive: name, place } = command;
    return failed(`SSL_CONF_cmd("${command.name}", "${command.value}")`, text, { name, place });
  }
  switch (part) {
    case "certificate":
      return unusable(pair?.certificate, (name) => `cannot load certificate ${name}: PEM_read_bio_X509_AUX()`, text);
    case "key":
      return unusable(pair?.key, (name) => `cannot load certificate key ${name}: PEM_read_bio_PrivateKey()`, text)
        .hinted(lockHint(text, settings));
    case "mismatch":
      return unusable(pair?.key, (name) => `SSL_CTX_use_PrivateKey(${name})`, text).hinted(pair && mismatchHint(pair));
    case "authorities":
      return unusable(authorities[index], (name) => `failed to load ${name}: PEM_read_bio_X509()`, text);
    case "crl":
      return unusable(crl, (name) => `failed to load ${name}: PEM_read_bio_X509_CRL()`, text);
    case "dhparam":
      return unusable(dhparam, (name) => `PEM_read_bio_DHparams(${name})`, text);
    case "ciphers":
      return failed(`SSL_CTX_set_cipher_list("${ciphers}")`, text, directiveOf(settings, "_ciphers"));
    case "curves":
      return failed(`SSL_CTX_set1_curves_list("${ecdhCurve}")`, text, directiveOf(settings, "_ecdh_curve"));
    case "versions":
      return failed("SSL_CTX_set_min_proto_version()", text, directiveOf(settings, "_protocols"));
  }
}

/** The command that is at fault in place of a directive. */
function commandOf(part: TlsFault["part"], { commands, places }: Settings): ConfCommand | undefined {
  const last = (names: readonly Octets[]) => commands.findLast(({ name }) => names.includes(name.toLowerCase()));
  const found = last(COMMANDS[part] ?? []);
  // Suites of TLS 1.3 stand in one list with the others, which more often are the ones that nobody knows.
  const hasList = found !== undefined || directiveOf({ places }, "_ciphers") !== undefined;
  return part === "ciphers" && !hasList ? last(["ciphersuites"]) : found;
}

/** In lower case. */
const COMMANDS: Partial<Readonly<Record<TlsFault["part"], readonly Octets[]>>> = {
  ciphers: ["cipherstring"],
  curves: ["curves", "groups"],
  dhparam: ["dhparameters"],
  versions: ["protocol"],
};

interface GivenDirective {
  readonly name: string;
  readonly place: Place;
}

function directiveOf({ places }: Pick<Settings, "places">, ending: string): GivenDirective | undefined {
  const found = Object.entries(places).find(([name]) => name.endsWith(`ssl${ending}`));
  return found && { name: found[0], place: found[1] };
}

/** OpenSSL's errors are told as nginx tells them; any other reason is about the directive itself. */
function failed(action: Octets, reason: Octets, directive?: GivenDirective): ConfigError {
  const isOpenSsl = reason.startsWith("error:") || directive === undefined;
  const text = isOpenSsl ? `${action} failed (SSL: ${reason})` : `"${directive.name}" is not possible: ${reason}`;
  return new ConfigError(text, { place: directive?.place });
}

/** A fault of what a directive names, whose place is that directive's. */
function unusable(source: PemSource | undefined, action: (name: Octets) => Octets, reason: Octets): ConfigError {
  return new ConfigError(`${action(`"${nameOf(source)}"`)} failed (SSL: ${reason})`, { place: source?.place });
}

/** The text of a key is no name for it: it would end up in the log. */
function nameOf(source: PemSource | undefined): Octets {
  return source !== undefined && "path" in source ? source.path : "data:";
}

/** OpenSSL's words for a key that asks for a passphrase say little to who has never met them. */
function lockHint(reason: Octets, settings: Settings): Octets | undefined {
  const directive = directiveOf(settings, "_certificate_key")?.name.replace(/certificate_key$/, "password_file");
  if (reason.endsWith(":processing error")) {
    return `the key is encrypted: "${directive}" names a file with its passphrase`;
  }
  return reason.includes(":bad decrypt") ? `no passphrase of "${directive}" opens the key` : undefined;
}

function mismatchHint({ certificate }: CertificateConfig): Octets {
  return `it is not the key of "${nameOf(certificate)}", which is named${inPlace(certificate.place)}`;
}
