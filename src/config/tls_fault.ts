/**
 * What is wrong with TLS that only the runtime's library could tell, in nginx's words and in the place of the directive.
 *
 * @module
 */

import type { Octets } from "../runtime.ts";
import { ConfigError } from "./error.ts";
import type { CertificateConfig, ClientTlsConfig, PemSource, SslConfig } from "./ssl_types.ts";

/** What a runtime says is wrong, as it makes something of TLS options. */
export interface Fault {
  readonly part:
    | "certificate"
    | "key"
    | "mismatch"
    | "authorities"
    | "crl"
    | "versions"
    | "ciphers"
    | "curves"
    | "dhparam";
  /** Which certificate it is about. */
  readonly index: number;
  /** OpenSSL's error, or a sentence. */
  readonly text: Octets;
}

/** A fault in the TLS with clients. */
export function sslFault(ssl: SslConfig, fault: Fault): ConfigError {
  const { certificates, clientCertificate, trustedCertificate, crl, ciphers, ecdhCurve, dhparam } = ssl;
  const authorities = clientCertificate ?? trustedCertificate;
  return explained(fault, { certificates, authorities, crl, ciphers, ecdhCurve, dhparam, places: ssl.places });
}

/** A fault in the TLS with a server. */
export function clientTlsFault(tls: ClientTlsConfig, fault: Fault): ConfigError {
  const { certificate, trustedCertificate, crl, ciphers, places } = tls;
  const certificates = certificate === undefined ? [] : [certificate];
  return explained(fault, {
    certificates,
    authorities: trustedCertificate,
    crl,
    ciphers,
    ecdhCurve: "auto",
    dhparam: undefined,
    places,
  });
}

interface Settings extends Pick<SslConfig, "crl" | "ciphers" | "ecdhCurve" | "dhparam" | "places"> {
  readonly certificates: readonly CertificateConfig[];
  readonly authorities: Octets | undefined;
}

function explained({ part, index, text }: Fault, settings: Settings): ConfigError {
  const { certificates, authorities = "", crl = "", ciphers, ecdhCurve, dhparam = "", places } = settings;
  const reason = text.startsWith("error:") ? `failed (SSL: ${text})` : `failed (${text})`;
  const pair = certificates[index];
  const in_ = (ending: string) => ({ place: Object.entries(places).find(([name]) => name.endsWith(ending))?.[1] });
  switch (part) {
    case "certificate":
      return new ConfigError(
        `cannot load certificate "${named(pair?.certificate)}": PEM_read_bio_X509_AUX() ${reason}`,
      );
    case "key":
      return new ConfigError(`cannot load certificate key "${named(pair?.key)}": PEM_read_bio_PrivateKey() ${reason}`);
    case "mismatch":
      return new ConfigError(`SSL_CTX_use_PrivateKey("${named(pair?.key)}") ${reason}`);
    case "authorities":
      return new ConfigError(`failed to load "${authorities}": PEM_read_bio_X509() ${reason}`);
    case "crl":
      return new ConfigError(`failed to load "${crl}": PEM_read_bio_X509_CRL() ${reason}`);
    case "dhparam":
      return new ConfigError(`PEM_read_bio_DHparams("${dhparam}") ${reason}`);
    case "ciphers":
      return new ConfigError(`SSL_CTX_set_cipher_list("${ciphers}") ${reason}`, in_("_ciphers"));
    case "curves":
      return new ConfigError(`SSL_CTX_set1_curves_list("${ecdhCurve}") ${reason}`, in_("_ecdh_curve"));
    case "versions":
      return new ConfigError(`the versions of TLS ${reason}`, in_("_protocols"));
  }
}

/** The text of a key is not to be seen in the log. */
function named(source: PemSource | undefined): Octets {
  return source !== undefined && "path" in source ? source.path : "data:";
}
