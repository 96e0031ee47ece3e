/** TLS with a server that we connect to: one family of directives for each kind of server. */

import type { Octets } from "../../runtime.ts";
import { applyClientCommands, readCommand } from "../conf_command.ts";
import type { ConfCommand } from "../conf_command.ts";
import { directive, MAIL_AND_SERVER } from "../directive.ts";
import type { AnyDirective, Directive } from "../directive.ts";
import { ConfigError } from "../error.ts";
import { file, flag, listOf, number, once, text } from "../kinds.ts";
import { constantOf, type Template } from "../../variables/mod.ts";
import type { Scope } from "../scope.ts";
import { checkVersions, fileOf, pair, placesOf, withSuites } from "../ssl.ts";
import type { CertificateConfig, ClientTlsConfig } from "../ssl_types.ts";
import { isSpoken, passphrases, pem, versions } from "./_pem.ts";
import type { Pem, Version } from "./_pem.ts";

/** The names of a family begin with `prefix`; `server` is what its servers are called. */
export interface FamilyOptions {
  readonly prefix: string;
  readonly server: string;
  readonly since: string | undefined;
  /** Whether the name is sent to the server unless the configuration says so. */
  readonly sendsName: boolean;
  /** Whether the name may have variables: where there is a client when its server is connected to. */
  readonly hasVariables: boolean;
}

/** A family's entries, and what they come to in a `server {}`, which may throw {@linkcode ConfigError}. */
export interface Family<Config = ClientTlsConfig> {
  readonly directives: readonly AnyDirective[];
  of(scope: Scope): Config;
}

/** The directives `PREFIX_verify`, `PREFIX_name` and so on. */
export function clientTlsFamily(options: FamilyOptions): Family {
  const [shown, spoken, checked, named] = [identity(options), offer(options), verification(options), naming(options)];
  const directives = [shown, spoken, checked, named].flatMap((part) => part.directives);
  return {
    directives: directives.toSorted((one, other) => one.name < other.name ? -1 : 1),
    of(scope) {
      const places = placesOf(scope, directives);
      return { ...shown.of(scope), ...spoken.of(scope), ...checked.of(scope), ...named.of(scope), places };
    },
  };
}

/** What we show of ourselves. */
function identity({ prefix, server, since }: FamilyOptions): Family<
  Pick<ClientTlsConfig, "certificate" | "passphrases">
> {
  const shared = { contexts: MAIL_AND_SERVER, since };
  const certificate = directive<Pem, undefined>({
    ...shared,
    name: `${prefix}_certificate`,
    kind: pem,
    default: undefined,
    meaning: `The certificate to show to ${server}`,
  });
  const key = directive<Pem, undefined>({
    ...shared,
    name: `${prefix}_certificate_key`,
    kind: pem,
    default: undefined,
    meaning: "The key of that certificate",
  });
  const passwordFile = directive<readonly Octets[]>({
    ...shared,
    name: `${prefix}_password_file`,
    kind: passphrases,
    default: [],
    meaning: "Passphrases of that key, one on each line",
  });
  return {
    directives: [certificate, key, passwordFile],
    of: (scope) => ({
      certificate: certificateOf(scope, certificate, key),
      passphrases: scope.value(passwordFile),
    }),
  };
}

type OnePem = Directive<Pem, undefined>;

function certificateOf(scope: Scope, certificate: OnePem, key: OnePem): CertificateConfig | undefined {
  const given = scope.value(certificate);
  if (given === undefined || given.written === "") return undefined;
  const found = scope.value(key);
  if (found !== undefined) return pair(given, found, scope.placeOf(key));
  throw new ConfigError(`no "${key.name}" is defined for certificate "${given.written}"`, {
    place: scope.placeOf(certificate),
  });
}

/** What is to be spoken. */
function offer({ prefix, server, since }: FamilyOptions): Family<
  Pick<ClientTlsConfig, "versions" | "ciphers" | "ciphersuites" | "tuning" | "commands" | "reusesSessions">
> {
  const shared = { contexts: MAIL_AND_SERVER, since };
  const protocols = directive<readonly Version[]>({
    ...shared,
    name: `${prefix}_protocols`,
    kind: versions,
    default: ["TLSv1.2", "TLSv1.3"],
    written: "TLSv1.2 TLSv1.3",
    meaning: `The versions of TLS to speak with ${server}`,
  });
  const ciphers = directive({
    ...shared,
    name: `${prefix}_ciphers`,
    kind: text("list"),
    default: "DEFAULT",
    written: "DEFAULT",
    meaning: `The cipher suites to offer to ${server} up to TLS 1.2`,
  });
  const sessionReuse = directive({
    ...shared,
    name: `${prefix}_session_reuse`,
    kind: flag,
    default: true,
    written: "on",
    meaning: "Whether to come back to earlier sessions",
  });
  const confCommand = directive<readonly ConfCommand[]>({
    ...shared,
    name: `${prefix}_conf_command`,
    since: since && "stream 1.19.4",
    kind: listOf("name value", (call) => [readCommand(call)], { least: 2, most: 2 }),
    default: [],
    meaning: "A command of OpenSSL's configuration, after all else",
  });
  return {
    directives: [protocols, ciphers, sessionReuse, confCommand],
    of(scope) {
      const spoken = scope.value(protocols).filter(isSpoken);
      checkVersions(spoken, protocols, scope);
      const given = { versions: spoken, ciphers: scope.value(ciphers), ciphersuites: undefined, tuning: [] };
      const commands = scope.value(confCommand);
      const after = applyClientCommands(given, commands);
      checkVersions(after.versions, confCommand, scope);
      return { ...withSuites(after), commands, reusesSessions: scope.value(sessionReuse) };
    },
  };
}

/** Whom to take for the server. */
function verification({ prefix, server, since }: FamilyOptions): Family<
  Pick<ClientTlsConfig, "verify" | "verifyDepth" | "trustedCertificate" | "crl" | "fingerprint">
> {
  const shared = { contexts: MAIL_AND_SERVER, since };
  const verify = directive({
    ...shared,
    name: `${prefix}_verify`,
    kind: flag,
    default: true,
    written: "on",
    meaning: `Whether certificates of ${server} are checked. In nginx this is off, but what is sent there is passwords`,
  });
  const verifyDepth = directive({
    ...shared,
    name: `${prefix}_verify_depth`,
    kind: number,
    default: 1,
    written: "1",
    meaning: "How long their chain of certificates may be",
  });
  const trustedCertificate = directive({
    ...shared,
    name: `${prefix}_trusted_certificate`,
    kind: file,
    default: "",
    meaning:
      "The authorities to trust; without it those that the runtime brings, and those of the system where the runtime " +
      "is told to take them, see [tls.md](tls.md#with-mail-servers)",
  });
  const crl = directive({
    ...shared,
    name: `${prefix}_crl`,
    kind: file,
    default: "",
    meaning: `Certificates of ${server} that were revoked`,
  });
  const fingerprint = directive<Octets>({
    contexts: MAIL_AND_SERVER,
    name: `${prefix}_fingerprint`,
    kind: fingerprintKind,
    default: "",
    meaning: "The SHA-256 of the only certificate that is taken, in hex with or without colons",
  });
  return {
    directives: [verify, verifyDepth, trustedCertificate, crl, fingerprint],
    of: (scope) => ({
      verify: scope.value(verify),
      verifyDepth: scope.value(verifyDepth),
      trustedCertificate: fileOf(scope, trustedCertificate),
      crl: fileOf(scope, crl),
      fingerprint: scope.value(fingerprint) || undefined,
    }),
  };
}

const fingerprintKind = once("SHA-256", (call) => {
  const digits = call.arg(0).replaceAll(":", "").toLowerCase();
  if (/^(?:[0-9a-f]{64})?$/.test(digits)) return digits;
  throw call.error(`invalid fingerprint "${call.arg(0)}"`, "it must be 64 hexadecimal digits: a SHA-256");
});

/** What the server is called. */
function naming({ prefix, server, since, sendsName, hasVariables }: FamilyOptions): Family<
  Pick<ClientTlsConfig, "name" | "nameFor" | "sendsName">
> {
  const shared = { contexts: MAIL_AND_SERVER, since };
  const name = directive<Octets | Template, undefined>({
    ...shared,
    name: `${prefix}_name`,
    kind: once("name", (call) => hasVariables ? readName(call.template(call.arg(0))) : call.arg(0)),
    default: undefined,
    meaning: `The name that certificates of ${server} must have; without it, what the server is addressed by` +
      (hasVariables
        ? ". It may have variables; where they come to nothing, and for health checks, it is that again"
        : ""),
  });
  const serverName = directive({
    ...shared,
    name: `${prefix}_server_name`,
    kind: flag,
    default: sendsName,
    written: sendsName ? "on" : "off",
    meaning: "Whether that name is sent (SNI)",
  });
  return {
    directives: [name, serverName],
    of: (scope) => ({ ...namesOf(scope.value(name)), sendsName: scope.value(serverName) }),
  };
}

/** A text without variables is known now. */
function readName(template: Template): Octets | Template {
  return constantOf(template) ?? template;
}

function namesOf(name: Octets | Template | undefined): Pick<ClientTlsConfig, "name" | "nameFor"> {
  return typeof name === "function"
    ? { name: undefined, nameFor: name }
    : { name: name || undefined, nameFor: undefined };
}
