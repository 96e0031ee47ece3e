/**
 * `ssl_conf_command` and its like for servers: what OpenSSL is told last, over everything else. Commands that say the same as a directive count as
 * that directive; what only tunes is kept for a warning; the rest is refused by name.
 *
 * @module
 */

import type { Octets, TlsVersion } from "../runtime.ts";
import { TLS_VERSIONS } from "../runtime.ts";
import type { Call } from "./call.ts";
import { ConfigError } from "./error.ts";
import type { SslConfig } from "./ssl_types.ts";
import type { Place } from "./types.ts";

/** One use of the directive. */
export interface ConfCommand {
  /** The directive's name. */
  readonly directive: Octets;
  readonly name: Octets;
  readonly value: Octets;
  readonly place: Place;
}

/** What commands can change. */
export type Commanded = Pick<
  SslConfig,
  | "versions"
  | "ciphers"
  | "ciphersuites"
  | "ecdhCurve"
  | "dhparam"
  | "prefersServerCiphers"
  | "sessionTickets"
  | "tuning"
>;

/** Reads one use. Throws nothing: nginx, too, looks at commands only where TLS is spoken. */
export function readCommand(call: Call): ConfCommand {
  const [name, value] = [call.arg(0), call.arg(1)];
  const isFile = name.toLowerCase() === "dhparameters";
  return { directive: call.name, name, value: isFile ? call.fullName(value) : value, place: call.place };
}

/** The settings after these commands. Throws {@linkcode ConfigError}. */
export function applyCommands(settings: Commanded, commands: readonly ConfCommand[]): Commanded {
  return commands.reduce((given, command) => {
    const lower = command.name.toLowerCase();
    const apply = COMMANDS.get(lower);
    if (apply !== undefined) return { ...given, ...apply(command, given) };
    if (REFUSED.includes(lower)) throw refusal(command, `"${command.directive} ${command.name}" is not supported`);
    throw failure(command, `error:0A000182:SSL routines::unknown cmd name:cmd=${command.name}`);
  }, settings);
}

/** What commands can change of TLS with a server. */
export type ClientCommanded = Pick<Commanded, "versions" | "ciphers" | "ciphersuites" | "tuning">;

/** The same for TLS with a server. Throws {@linkcode ConfigError}. */
export function applyClientCommands(settings: ClientCommanded, commands: readonly ConfCommand[]): ClientCommanded {
  const unheard = commands.find(({ name }) => SERVER_ONLY.includes(name.toLowerCase()));
  if (unheard !== undefined) throw refusal(unheard, `"${unheard.directive} ${unheard.name}" is not supported`);
  const whole: Commanded = { ...NOTHING_GIVEN, ...settings };
  const { versions, ciphers, ciphersuites, tuning } = applyCommands(whole, commands);
  return { versions, ciphers, ciphersuites, tuning };
}

const NOTHING_GIVEN = { ecdhCurve: "auto", dhparam: undefined, prefersServerCiphers: false, sessionTickets: true };

/** Commands that a client has no use for, or that no runtime can be told there. */
const SERVER_ONLY: readonly string[] = ["curves", "groups", "dhparameters", "numtickets"];

type Apply = (command: ConfCommand, settings: Commanded) => Partial<Commanded>;

/** By name in lower case. */
const COMMANDS: ReadonlyMap<string, Apply> = new Map(Object.entries<Apply>({
  cipherstring: ({ value }) => ({ ciphers: value }),
  ciphersuites: ({ value }) => ({ ciphersuites: value }),
  curves: ({ value }) => ({ ecdhCurve: value }),
  groups: ({ value }) => ({ ecdhCurve: value }),
  dhparameters: ({ value: path, place }) => ({ dhparam: { path, place } }),
  numtickets: tuning,
  protocol: (command, { versions }) => ({ versions: protocols(command, versions) }),
  minprotocol: (command, { versions }) => ({ versions: versions.filter((each) => each >= version(command, "TLSv1")) }),
  maxprotocol: (command, { versions }) => ({
    versions: versions.filter((each) => each <= version(command, "TLSv1.3")),
  }),
  options: (command, settings) => {
    return command.value.split(",").reduce((given, word) => ({ ...given, ...option(command, word, given) }), settings);
  },
}));

/** Known to OpenSSL, and either what no runtime can be told or what another directive is for. */
const REFUSED: readonly string[] = [
  ...["signaturealgorithms", "clientsignaturealgorithms", "ecdhparameters", "recordpadding", "verifymode"],
  ...["certificate", "privatekey", "chaincafile", "chaincapath", "verifycafile", "verifycapath", "requestcafile"],
  ...["requestcapath", "clientcafile", "clientcapath", "serverinfofile", "antireplay"],
];

function option(command: ConfCommand, word: Octets, settings: Commanded): Partial<Commanded> {
  const name = word.replace(/^[+-]/, "").toLowerCase();
  const isOn = !word.startsWith("-");
  if (name === "sessionticket") return { sessionTickets: isOn };
  if (name === "serverpreference") return { prefersServerCiphers: isOn };
  if (isOn ? ALWAYS.includes(name) : NEVER.includes(name)) return {};
  if (TUNING.includes(name)) return tuning({ ...command, value: word }, settings);
  if ([...ALWAYS, ...NEVER].includes(name)) {
    throw refusal(command, `"${command.directive} ${command.name} ${word}" is not supported`);
  }
  throw badValue(command);
}

/** Options that are on whatever happens, and those that are off. */
const ALWAYS: readonly string[] = [
  "encryptthenmac",
  "extendedmastersecret",
  "norenegotiation",
  "canames",
  "antireplay",
];
const NEVER: readonly string[] = [
  ...["compression", "unsafelegacyrenegotiation", "unsafelegacyserverconnect", "clientrenegotiation"],
  ...["allownodhekex", "ignoreunexpectedeof"],
];
/** Options that cost or save time or memory. */
const TUNING: readonly string[] = [
  ...["emptyfragments", "bugs", "dhsingle", "ecdhsingle", "prioritizechacha", "middleboxcompat", "ktls"],
  ...["ktlstxzerocopysendfile", "txcertificatecompression", "rxcertificatecompression", "noresumptiononrenegotiation"],
];

function tuning({ name, value }: ConfCommand, settings: Commanded): Partial<Commanded> {
  return { tuning: [...settings.tuning, `${name} ${value}`] };
}

/** A list such as `-ALL,+TLSv1.2`: what it does not name stays as it is. */
function protocols(command: ConfCommand, versions: readonly TlsVersion[]): readonly TlsVersion[] {
  let chosen = new Set(versions);
  for (const word of command.value.split(",")) {
    const name = word.replace(/^[+-]/, "").toLowerCase();
    const named = TLS_VERSIONS.filter((each) => name === "all" || each.toLowerCase() === name);
    if (named.length === 0 && !name.startsWith("sslv")) throw badValue(command);
    const others = [...chosen].filter((each) => !named.includes(each));
    chosen = new Set(word.startsWith("-") ? others : [...others, ...named]);
  }
  return TLS_VERSIONS.filter((each) => chosen.has(each));
}

/** The version named, or the end of the range that leaves all of them. */
function version(command: ConfCommand, none: TlsVersion): TlsVersion {
  const lower = command.value.toLowerCase();
  if (lower === "none" || lower === "sslv3") return none;
  const found = TLS_VERSIONS.find((each) => each.toLowerCase() === lower);
  if (found === undefined) throw badValue(command);
  return found;
}

function badValue(command: ConfCommand): ConfigError {
  return failure(command, `error:0A000180:SSL routines::bad value:cmd=${command.name}, value=${command.value}`);
}

function failure(command: ConfCommand, text: Octets): ConfigError {
  return refusal(command, `SSL_CONF_cmd("${command.name}", "${command.value}") failed (SSL: ${text})`);
}

function refusal({ place }: ConfCommand, text: Octets): ConfigError {
  return new ConfigError(text, { place });
}
