/**
 * `postern passwd`: makes a line of a users file.
 *
 * @module
 */

import { LONGEST_PASSWORD, parseUserLine } from "../auth/users_file.ts";
import type { KeyDerivation, Octets, Runtime } from "../runtime.ts";
import { toBase64 } from "../session/base64.ts";
import { FlagError, octetsOf } from "./flags.ts";

/** How `postern passwd -h` explains itself. */
export const PASSWD_HELP = `Usage: postern passwd [-s scheme] user [upstream]

Reads a password, from the terminal without showing it or from a pipe up to its
first line end, and prints a line for auth_users_file.

  -s scheme     : argon2id (default), bcrypt, sha512-crypt or pbkdf2
`;

/** Obeys `passwd` and its arguments. Returns the exit code. Throws {@linkcode FlagError}. */
export async function passwd(given: readonly string[], runtime: Runtime): Promise<number> {
  const { stdout, stderr } = runtime.process;
  const args = given.map(octetsOf);
  if (args.includes("-h") || args.includes("--help")) {
    stderr(PASSWD_HELP);
    return 0;
  }
  const [scheme, rest] = args[0] === "-s" ? [args[1] ?? "", args.slice(2)] : ["argon2id", args];
  const [user = "", upstream = "", ...more] = rest;
  if (user === "" || more.length > 0 || user.startsWith("-")) throw new FlagError("passwd: name one user, see -h");
  if (user.includes(":")) throw new FlagError('passwd: a user cannot have ":" in the name');
  checkLine(user, upstream);
  const form = Object.hasOwn(FORMS, scheme) ? FORMS[scheme] : undefined;
  if (form === undefined) throw new FlagError(`passwd: unknown scheme "${scheme}", see -h`);
  const password = await readPassword(runtime);
  if (password === undefined) {
    stderr("postern: passwords do not match\n");
    return 1;
  }
  if (password === "") {
    stderr("postern: the password is empty\n");
    return 1;
  }
  if (password.length > LONGEST_PASSWORD) {
    stderr(`postern: the password has more than ${LONGEST_PASSWORD} octets\n`);
    return 1;
  }
  const derivation = form.derivation((length) => randomOctets(length, runtime));
  const digest = await derive(password, derivation, runtime);
  const line = `${user}:${form.write(derivation, digest)}`;
  stdout(upstream === "" ? `${line}\n` : `${line}:${upstream}\n`);
  return 0;
}

/** The file that the line is for must have in it what was meant. Throws {@linkcode FlagError}. */
function checkLine(user: Octets, upstream: Octets): void {
  if (user.startsWith("#")) throw new FlagError('passwd: a user whose name begins with "#" would be a comment');
  const bare = parseUserLine(`${user}:{PLAIN}x`);
  if (typeof bare === "string") throw new FlagError(`passwd: ${bare}`);
  const line = parseUserLine(`${user}:{PLAIN}x:${upstream}`);
  const found = typeof line === "string" ? undefined : line.upstream ?? "";
  if (found !== upstream) throw new FlagError(`passwd: invalid upstream "${upstream}"`);
}

/** On a terminal it is asked for twice; `undefined` when the two differ. */
async function readPassword({ process }: Runtime): Promise<Octets | undefined> {
  if (!process.isTerminal) return await process.readSecret("");
  const password = await process.readSecret("New password: ");
  return password === await process.readSecret("Once more: ") ? password : undefined;
}

function derive(password: Octets, derivation: KeyDerivation, { hashing }: Runtime): Promise<Octets> {
  return new Promise((resolve, reject) => {
    hashing.derive(password, derivation, {
      derived: resolve,
      failed: (reason) => reject(new Error(`cannot hash a password: ${reason}`)),
    });
  });
}

/** How a scheme is used, and how its hashes are written. */
interface Form {
  readonly derivation: (salt: (length: number) => Octets) => KeyDerivation;
  readonly write: (derivation: KeyDerivation, digest: Octets) => Octets;
}

const FORMS: Readonly<Record<string, Form>> = {
  // RFC 9106, 4: the second recommended choice, for when memory is not to be had in plenty.
  argon2id: {
    derivation: (salt) => ({
      scheme: "argon2id",
      memory: 65_536,
      passes: 3,
      lanes: 1,
      salt: salt(16),
      length: 32,
    }),
    write: ({ salt }, digest) => `$argon2id$v=19$m=65536,t=3,p=1$${bare(salt)}$${bare(digest)}`,
  },
  bcrypt: {
    derivation: (salt) => ({ scheme: "bcrypt", cost: 12, salt: salt(16) }),
    write: ({ salt }, digest) => `$2b$12$${letters(toBase64(salt), USUAL, BCRYPT).slice(0, 22)}${digest}`,
  },
  "sha512-crypt": {
    derivation: (salt) => ({
      scheme: "sha512-crypt",
      rounds: 500_000,
      salt: letters(toBase64(salt(12)), USUAL, CRYPT),
    }),
    write: ({ salt }, digest) => `$6$rounds=500000$${salt}$${digest}`,
  },
  pbkdf2: {
    derivation: (salt) => ({ scheme: "pbkdf2", hash: "sha512", iterations: 210_000, salt: salt(16), length: 64 }),
    write: ({ salt }, digest) => `$pbkdf2-sha512$210000$${adapted(salt)}$${adapted(digest)}`,
  },
};

function randomOctets(length: number, runtime: Runtime): Octets {
  return String.fromCharCode(...runtime.random(new Uint8Array(length)));
}

function bare(octets: Octets): Octets {
  return toBase64(octets).replaceAll("=", "");
}

/** passlib's base64 has `.` for `+`. */
function adapted(octets: Octets): Octets {
  return bare(octets).replaceAll("+", ".");
}

function letters(text: Octets, from: string, to: string): Octets {
  return Array.from(text.replaceAll("=", ""), (letter) => to.charAt(from.indexOf(letter))).join("");
}

const USUAL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BCRYPT = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const CRYPT = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
