/**
 * A users file on the disk, and what becomes of it.
 *
 * @module
 */

import { ConfigError } from "../config/error.ts";
import type { NamedFile } from "../config/types.ts";
import type { Cancel, Files, Millis, Octets, Runtime } from "../runtime.ts";
import { describeFailure, isFailure } from "../runtime.ts";
import { decode } from "../session/bytes.ts";
import { parseUsers, type Users, type UsersContext } from "./_users_table.ts";

/** What a {@linkcode UsersFile} works with. */
export interface UsersFileOptions extends Pick<UsersContext, "upstreamProblem"> {
  readonly file: NamedFile;
  /** How often to look at the file. */
  readonly period: Millis;
  readonly runtime: Pick<Runtime, "timer"> & { readonly files: Pick<Files, "read" | "look"> };
  readonly note: (level: "error" | "notice", text: Octets) => void;
  /** Hears what is in the file each time that it is taken, the first time included. */
  readonly taken?: ((text: Octets) => void) | undefined;
}

/**
 * A users file, which is read again once it has changed. One with a mistake in it is told of once and changes nothing;
 * so does one that is still being written: it is read when it was the same for a second.
 */
export class UsersFile {
  users: Users;
  readonly #options: UsersFileOptions;
  #stamp: Octets;
  #cancel: Cancel = () => {};

  /** Throws {@linkcode ConfigError} for a file that cannot be read or has a mistake in it. */
  constructor(options: UsersFileOptions) {
    this.#options = options;
    this.#stamp = this.#look();
    this.users = this.#read();
    this.#wait();
  }

  /** Looks at once whether the file has changed, when it is known to be whole. */
  renew(): void {
    const now = this.#look();
    if (now === this.#stamp) return;
    this.#stamp = now;
    this.#renew();
  }

  /** Looks at the file no more. */
  close(): void {
    this.#cancel();
  }

  #wait(): void {
    const { runtime, period } = this.#options;
    this.#cancel = runtime.timer(period, () => this.#compare(this.#stamp));
  }

  /** `seen` is how it looked a while ago: what has changed since then may be changing still. */
  #compare(seen: Octets): void {
    const now = this.#look();
    if (now === this.#stamp) return this.#wait();
    if (now !== seen) {
      this.#cancel = this.#options.runtime.timer(SETTLED, () => this.#compare(now));
      return;
    }
    this.#stamp = now;
    // First: a defect of ours is no reason to look at the file no more.
    this.#wait();
    this.#renew();
  }

  #renew(): void {
    const { file: { path }, note } = this.#options;
    try {
      this.users = this.#read();
      note("notice", `users file "${path}" was read again, ${this.users.size} users`);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      note("error", `users file "${path}" was changed and is not used: ${error.message}`);
    }
  }

  #read(): Users {
    const { file: { path, place }, runtime, upstreamProblem, taken } = this.#options;
    const look = runtime.files.look(path);
    if (!isFailure(look) && look.size > LARGEST_FILE) {
      throw new ConfigError(`users file "${path}" has more than ${LARGEST_FILE} bytes`, { place });
    }
    const bytes = runtime.files.read(path);
    if (isFailure(bytes)) throw new ConfigError(`open() "${path}" failed ${describeFailure(bytes)}`, { place });
    const text = decode(bytes);
    const users = parseUsers(text, { name: path, upstreamProblem });
    taken?.(text);
    return users;
  }

  /** A file that cannot be looked at looks like its error. */
  #look(): Octets {
    const look = this.#options.runtime.files.look(this.#options.file.path);
    return isFailure(look) ? describeFailure(look) : look.stamp;
  }
}

/** How long a file must have been the same before it is read. */
const SETTLED: Millis = 1_000;

const LARGEST_FILE = 32 * 2 ** 20;
