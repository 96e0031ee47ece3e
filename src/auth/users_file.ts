/**
 * `auth_users_file`: a file says who may log in. Where their mail lives stands in the same line, or is the server's
 * `proxy_pass`.
 *
 * How long a refusal takes tells nothing: a name that is not in the file is tried against the lines of one that is, and
 * every refusal is told a whole number of {@linkcode STEP}s after the client asked.
 *
 * @module
 */

import { NetworkList } from "../config/cidr.ts";
import type { Cancel, Millis, Octets, Runtime } from "../runtime.ts";
import type { Secret } from "../session/secret.ts";
import type { Route } from "../upstream/mod.ts";
import type { Authenticator, Credentials, Note, Verdict } from "./mod.ts";
import { LONGEST_PASSWORD } from "./_users_password.ts";
import type { UserEntry, Users } from "./_users_table.ts";
import { verifiedCertificate } from "./_verified.ts";
import { areEqual, type TrialHandler, tryDigest, tryPassword } from "./_users_trial.ts";

export { parseUserLine } from "./_users_line.ts";
export { LONGEST_PASSWORD } from "./_users_password.ts";
export { UsersFile, type UsersFileOptions } from "./_users_watch.ts";

/** What a {@linkcode UsersFileAuthenticator} works with. */
export interface UsersFileSetting {
  /** Who may log in at this moment. */
  readonly users: () => Users;
  /**
   * The way to an upstream that a line names, or to the server's own where it names none; `undefined` where the server
   * has none, or one that leads nowhere for this login, which it notes.
   */
  readonly routeFor: (upstream: Octets | undefined, credentials: Credentials, note: Note) => Route | undefined;
  readonly runtime: Pick<Runtime, "hashing" | "now">;
}

/** Asks a users file. */
export class UsersFileAuthenticator implements Authenticator {
  readonly #setting: UsersFileSetting;

  constructor(setting: UsersFileSetting) {
    this.#setting = setting;
  }

  /** The only user with the certificate that the client has shown. */
  identify({ method, tls }: Credentials): Octets | undefined {
    const shown = method === "external" ? verifiedCertificate(tls)?.fingerprint : undefined;
    return shown === undefined ? undefined : this.#setting.users().ownerOf(shown);
  }

  authenticate(credentials: Credentials, note: Note, done: (verdict: Verdict) => void): Cancel {
    return new Login(this.#setting, credentials, { note, done }).judge();
  }

  /** There is nothing to give back: the file is its owner's. */
  close(): void {}
}

interface Answer {
  readonly note: Note;
  readonly done: (verdict: Verdict) => void;
}

/** One question, up to its verdict. */
class Login implements TrialHandler {
  readonly #setting: UsersFileSetting;
  readonly #credentials: Credentials;
  readonly #answer: Answer;
  readonly #users: Users;
  readonly #started: Millis;
  /** The user's lines, or `undefined` for who is not in the file. */
  readonly #own: readonly UserEntry[] | undefined;
  /** Why the right password was not enough. */
  #objection: Octets | undefined;

  constructor(setting: UsersFileSetting, credentials: Credentials, answer: Answer) {
    this.#setting = setting;
    this.#credentials = credentials;
    this.#answer = answer;
    this.#users = setting.users();
    this.#started = setting.runtime.now();
    this.#own = this.#users.find(credentials.login);
  }

  judge(): Cancel {
    const { method, login } = this.#credentials;
    switch (method) {
      case "plain":
        return this.#judgePassword();
      case "apop":
      case "cram-md5":
        this.#judgeDigest(method);
        break;
      case "external":
        this.#judgeCertificate();
        break;
      case "none":
        this.#admit(undefined, { login, secret: undefined });
        break;
      default:
        this.#answer.note("error", `a users file cannot check ${method}`);
        this.#refuse();
    }
    return () => {};
  }

  #judgePassword(): Cancel {
    const given = this.#credentials.secret.reveal();
    if (given === "" || given.length > LONGEST_PASSWORD) {
      this.#answer.note("info", given === "" ? "empty password" : `password of more than ${LONGEST_PASSWORD} octets`);
      this.#refuse();
      return () => {};
    }
    const { hashing } = this.#setting.runtime;
    return tryPassword(given, this.#own ?? this.#users.typical, { hashing, handler: this });
  }

  #judgeDigest(method: "apop" | "cram-md5"): void {
    const { secret, salt = "" } = this.#credentials;
    const { hashing } = this.#setting.runtime;
    const digestOf = (kept: Octets) => method === "apop" ? hashing.md5(salt + kept) : hashing.hmacMd5(kept, salt);
    if (this.#own?.every(({ password }) => password.type !== "plain")) {
      this.#objection = `has no {PLAIN} password for ${method}`;
    }
    tryDigest(secret.reveal(), this.#own ?? this.#users.typical, { digestOf, handler: this });
  }

  #judgeCertificate(): void {
    const fingerprint = verifiedCertificate(this.#credentials.tls)?.fingerprint;
    const isShown = ({ certificate }: UserEntry) =>
      certificate !== undefined && fingerprint !== undefined && areEqual(fingerprint, certificate);
    const isEnough = this.#own?.some((entry) => isShown(entry) && this.matched(entry));
    if (!isEnough) this.exhausted();
  }

  matched(entry: UserEntry): boolean {
    if (this.#own === undefined) return false;
    const objection = this.#objectionTo(entry);
    if (objection === undefined) {
      this.#admit(entry, { login: entry.destUser, secret: entry.pass ?? this.#secretOf(entry) });
    } else this.#objection = `may not log in by line ${entry.line}: ${objection}`;
    return objection === undefined;
  }

  exhausted(): void {
    const { login, method } = this.#credentials;
    const file = `"${this.#users.name}"`;
    const mismatch = method === "external" ? "certificate mismatch" : "password mismatch";
    const user = method === "external" && login === "" ? "one user of the client's certificate" : `user "${login}"`;
    if (this.#own === undefined) this.#answer.note("info", `${user} was not found in ${file}`);
    else if (this.#objection === undefined) this.#answer.note("info", `user "${login}": ${mismatch}`);
    else this.#answer.note("info", `user "${login}" ${this.#objection} in ${file}`);
    this.#refuse();
  }

  failed(reason: Octets): void {
    this.#answer.note("error", `cannot check a password: ${reason}`);
    this.#answer.done({ type: "unavailable" });
  }

  #objectionTo({ noLogin, allowNets, protocols }: UserEntry): string | undefined {
    const { client, protocol } = this.#credentials;
    if (noLogin) return "nologin";
    if (!protocols.includes(protocol)) return "protocols";
    return allowNets.length === 0 || new NetworkList(allowNets).has(client) ? undefined : "allow_nets";
  }

  /** What an upstream can be logged in to with: the password as the client sent it, or as the file has it. */
  #secretOf({ password }: UserEntry): Secret | undefined {
    if (this.#credentials.method === "plain") return this.#credentials.secret;
    return this.#credentials.method !== "external" && password.type === "plain" ? password.secret : undefined;
  }

  #admit(
    entry: UserEntry | undefined,
    { login, secret }: { readonly login: Octets | undefined; readonly secret: Secret | undefined },
  ): void {
    const { note, done } = this.#answer;
    const { protocol } = this.#credentials;
    const where = entry === undefined ? `"${this.#users.name}"` : `line ${entry.line} of "${this.#users.name}"`;
    const route = this.#setting.routeFor(entry?.upstream, this.#credentials, note);
    if (route !== undefined && (secret !== undefined || protocol === "smtp")) {
      return done({ type: "accepted", route, login: login ?? this.#credentials.login, secret });
    }
    note("error", route === undefined ? `no upstream for ${where}` : `no "pass" for the upstream in ${where}`);
    done({ type: "unavailable" });
  }

  #refuse(): void {
    const elapsed = this.#setting.runtime.now() - this.#started;
    const wait = STEP - elapsed % STEP;
    const text = "Invalid login or password";
    this.#answer.done({ type: "refused", text, wait, smtpCode: undefined, saslError: undefined });
  }
}

/** How long a wrong password costs, as `Auth-Wait` is used with nginx; and the grain of longer waits. */
export const STEP: Millis = 2_000;
