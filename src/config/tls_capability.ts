/**
 * What a runtime's TLS library cannot do of what a configuration asks for. Cipher lists and curves are not here: the
 * runtime's adapter weighs them as it makes a context.
 *
 * @module
 */

import type { Capability, Octets, Runtime, TlsVersion } from "../runtime.ts";
import { missingVersions } from "../runtime.ts";
import { ConfigError, inPlace } from "./error.ts";
import type { Places, SslConfig } from "./ssl_types.ts";
import type { Config, ConfigWarning, Place, ServerConfig } from "./types.ts";

type CapableRuntime = Pick<Runtime, "name" | "capabilities">;

/** A warning for each setting that has no effect here, in the place where it is first used. */
export function tlsWarnings(config: Config, runtime: CapableRuntime): readonly ConfigWarning[] {
  const texts: Octets[] = [];
  const told = new Set<string>();
  for (const { directive, setting = `"${directive}"`, lacks, isUsed } of TUNING) {
    const reason = typeof lacks === "string" ? futility(lacks, runtime) : lacks.reason;
    const ssl = reason === undefined ? undefined : clientSides(config).find(isUsed);
    if (ssl === undefined || told.has(directive)) continue;
    told.add(directive);
    texts.push(withPlace(`${setting} has no effect with ${runtime.name}: ${reason}`, ssl.places[directive]));
  }
  const reuse = lack("tls.clientSessionReuse", runtime);
  const reusing = serverSides(config).find(({ tls, directive }) => tls.reusesSessions && directive("_session_reuse"));
  if (reuse !== undefined && reusing !== undefined) {
    const given = reusing.directive("_session_reuse");
    texts.push(withPlace(`"${given?.name}" has no effect with ${runtime.name}: ${reuse}`, given?.place));
  }
  const futile = lack("tls.confCommand", runtime);
  const tuned = serverSides(config).find(({ tls }) => tls.tuning.length > 0)?.directive("_conf_command");
  if (futile !== undefined && tuned !== undefined) {
    texts.push(withPlace(`"${tuned.name}" has no effect with ${runtime.name}: ${futile}`, tuned.place));
  }
  return [...texts, ...oldVersionTexts(config, runtime)].map((text) => ({ level: "warn", text }));
}

/** The first setting that must not be left out; `undefined` when the runtime's TLS can serve the configuration. */
export function tlsError(config: Config, runtime: CapableRuntime): ConfigError | undefined {
  return suitesError(config, runtime) ?? versionsError(config, runtime) ?? gapError(config, runtime);
}

/** The configuration as far as the runtime's TLS can go: without the versions that it lacks; itself where it has none. */
export function withKnownVersions(config: Config, runtime: CapableRuntime): Config {
  if (lack("tls.oldVersions", runtime) === undefined || !config.servers.some(hasOldVersions)) return config;
  const known = <T extends { readonly versions: readonly TlsVersion[] }>(tls: T): T => {
    return { ...tls, versions: tls.versions.filter((version) => !isOld(version)) };
  };
  const servers = config.servers.map((server): ServerConfig => ({
    ...server,
    ssl: server.ssl && known(server.ssl),
    authHttp: server.authHttp && { ...server.authHttp, ssl: known(server.authHttp.ssl) },
    proxy: { ...server.proxy, ssl: known(server.proxy.ssl) },
  }));
  return { ...config, servers };
}

function hasOldVersions({ ssl, authHttp, proxy }: ServerConfig): boolean {
  return [ssl, authHttp?.ssl, proxy.ssl].some((tls) => tls?.versions.some(isOld));
}

function suitesError(config: Config, runtime: CapableRuntime): ConfigError | undefined {
  const reason = lack("tls.ciphersuites", runtime);
  if (reason === undefined) return undefined;
  const all = [...clientSides(config), ...serverSides(config).map(({ tls }) => tls)];
  const choosy = all.find(({ ciphersuites }) => {
    const wanted = ciphersuites?.split(":");
    return wanted !== undefined && !ALL_SUITES.every((suite) => wanted.includes(suite));
  });
  if (choosy === undefined) return undefined;
  const given = givenIn(choosy.places, "_conf_command");
  const text = `"${given?.name} Ciphersuites" is not possible with ${runtime.name}: ${reason}`;
  return new ConfigError(text, { place: given?.place });
}

/** Something that speaks TLS, and where the directive that names its versions stands. */
interface Speaker {
  readonly versions: readonly TlsVersion[];
  readonly given: { readonly name: string; readonly place: Place } | undefined;
}

function versionsError(config: Config, runtime: CapableRuntime): ConfigError | undefined {
  const reason = lack("tls.oldVersions", runtime);
  const speaker = reason === undefined ? undefined : speakers(config).find(({ versions }) => versions.every(isOld));
  if (speaker === undefined) return undefined;
  const text = `"${speaker.given?.name}" without TLSv1.2 and TLSv1.3 is not possible with ${runtime.name}: ${reason}`;
  return new ConfigError(text, { place: speaker.given?.place });
}

/**
 * A library that knows no gaps would serve the oldest versions alone. Towards servers that is what each of them does, also
 * OpenSSL for nginx.
 */
function gapError(config: Config, runtime: CapableRuntime): ConfigError | undefined {
  const reason = lack("tls.versionGaps", runtime);
  const ssl = clientSides(config).find(({ versions }) => missingVersions(versions).length > 0);
  if (reason === undefined || ssl === undefined) return undefined;
  const missing = missingVersions(ssl.versions).join(" and ");
  const given = versionsGiven(ssl);
  const text = `"${given?.name}" without ${missing} between others is not possible with ${runtime.name}: ${reason}`;
  return new ConfigError(text, { place: given?.place, hint: `add ${missing}, or leave the older ones out, too` });
}

/** What had the last word about the versions. */
function versionsGiven({ commands, places }: SslConfig): Speaker["given"] {
  const command = commands.findLast(({ name }) => name.toLowerCase() === "protocol");
  if (command === undefined) return givenIn(places, "_protocols");
  return { name: `${command.directive} ${command.name}`, place: command.place };
}

function oldVersionTexts(config: Config, runtime: CapableRuntime): readonly Octets[] {
  const reason = lack("tls.oldVersions", runtime);
  if (reason === undefined) return [];
  return OLD.flatMap((version) => {
    const speaker = speakers(config).find(({ versions }) => versions.includes(version));
    if (speaker === undefined) return [];
    const text = `"${version}" in "${speaker.given?.name}" has no effect with ${runtime.name}: ${reason}`;
    return [withPlace(text, speaker.given?.place)];
  });
}

function speakers(config: Config): readonly Speaker[] {
  return [
    ...clientSides(config).map(({ versions, places }) => ({ versions, given: givenIn(places, "_protocols") })),
    ...serverSides(config).map(({ tls, directive }) => ({ versions: tls.versions, given: directive("_protocols") })),
  ];
}

function clientSides(config: Config): readonly SslConfig[] {
  return config.servers.flatMap(({ ssl }) => ssl === undefined ? [] : [ssl]);
}

/** TLS that is spoken with auth servers and back ends. */
function serverSides(config: Config) {
  const spoken = config.servers.flatMap(({ authHttp, proxy }) => [
    ...(authHttp !== undefined && [authHttp, ...authHttp.fallbacks].some(({ tls }) => tls) ? [authHttp.ssl] : []),
    ...(proxy.ssl.mode === "off" ? [] : [proxy.ssl]),
  ]);
  return spoken.map((tls) => ({ tls, directive: (ending: string) => givenIn(tls.places, ending) }));
}

function givenIn(places: Places, ending: string): Speaker["given"] {
  const found = Object.entries(places).find(([name]) => name.endsWith(ending));
  return found && { name: found[0], place: found[1] };
}

function withPlace(text: Octets, place: Place | undefined): Octets {
  return place === undefined ? text : text + inPlace(place);
}

/** Why the runtime does not do it, if it does not. */
function lack(capability: Capability, { capabilities }: CapableRuntime): Octets | undefined {
  const state = capabilities[capability];
  return state.state === "no" ? state.reason : undefined;
}

/** Why a setting has no effect, if it has none: something else may stand in for it. */
function futility(capability: Capability, { capabilities }: CapableRuntime): Octets | undefined {
  const state = capabilities[capability];
  return state.state === "yes" ? undefined : state.reason;
}

const OLD: readonly TlsVersion[] = ["TLSv1", "TLSv1.1"];

function isOld(version: TlsVersion): boolean {
  return OLD.includes(version);
}

/** What every library has of TLS 1.3. */
const ALL_SUITES: readonly string[] = [
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
  "TLS_AES_128_GCM_SHA256",
];

interface Tuning {
  readonly directive: string;
  /** What of it has no effect, where that is not all of it. */
  readonly setting?: Octets;
  /** A capability, or what holds for every runtime. */
  readonly lacks: Capability | { readonly reason: Octets };
  isUsed(ssl: SslConfig): boolean;
}

const TUNING: readonly Tuning[] = [
  {
    directive: "ssl_session_cache",
    lacks: "tls.sessionCache",
    isUsed: ({ sessionCache: { builtin, shared } }) =>
      shared !== undefined || (builtin !== "off" && builtin !== "none"),
  },
  {
    directive: "ssl_session_timeout",
    lacks: "tls.sessionTimeout",
    isUsed: ({ places }) => places["ssl_session_timeout"] !== undefined,
  },
  { directive: "ssl_session_tickets", lacks: "tls.ticketsOff", isUsed: ({ sessionTickets }) => !sessionTickets },
  { directive: "ssl_session_ticket_key", lacks: "tls.ticketKeys", isUsed: ({ ticketKeys }) => ticketKeys.length > 0 },
  {
    directive: "ssl_session_ticket_key",
    setting: '"ssl_session_ticket_key" beside "ssl_verify_client"',
    lacks: { reason: "what was verified elsewhere is verified anew" },
    isUsed: ({ ticketKeys, verifyClient }) => ticketKeys.length > 0 && verifyClient !== "off",
  },
  {
    directive: "ssl_prefer_server_ciphers",
    lacks: "tls.preferServerCiphers",
    isUsed: ({ prefersServerCiphers }) => prefersServerCiphers,
  },
  { directive: "ssl_dhparam", lacks: "tls.dhparam", isUsed: ({ dhparam }) => dhparam !== undefined },
  {
    directive: "ssl_trusted_certificate",
    setting: 'what sets "ssl_trusted_certificate" apart from "ssl_client_certificate"',
    lacks: "tls.unannouncedAuthorities",
    isUsed: ({ verifyClient, trustedCertificate }) => verifyClient !== "off" && trustedCertificate !== undefined,
  },
  {
    directive: "ssl_certificate_compression",
    lacks: { reason: "certificates are always sent as they are" },
    isUsed: ({ certificateCompression }) => certificateCompression,
  },
  {
    directive: "ssl_conf_command",
    lacks: "tls.confCommand",
    isUsed: ({ tuning }) => tuning.length > 0,
  },
];
