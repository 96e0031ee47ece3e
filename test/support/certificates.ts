/** Keys and certificates for tests, made by the openssl command line in a folder of their own. */

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What a certificate is to be. */
export interface Wish {
  readonly name: string;
  /** As `openssl req -subj` wants it; `/CN=name` if not given. */
  readonly subject?: string;
  readonly keyType?: keyof typeof KEY_TYPES;
  /** Who signs; itself if not given. */
  readonly issuer?: Certificate;
  /** Lines of an OpenSSL extension section. */
  readonly extensions?: readonly string[];
  /** `YYYYMMDDHHMMSSZ`; from yesterday, for 100 days, if not given. */
  readonly from?: string;
  readonly until?: string;
}

/** A certificate with its key, as files and as text. */
export interface Certificate {
  readonly name: string;
  readonly certificate: string;
  readonly key: string;
  readonly certificatePath: string;
  readonly keyPath: string;
}

/** A folder of certificates. */
export class CertificateFolder {
  readonly path = mkdtempSync(join(tmpdir(), "postern-tls-"));
  #serial = 0x1000;

  make(wish: Wish): Certificate {
    const { name, subject = `/CN=${name}`, issuer } = wish;
    const keyPath = this.#path(`${name}.key`);
    const requestPath = this.#path(`${name}.csr`);
    const certificatePath = this.#path(`${name}.pem`);
    const algorithm = KEY_TYPES[wish.keyType ?? "ecdsa"];
    const paths = ["-keyout", keyPath, "-out", requestPath];
    openssl("req", "-newkey", ...algorithm, "-nodes", "-utf8", "-subj", subject, ...paths);
    this.#sign(wish, { keyPath, requestPath, certificatePath, issuer });
    return { name, certificate: read(certificatePath), key: read(keyPath), certificatePath, keyPath };
  }

  authority(name: string, issuer?: Certificate, extra: readonly string[] = []): Certificate {
    return this.make({ name, ...issuer === undefined ? {} : { issuer }, extensions: [...CA_EXTENSIONS, ...extra] });
  }

  /** The same certificate as `openssl x509` writes it with these options. */
  rewrite({ certificatePath }: Certificate, ...options: readonly string[]): string {
    const path = this.#path(`rewritten-${this.#serial++}.pem`);
    openssl("x509", "-in", certificatePath, "-out", path, ...options);
    return read(path);
  }

  /** The key of a certificate, encrypted by `openssl pkcs8` with these options. */
  lock({ keyPath }: Certificate, passphrase: string, ...options: readonly string[]): string {
    const path = this.#path(`locked-${this.#serial++}.key`);
    openssl("pkcs8", "-topk8", "-in", keyPath, "-out", path, "-passout", `pass:${passphrase}`, ...options);
    return read(path);
  }

  /** The name and key of an authority in another certificate. */
  again(authority: Certificate, wish: Pick<Wish, "issuer" | "from" | "until">): Certificate {
    const { name, keyPath } = authority;
    const certificatePath = this.#path(`${name}-${this.#serial++}.pem`);
    const paths = { keyPath, requestPath: this.#path(`${name}.csr`), certificatePath, issuer: wish.issuer };
    this.#sign({ ...wish, name, extensions: CA_EXTENSIONS }, paths);
    return { ...authority, certificate: read(certificatePath), certificatePath };
  }

  /** The key of a certificate, encrypted; `isOld` for the form of OpenSSL before 1.0. */
  encrypt({ keyPath }: Certificate, passphrase: string, isOld = false): string {
    const path = this.#path(`encrypted-${this.#serial++}.key`);
    const args = ["-in", keyPath, "-out", path, "-passout", `pass:${passphrase}`, "-aes128"];
    if (isOld) openssl("ec", ...args);
    else openssl("pkey", ...args);
    return read(path);
  }

  /** A revocation list of `issuer`; `until` is when the next one was to come. */
  revoke(issuer: Certificate, revoked: readonly Certificate[], until?: string): string {
    const config = this.#database(issuer);
    for (const { certificatePath } of revoked) {
      openssl("ca", "-config", config, "-revoke", certificatePath);
    }
    const path = this.#path(`${issuer.name}.crl`);
    const dates = until === undefined ? ["-crldays", "30"] : ["-crl_lastupdate", LONG_AGO, "-crl_nextupdate", until];
    openssl("ca", "-config", config, "-gencrl", "-out", path, ...dates);
    return read(path);
  }

  write(name: string, text: string): string {
    const path = this.#path(name);
    writeFileSync(path, text);
    return path;
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }

  #sign(wish: Wish, paths: Paths): void {
    const { keyPath, requestPath, certificatePath, issuer } = paths;
    const config = this.#database(issuer ?? { certificatePath, keyPath, name: wish.name });
    const extensions = this.write(`${wish.name}.ext`, [...wish.extensions ?? [], ""].join("\n"));
    const signer = issuer === undefined ? ["-selfsign", "-keyfile", keyPath] : [];
    const dates = ["-startdate", wish.from ?? yesterday(), "-enddate", wish.until ?? FAR_AWAY];
    openssl(
      "ca",
      "-config",
      config,
      "-batch",
      "-notext",
      "-utf8",
      "-in",
      requestPath,
      "-out",
      certificatePath,
      "-extfile",
      extensions,
      ...signer,
      ...dates,
    );
  }

  /** The files that `openssl ca` wants of an authority. */
  #database({ name, certificatePath, keyPath }: Pick<Certificate, "name" | "certificatePath" | "keyPath">): string {
    const index = this.#path(`${name}.index`);
    const serial = this.write(`${name}.serial`, `${(this.#serial++).toString(16).toUpperCase()}\n`);
    writeFileSync(index, "", { flag: "a" });
    return this.write(
      `${name}.cnf`,
      `[ca]
default_ca = own
[own]
database = ${index}
serial = ${serial}
new_certs_dir = ${this.path}
certificate = ${certificatePath}
private_key = ${keyPath}
default_md = sha256
policy = any
unique_subject = no
[any]
countryName = optional
organizationName = optional
organizationalUnitName = optional
commonName = optional
emailAddress = optional
`,
    );
  }

  #path(name: string): string {
    return join(this.path, name.replaceAll(/[^\w.-]/g, "_"));
  }
}

/** Kinds of keys, as `openssl req -newkey` wants them. */
const KEY_TYPES = {
  ecdsa: ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
  ed25519: ["ed25519"],
  ed448: ["ed448"],
  p521: ["ec", "-pkeyopt", "ec_paramgen_curve:P-521"],
  rsa: ["rsa:2048"],
  rsaPss: ["rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048"],
  secp256k1: ["ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"],
} as const;

interface Paths {
  readonly keyPath: string;
  readonly requestPath: string;
  readonly certificatePath: string;
  readonly issuer: Certificate | undefined;
}

/** What makes a certificate an authority. */
export const CA_EXTENSIONS: readonly string[] = [
  "basicConstraints = critical,CA:true",
  "keyUsage = critical,keyCertSign,cRLSign",
  "subjectKeyIdentifier = hash",
];

/** What makes a certificate a server's. */
export function serverExtensions(...names: readonly string[]): string[] {
  return ["basicConstraints = CA:false", "extendedKeyUsage = serverAuth", `subjectAltName = ${names.join(",")}`];
}

/** What makes a certificate a client's. */
export const CLIENT_EXTENSIONS: readonly string[] = ["basicConstraints = CA:false", "extendedKeyUsage = clientAuth"];

export const LONG_BEFORE = "20190101000000Z";
export const LONG_AGO = "20200101000000Z";
export const EXPIRED = "20210101000000Z";
export const FAR_AWAY = "20491231235959Z";

function openssl(...args: string[]): void {
  execFileSync("openssl", args, { stdio: ["ignore", "ignore", "pipe"], timeout: 60_000 });
}

function read(path: string): string {
  return readFileSync(path, "latin1");
}

function yesterday(): string {
  return new Date(Date.now() - 86_400_000).toISOString().replaceAll(/[-:T]|\.\d+/g, "");
}
