/** What is asked of TLS, checked and put into the words of `node:tls`. */

import { constants, createHash } from "node:crypto";
import { createSecureContext, type SecureContextOptions, type TlsOptions } from "node:tls";
import type { Octets, TicketKeys, TlsClientOptions, TlsFault, TlsServerOptions, TlsVersion } from "../src/runtime.ts";
import { missingVersions, TLS_VERSIONS } from "../src/runtime.ts";
import { Certificate } from "./_certificate.ts";
import type { Policy } from "./_chain.ts";
import { KEY_TOO_SMALL, readDhparam } from "./_dhparam.ts";
import { derBlocks, toPem } from "./_pem.ts";
import { CRL_LABEL, parseRevocationLists } from "./_revocation.ts";
import { CipherChoice, securityLevel, type Suites, withoutSecurityLevel } from "./_tls_ciphers.ts";
import { checkKeyPair, NO_START_LINE, parseCertificates, type UsableKeyPair } from "./_tls_keys.ts";
import type { TlsTraits } from "./_tls_traits.ts";

/** Settings that the runtime has taken once already. */
export interface ServerSettings {
  readonly policy: Policy;
  /** A client is served by the first that it suits. */
  readonly faces: readonly Face[];
  readonly pairs: readonly UsableKeyPair[];
  /** The keys of tickets that the library is to use. */
  readonly ticketKeys: TicketKeys;
  readonly expires: number;
  readonly caveat: TlsFault | undefined;
}

/** One of the certificates, or all of them for a library that chooses by itself. */
export interface Face {
  readonly settings: TlsOptions;
  /** Whether it is for those who take ECDSA only. */
  readonly isEcdsa: boolean;
  /** What TLS 1.2 may come to, for a library that takes no list; `undefined` for anything. */
  readonly ciphers: CipherChoice | undefined;
}

/** Checks the options of a server. */
export function checkServer(options: TlsServerOptions, traits: TlsTraits): ServerSettings | TlsFault {
  const pairs = checkKeyPairs(options, traits);
  if ("part" in pairs) return pairs;
  const policy = checkPolicy(options, "client");
  if ("part" in policy) return policy;
  if (!traits.takesGaps && missingVersions(options.versions).length > 0) {
    return { part: "versions", index: 0, text: "the TLS library knows versions in a row only" };
  }
  const suites = suitesOf(pairs, options, traits);
  const fault = checkShared(options, suites, traits) ?? checkCurves(options.ecdhCurve, traits);
  if (fault !== undefined) return fault;
  const dhparam = options.dhparam === undefined || !traits.takesDhparam ? undefined : readDhparam(options.dhparam);
  if (typeof dhparam === "string") return { part: "dhparam", index: 0, text: dhparam };
  const common = { ...serverSettings(options, traits), ...dhparam === undefined ? {} : { dhparam: dhparam.pem } };
  const faceOf = (shown: readonly UsableKeyPair[], isEcdsa: boolean): Face => ({
    settings: { ...common, cert: shown.map(({ certificate }) => certificate), key: shown.map(({ key }) => key) },
    isEcdsa,
    ciphers: choiceOf(options.ciphers, suitesOf(shown, options, traits)),
  });
  const ecdsa = traits.hasOneCertificate ? pairs.find(({ isEcdsa }) => isEcdsa) : undefined;
  const others = pairs.filter((pair) => pair !== ecdsa);
  const isSplit = ecdsa !== undefined && others.length > 0;
  const main = faceOf(isSplit ? others : pairs, false);
  const faces = isSplit ? [faceOf([ecdsa], true), main] : [main];
  const expires = Math.min(...pairs.map((pair) => pair.expires));
  const caveat = caveatOf(choiceOf(options.ciphers, suites), "a client of TLS 1.2 that prefers");
  return tryOut(main.settings) ?? { policy, faces, pairs, ticketKeys: ticketKeysOf(options, traits), expires, caveat };
}

/**
 * A session brings its client's certificate along with a verdict that may have been another's, so where clients are asked
 * for one, tickets stay within the one context that has seen it.
 */
function ticketKeysOf({ ticketKeys, requestsCertificate }: TlsServerOptions, traits: TlsTraits): TicketKeys {
  return traits.takesTicketKeys && !requestsCertificate ? ticketKeys : () => NO_KEYS;
}

const NO_KEYS: readonly Uint8Array[] = [];

/** The same for a client. */
export interface ClientSettings {
  readonly policy: Policy;
  readonly settings: SecureContextOptions;
  readonly ciphers: CipherChoice | undefined;
  readonly expires: number | undefined;
  readonly caveat: TlsFault | undefined;
}

/** Checks the options of a client. */
export function checkClient(options: TlsClientOptions, traits: TlsTraits): ClientSettings | TlsFault {
  const pair = options.keyPair === undefined ? undefined : checkKeyPair(options.keyPair, 0, traits);
  if (pair !== undefined && "part" in pair) return pair;
  const policy = checkPolicy(options, "server");
  if ("part" in policy) return policy;
  const suites = options.versions.includes("TLSv1.2") ? traits.fixedCiphers : undefined;
  const fault = checkShared(options, suites, traits);
  if (fault !== undefined) return fault;
  const ciphers = choiceOf(options.ciphers, suites);
  const settings: SecureContextOptions = {
    ...sharedSettings(options, traits),
    ...pair === undefined ? {} : { cert: pair.certificate, key: pair.key },
  };
  const caveat = caveatOf(ciphers, "a server that chooses");
  return tryOut(settings) ?? { policy, settings, ciphers, expires: pair?.expires, caveat };
}

/** What TLS 1.2 can come to with these certificates; `undefined` for what the list says, or where there is no TLS 1.2. */
function suitesOf(
  pairs: readonly UsableKeyPair[],
  { versions }: TlsServerOptions,
  { fixedCiphers }: TlsTraits,
): Suites | undefined {
  if (fixedCiphers === undefined || !versions.includes("TLSv1.2")) return undefined;
  return new Map([...fixedCiphers].filter(([name]) => pairs.some(({ isRsa }) => isRsa === name.includes("-RSA-"))));
}

function choiceOf(list: Octets, suites: Suites | undefined): CipherChoice | undefined {
  return suites && new CipherChoice(list, suites);
}

function caveatOf(choice: CipherChoice | undefined, peer: Octets): TlsFault | undefined {
  if (choice === undefined || choice.leftOut.length === 0) return undefined;
  const text = `${peer} ${choice.leftOut.join(" or ")} is turned away, since the TLS library cannot leave that out`;
  return { part: "ciphers", index: 0, text };
}

function checkKeyPairs({ keyPairs }: TlsServerOptions, traits: TlsTraits): UsableKeyPair[] | TlsFault {
  const usable: UsableKeyPair[] = [];
  for (const [index, pair] of keyPairs.entries()) {
    const checked = checkKeyPair(pair, index, traits);
    if ("part" in checked) return checked;
    usable.push(checked);
  }
  return usable;
}

/** What both sides have in common. */
type Shared = Pick<TlsServerOptions, "versions" | "ciphers" | "authorities" | "crl">;

function checkPolicy(
  { authorities, crl, verifyDepth }: Shared & Pick<TlsServerOptions, "verifyDepth">,
  purpose: Policy["purpose"],
): Policy | TlsFault {
  const anchors = authorities === "" ? [] : parseCertificates(authorities);
  if (typeof anchors === "string") return { part: "authorities", index: 0, text: anchors };
  const crls = crl === "" ? [] : parseRevocationLists(crl);
  if (typeof crls === "string") return { part: "crl", index: 0, text: crls };
  return { anchors: anchors.map((anchor) => new Certificate(anchor)), crls, depth: verifyDepth, purpose };
}

function checkShared(
  { versions, ciphers }: Shared,
  suites: Suites | undefined,
  traits: TlsTraits,
): TlsFault | undefined {
  if (!traits.hasAllVersions) {
    const isOld = versions.some((version) => version === "TLSv1" || version === "TLSv1.1");
    if (isOld) return { part: "versions", index: 0, text: "the TLS library knows TLS 1.2 and 1.3 only" };
  }
  if (choiceOf(ciphers, suites)?.isEmpty === true) return { part: "ciphers", index: 0, text: NO_CIPHER_MATCH };
  const level = securityLevel(ciphers) ?? 0;
  if (level > (traits.fixedSecurityLevel ?? level)) {
    return { part: "ciphers", index: 0, text: `the TLS library does not know security level ${level}` };
  }
  return undefined;
}

function checkCurves(list: Octets, { fixedCurves }: TlsTraits): TlsFault | undefined {
  if (fixedCurves === undefined || list === "auto") return undefined;
  const wanted = list.split(":").map((name) => CURVE_NAMES.get(name.toLowerCase()) ?? name);
  const missing = fixedCurves.filter((curve) => !wanted.includes(curve));
  const text = `the TLS library cannot leave out ${missing.join(", ")}`;
  return missing.length === 0 ? undefined : { part: "curves", index: 0, text };
}

function serverSettings(options: TlsServerOptions, traits: TlsTraits): TlsOptions {
  const shared = sharedSettings(options, traits);
  return {
    ...shared,
    secureOptions: shared.secureOptions | NO_RENEGOTIATION | (options.sessionTickets ? 0 : constants.SSL_OP_NO_TICKET),
    honorCipherOrder: options.prefersServerCiphers,
    ecdhCurve: options.ecdhCurve,
    ...options.alpn.length > 0 ? { ALPNProtocols: [...options.alpn] } : {},
    requestCert: options.requestsCertificate,
    rejectUnauthorized: false,
    sessionTimeout: Math.max(1, Math.round(options.sessionTimeout / 1000)),
    sessionIdContext: sessionContextOf(options),
    // None: the driver has its own clock for the whole login. 0 would mean two minutes; and a timer holds on Deno what
    // is left of a handshake that failed until it strikes, some 20 KiB.
    handshakeTimeout: -1,
  };
}

function sharedSettings({ versions, ciphers, authorities, crl }: Shared, traits: TlsTraits) {
  const hasLevels = traits.fixedSecurityLevel === undefined;
  const list = hasLevels ? withSecurityLevel({ versions, ciphers }) : withoutSecurityLevel(ciphers);
  const sorted = TLS_VERSIONS.filter((version) => versions.includes(version));
  const [minVersion = "TLSv1.2", maxVersion = "TLSv1.3"] = [sorted[0], sorted.at(-1)];
  return {
    minVersion,
    maxVersion,
    secureOptions: missingVersions(versions).reduce((all, version) => all | NO_VERSION[version], 0),
    // Deno's own reader of lists, which then does nothing with them, does not know `ECDHE+AESGCM`.
    ...traits.fixedCiphers === undefined ? { ciphers: list } : {},
    ...authorities === "" ? {} : { ca: authorities },
    // One by one: of several in one text Bun reads the first only.
    ...crl === "" || !traits.knowsCrl ? {} : { crl: oneByOne(crl) },
  };
}

/** Lists that were found good before. */
function oneByOne(crl: Octets): Octets[] {
  const lists = derBlocks(crl, [CRL_LABEL]);
  return typeof lists === "string" ? [crl] : lists.map((der) => toPem(CRL_LABEL, der));
}

/** The list of ciphers, with the level that the versions need. */
export function withSecurityLevel({ versions, ciphers }: Pick<Shared, "versions" | "ciphers">): Octets {
  const isOld = versions.some((version) => version === "TLSv1" || version === "TLSv1.1");
  return isOld && securityLevel(ciphers) === undefined ? `${ciphers}:@SECLEVEL=0` : ciphers;
}

/** What a session was judged by is in its context: whoever would judge otherwise does not resume it. */
export function sessionContextOf(options: TlsServerOptions): string {
  const { sessionContext, requestsCertificate, authorities, crl, verifyDepth } = options;
  const parts = JSON.stringify([sessionContext, requestsCertificate, authorities, crl, verifyDepth]);
  // OpenSSL takes up to 32 octets.
  return createHash("sha256").update(parts, "latin1").digest("hex").slice(0, 32);
}

/** Lets the runtime look at what only it knows: cipher names, curves, DH parameters. */
function tryOut(settings: SecureContextOptions): TlsFault | undefined {
  const attempts: [TlsFault["part"], SecureContextOptions, string][] = [
    ["ciphers", pick(settings, ["ciphers", "minVersion", "maxVersion"]), NO_CIPHER_MATCH],
    ["curves", pick(settings, ["ecdhCurve"]), "error:0A080106:SSL routines::passed invalid argument"],
    // They were read before: what is left is the library's security level.
    ["dhparam", pick(settings, ["dhparam"]), KEY_TOO_SMALL],
    ["crl", pick(settings, ["crl"]), NO_START_LINE],
    ["authorities", pick(settings, ["ca"]), NO_START_LINE],
    ["certificate", settings, "error:0A080009:SSL routines::PEM lib"],
  ];
  for (const [part, some, text] of attempts) {
    try {
      createSecureContext(some);
    } catch {
      return { part, index: 0, text };
    }
  }
  return undefined;
}

function pick(settings: SecureContextOptions, names: readonly (keyof SecureContextOptions)[]): SecureContextOptions {
  return Object.fromEntries(Object.entries(settings).filter(([name]) => names.some((wanted) => wanted === name)));
}

const NO_VERSION: Readonly<Record<TlsVersion, number>> = {
  "TLSv1": constants.SSL_OP_NO_TLSv1,
  "TLSv1.1": constants.SSL_OP_NO_TLSv1_1,
  "TLSv1.2": constants.SSL_OP_NO_TLSv1_2,
  "TLSv1.3": 0,
};
/** Node lets clients renegotiate, some times; the others refuse, and BoringSSL has no such option. */
const NO_RENEGOTIATION = constants["SSL_OP_NO_RENEGOTIATION" as keyof typeof constants] as number | undefined ?? 0;
const NO_CIPHER_MATCH = "error:0A0000B9:SSL routines::no cipher match";
const CURVE_NAMES: ReadonlyMap<string, string> = new Map([
  ["x25519", "X25519"],
  ["prime256v1", "P-256"],
  ["secp256r1", "P-256"],
  ["p-256", "P-256"],
  ["secp384r1", "P-384"],
  ["p-384", "P-384"],
]);
