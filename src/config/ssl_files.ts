/**
 * Reads the files that TLS needs: when the program starts and whenever they are read again, not while the configuration
 * is read. What is wrong with one is told in nginx's and OpenSSL's words, in the place of the directive that names it.
 *
 * @module
 */

import { describeFailure, isFailure } from "../runtime.ts";
import type { Files, KeyPair, Octets, SystemFailure, TlsServerOptions } from "../runtime.ts";
import { decode } from "../session/bytes.ts";
import { ConfigError } from "./error.ts";
import type { CertificateConfig, ClientTlsConfig, PemSource, SslConfig } from "./ssl_types.ts";
import type { NamedFile } from "./types.ts";

/** What the files of a {@linkcode SslConfig} say. */
export type SslFiles = Pick<TlsServerOptions, "keyPairs" | "crl" | "dhparam"> & {
  /** A text for each file that is named, see {@linkcode authorityFiles}. */
  readonly authorities: readonly Octets[];
  /** Empty where the configuration names none. */
  readonly ticketKeys: readonly Uint8Array[];
};

/** What the files of a {@linkcode ClientTlsConfig} say. */
export interface ClientTlsFiles {
  readonly keyPair: KeyPair | undefined;
  /** Empty for the system's. */
  readonly authorities: Octets;
  readonly crl: Octets;
}

type Reader = Pick<Files, "read">;

/** Reads all files of TLS with clients, in nginx's order. Throws {@linkcode ConfigError}. */
export function readSslFiles(ssl: SslConfig, files: Reader): SslFiles {
  const keyPairs = ssl.certificates.map((certificate) => readKeyPair(certificate, ssl.passphrases, files));
  const isAsked = ssl.verifyClient !== "off";
  return {
    keyPairs,
    authorities: isAsked ? authorityFiles(ssl).map((file) => readPem(file, AUTHORITY, files)) : [],
    crl: isAsked ? readCrl(ssl.crl, files) : "",
    dhparam: ssl.dhparam === undefined ? undefined : readDhparam(ssl.dhparam, files),
    ticketKeys: ssl.ticketKeys.map((file) => readTicketKey(file, files)),
  };
}

/** Reads all files of TLS with a server. Throws {@linkcode ConfigError}. */
export function readClientTlsFiles(tls: ClientTlsConfig, files: Reader): ClientTlsFiles {
  const { certificate, passphrases, trustedCertificate, crl, verify } = tls;
  return {
    keyPair: certificate && readKeyPair(certificate, passphrases, files),
    authorities: verify && trustedCertificate !== undefined ? readPem(trustedCertificate, AUTHORITY, files) : "",
    crl: verify ? readCrl(crl, files) : "",
  };
}

/** The files of those who vouch for clients. */
export function authorityFiles(ssl: Pick<SslConfig, "clientCertificate" | "trustedCertificate">): NamedFile[] {
  return [ssl.clientCertificate, ssl.trustedCertificate].filter((file) => file !== undefined);
}

function readKeyPair({ certificate, key }: CertificateConfig, passphrases: readonly Octets[], files: Reader): KeyPair {
  return { certificate: readPem(certificate, CERTIFICATE, files), key: readPem(key, KEY, files), passphrases };
}

function readCrl(file: NamedFile | undefined, files: Reader): Octets {
  return file === undefined ? "" : readPem(file, CRL, files);
}

/** What a file is to hold, and what is said when it does not. */
interface Content {
  /** The beginning of the complaint, with the file's name. */
  complaint(name: Octets): Octets;
  readonly label: RegExp;
  readonly lacking: Octets;
}

const CERTIFICATE: Content = {
  complaint: (name) => `cannot load certificate "${name}": `,
  label: /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----/,
  lacking: "PEM_read_bio_X509_AUX() failed (SSL: error:0480006C:PEM routines::no start line:" +
    "Expecting: TRUSTED CERTIFICATE)",
};

const KEY: Content = {
  complaint: (name) => `cannot load certificate key "${name}": `,
  label: /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/,
  lacking: "PEM_read_bio_PrivateKey() failed (SSL: error:1E08010C:DECODER routines::unsupported:" +
    "No supported data to decode. Input type: PEM)",
};

const AUTHORITY: Content = {
  complaint: (name) => `failed to load "${name}": `,
  label: CERTIFICATE.label,
  lacking: "PEM_read_bio_X509() failed (SSL: error:0480006C:PEM routines::no start line:Expecting: CERTIFICATE)",
};

const CRL: Content = {
  complaint: (name) => `failed to load "${name}": `,
  label: /-----BEGIN X509 CRL-----/,
  lacking: "PEM_read_bio_X509_CRL() failed (SSL: error:0480006C:PEM routines::no start line:Expecting: X509 CRL)",
};

function readPem(source: PemSource, content: Content, files: Reader): Octets {
  // The text of a key is no name for it: it would end up in the log.
  const name = "path" in source ? source.path : "data:";
  const { place } = source;
  const text = "path" in source ? readText(source.path, files) : source.data;
  if (typeof text !== "string") {
    throw new ConfigError(`${content.complaint(name)}BIO_new_file() failed ${openFailure(name, text)}`, { place });
  }
  if (!content.label.test(text)) {
    throw new ConfigError(content.complaint(name) + content.lacking, { place, hint: describeContent(text) });
  }
  // Texts are put one behind the other.
  return text.endsWith("\n") ? text : `${text}\n`;
}

/** What is there in place of what should be, as far as it can be told. */
function describeContent(text: Octets): Octets | undefined {
  if (text.trim() === "") return "it is empty";
  const [, label] = /-----BEGIN ([A-Z0-9. ]+)-----/.exec(text) ?? [];
  if (label !== undefined) return `what it holds: ${label.toLowerCase()}`;
  return text.startsWith(DER_SEQUENCE) ? "it looks like DER: openssl can make PEM of it" : undefined;
}

function readDhparam({ path, place }: NamedFile, files: Reader): Octets {
  const text = readText(path, files);
  if (typeof text !== "string") {
    throw new ConfigError(`BIO_new_file("${path}") failed ${openFailure(path, text)}`, { place });
  }
  if (/-----BEGIN (?:X9\.42 )?DH PARAMETERS-----/.test(text)) return text;
  const reason = "error:0480006C:PEM routines::no start line:Expecting: DH PARAMETERS";
  const hint = describeContent(text);
  throw new ConfigError(`PEM_read_bio_DHparams("${path}") failed (SSL: ${reason})`, { place, hint });
}

function readTicketKey({ path, place }: NamedFile, files: Reader): Uint8Array {
  const bytes = files.read(path);
  if (isFailure(bytes)) throw new ConfigError(`open() "${path}" failed ${describeFailure(bytes)}`, { place });
  if (bytes.length === 48 || bytes.length === 80) return bytes;
  const hint = `it has ${bytes.length}: "openssl rand 48" makes a key, with random octets and no line end`;
  throw new ConfigError(`"${path}" must be 48 or 80 bytes`, { place, hint });
}

function readText(path: Octets, files: Reader): Octets | SystemFailure {
  const bytes = files.read(path);
  return isFailure(bytes) ? bytes : decode(bytes);
}

/** As OpenSSL 3 tells it: the system's error, then its own. */
function openFailure(path: Octets, { number, text }: SystemFailure): Octets {
  const code = (0x80000000 + number).toString(16).toUpperCase();
  const own = number === NO_SUCH_FILE ? "10000080:BIO routines::no such file" : "10080002:BIO routines::system lib";
  return `(SSL: error:${code}:system library::${text}:calling fopen(${path}, r) error:${own})`;
}

/** The octet that certificates and keys begin with that are no text. */
const DER_SEQUENCE = "\x30";

/** ENOENT. */
const NO_SUCH_FILE = 2;
