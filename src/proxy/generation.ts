/**
 * All that follows from one reading of the configuration. A reload makes another generation; the sessions of the one
 * before keep theirs to their end.
 *
 * @module
 */

import { HttpAuthenticator } from "../auth/http.ts";
import type { Authenticator } from "../auth/mod.ts";
import type { Config, ErrorLogConfig, ServerConfig } from "../config/types.ts";
import { type ErrorLog, LogFailure, type LogFiles } from "../log/error_log.ts";
import type { Runtime } from "../runtime.ts";
import type { Service } from "./driver.ts";
import { sessionFactory } from "./factory.ts";
import { StartError } from "./start_error.ts";

/** What a generation shares with those before and after it. */
export interface Surroundings {
  readonly runtime: Runtime;
  readonly logFiles: LogFiles;
  /** The log for a configuration that names none. */
  readonly errorLog: ErrorLogConfig;
  /** Whether one more socket may be opened; tells the log when not. */
  readonly hasRoom: (log: ErrorLog) => boolean;
  /** What the connections to a server block share; a generation puts its own in. */
  readonly services: WeakMap<ServerConfig, Service>;
}

export class Generation {
  readonly config: Config;
  /** The main error log. */
  readonly log: ErrorLog;
  readonly #surroundings: Surroundings;
  readonly #authenticators: Authenticator[] = [];

  /** Throws {@linkcode StartError} when a log cannot be opened. */
  constructor(config: Config, surroundings: Surroundings) {
    this.config = config;
    this.#surroundings = surroundings;
    const { main, servers } = config;
    this.log = this.#openLog(main.errorLogs.length > 0 ? main.errorLogs : [surroundings.errorLog]);
    for (const server of servers) {
      const log = server.errorLogs.length > 0 ? this.#openLog(server.errorLogs) : this.log;
      surroundings.services.set(server, this.#service(server, log));
    }
  }

  /** Keeps nothing open any longer that only new sessions would use. */
  retire(): void {
    for (const authenticator of this.#authenticators) authenticator.close();
  }

  #openLog(configs: readonly ErrorLogConfig[]): ErrorLog {
    const log = this.#surroundings.logFiles.open(configs);
    if (log instanceof LogFailure) throw new StartError([log.text]);
    return log;
  }

  #service(server: ServerConfig, log: ErrorLog): Service {
    const { runtime, hasRoom } = this.#surroundings;
    const authenticator = new HttpAuthenticator(server.authHttp, runtime);
    this.#authenticators.push(authenticator);
    return {
      runtime,
      protocol: server.protocol,
      proxyTimeout: server.proxy.timeout,
      log,
      authenticator,
      createSession: sessionFactory(server, runtime),
      proxyHeader: () => undefined,
      resolveClient: (_client, _note, done) => {
        done("[UNAVAILABLE]");
        return () => {};
      },
      hasRoom: () => hasRoom(log),
    };
  }
}
