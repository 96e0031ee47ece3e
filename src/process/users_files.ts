/**
 * The users files, which the main process looks at as at the files of TLS: workers may have given up the right to. What is
 * good goes to the workers, those included that take the place of dead ones by and by.
 *
 * @module
 */

import type { UsersFile } from "../auth/users_file.ts";
import type { Config, NamedFile } from "../config/types.ts";
import { openUsers } from "../proxy/authenticators.ts";
import type { Octets, Runtime } from "../runtime.ts";
import { type Route, Routes } from "../upstream/mod.ts";
import { SingleRoute } from "../upstream/single.ts";
import type { Snapshot } from "./snapshot.ts";

type Texts = Snapshot["texts"];

/** What {@linkcode UsersFiles} works with. */
export interface UsersFilesOptions {
  readonly runtime: Runtime;
  readonly note: (level: "error" | "notice", text: Octets) => void;
  /** Called when one has changed and is good: what is in it now. */
  readonly changed: (texts: Texts) => void;
}

/** The users files of one configuration, until it is stopped. */
export class UsersFiles {
  readonly #texts = new Map<Octets, Octets>();
  readonly #files: UsersFile[] = [];

  /** Throws a `StartError` for files that cannot be used. */
  constructor(config: Config, { runtime, note, changed }: UsersFilesOptions) {
    const routes = routesIn(config);
    const named = new Map<Octets, NamedFile>();
    for (const { authUsersFile: file } of config.servers) if (file && !named.has(file.path)) named.set(file.path, file);
    try {
      for (const [path, file] of named) {
        const taken = (text: Octets) => {
          this.#texts.set(path, text);
          changed([[path, text]]);
        };
        this.#files.push(openUsers(file, { routes, runtime, note, taken }));
      }
    } catch (error) {
      this.stop();
      throw error;
    }
  }

  /** What is in them, as far as it is good. */
  get texts(): Texts {
    return [...this.#texts];
  }

  /** Looks at them no more. */
  stop(): void {
    for (const file of this.#files) file.close();
  }
}

/** Here nobody goes there: all that counts is which names there are, and those do not depend on a port. */
function routesIn({ upstreams }: Config): Routes {
  const groups = upstreams.map(({ name }): [Octets, Route] => {
    return [name, new SingleRoute({ target: { path: "" }, text: name })];
  });
  return new Routes(new Map(groups), ANY_PORT);
}

const ANY_PORT = 1;
