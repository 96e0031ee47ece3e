import { parseArgs } from "@std/cli/parse-args";
import { PROTOCOLS } from "../config/protocols.ts";
import type { Protocol } from "../config/types.ts";
import { SIGNAL_WORDS, type SignalWord } from "../process/signal.ts";
import type { Octets } from "../runtime.ts";

/** What the command line asks for: nginx's flags. */
export interface Flags {
  readonly help: boolean;
  /** `-v`: the version. `-V`: and how it was built. */
  readonly version: boolean;
  readonly build: boolean;
  /** `-t`: test the configuration. `-T`: and print it. */
  readonly test: boolean;
  readonly dump: boolean;
  readonly quiet: boolean;
  readonly prefix: Octets | undefined;
  readonly configuration: Octets | undefined;
  readonly errorLog: Octets | undefined;
  readonly globals: Octets | undefined;
  /** `-s`: what the running process is told. */
  readonly signal: SignalWord | undefined;
  /** `--without-pop3` and the like: the protocols that this program is to do without. */
  readonly without: readonly Protocol[];
}

/** A command line that cannot be understood; the message is nginx's. */
export class FlagError extends Error {
  override readonly name = "FlagError";
}

/**
 * Reads the arguments as nginx does: letters may be bundled (`-tq`), a value is attached to its letter or follows it.
 * Throws {@linkcode FlagError}.
 */
export function parseFlags(args: readonly string[]): Flags {
  const parsed = parseArgs(unbundle(args.map(octetsOf)), {
    boolean: ["help", "v", "V", "t", "T", "q", ...PROTOCOLS.map((protocol) => `without-${protocol}`)],
    string: Object.keys(VALUES),
  });
  const value = (letter: string): Octets | undefined => {
    const given: unknown = parsed[letter];
    return typeof given === "string" ? given : undefined;
  };
  return {
    help: parsed.help === true,
    version: parsed.v === true,
    build: parsed.V === true,
    test: parsed.t === true,
    dump: parsed.T === true,
    quiet: parsed.q === true,
    prefix: value("p"),
    configuration: value("c"),
    errorLog: value("e"),
    globals: value("g"),
    signal: signalWord(value("s")),
    without: PROTOCOLS.filter((protocol) => parsed[`without-${protocol}`] === true),
  };
}

/** The help text, as `-h` prints it. */
export const HELP = `Usage: postern [-?hvVtTq] [-s signal] [-p prefix] [-c filename] [-e filename] [-g directives]

Options:
  -?,-h         : this help
  -v            : show version and exit
  -V            : show version and configure options then exit
  -t            : test configuration and exit
  -T            : test configuration, dump it and exit
  -q            : suppress non-error messages during configuration testing
  -s signal     : send signal to the running process: stop, quit, reopen, reload
  -p prefix     : set prefix path (default: the working directory)
  -c filename   : set configuration file (default: /etc/postern/nginx.conf, with -p conf/nginx.conf)
  -e filename   : set error log file (default: stderr, with -p logs/error.log)
  -g directives : set global directives out of configuration file
  --without-imap, --without-pop3, --without-smtp
                : do without a protocol, as if it were not built in

postern passwd makes a line of an auth_users_file, see postern passwd -h.

Without a configuration file it starts a demo on loopback ports.
`;

function signalWord(word: Octets | undefined): SignalWord | undefined {
  const known = SIGNAL_WORDS.find((candidate) => candidate === word);
  if (word !== undefined && known === undefined) throw new FlagError(`invalid option: "-s ${word}"`);
  return known;
}

/** Writes every flag out as one long option, the only form in which a value may begin with a hyphen. */
function unbundle(args: readonly string[]): string[] {
  const options: string[] = [];
  const rest = [...args];
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    if (arg === "--help") options.push(arg);
    else if (arg.startsWith("--without-")) options.push(withoutOption(arg));
    else if (arg.startsWith("-") && arg.length > 1) unbundleOne(arg.slice(1), rest, options);
    else throw new FlagError(`invalid option: "${arg}"`);
  }
  return options;
}

/** nginx's `configure` calls a protocol by its module. */
function withoutOption(arg: string): string {
  const protocol = PROTOCOLS.find((name) => arg === `--without-${name}` || arg === `--without-mail_${name}_module`);
  if (protocol === undefined) throw new FlagError(`invalid option: "${arg}"`);
  return `--without-${protocol}`;
}

function unbundleOne(letters: string, rest: string[], options: string[]): void {
  for (let i = 0; i < letters.length; i++) {
    const letter = letters.charAt(i);
    const wanted = VALUES[letter];
    if (wanted !== undefined) {
      const value = letters.slice(i + 1) || rest.shift();
      if (!value) throw new FlagError(`option "-${letter}" requires ${wanted}`);
      options.push(`--${letter}=${value}`);
      return;
    }
    if (!SWITCHES.includes(letter)) throw new FlagError(`invalid option: "${letters}"`);
    options.push(letter === "h" || letter === "?" ? "--help" : `--${letter}`);
  }
}

/** The command line is text in Unicode; the program speaks of it in octets (UTF-8). */
export function octetsOf(argument: string): Octets {
  const escaped = encodeURIComponent(argument.toWellFormed());
  return escaped.replace(/%([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

const SWITCHES = "?hvVtTq";
const VALUES: Readonly<Record<string, string>> = {
  p: "directory name",
  c: "file name",
  e: "file name",
  g: "parameter",
  s: "signal name",
};
