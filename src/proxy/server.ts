/**
 * What a proxy at work shows to those who run it.
 *
 * @module
 */

import type { Config, ErrorLogConfig, ServerConfig } from "../config/types.ts";
import type { ErrorLog } from "../log/error_log.ts";
import type { Octets, SocketAddress } from "../runtime.ts";
import type { Board } from "./board.ts";
import type { Inherited } from "./inherited.ts";
import type { SessionRecord } from "./record.ts";

/** What one run is told beside its configuration. */
export interface ServeOptions {
  /** The log for a configuration that names none; stderr at level error when left out. */
  readonly errorLog?: ErrorLogConfig;
  /** Called for every connection when it is over. What it throws is told to the error log, and changes nothing. */
  readonly sessionEnded?: (record: SessionRecord) => void;
  /**
   * Encrypts session tickets, where the configuration names no key: 48 octets that several processes share, one of which
   * sees to {@linkcode Server.rotateTicketKey}. Without it, this process makes its keys, and another each
   * {@linkcode TICKET_KEY_LIFE}.
   */
  readonly ticketKey?: Uint8Array;
  /** The way to the other processes that serve the same configuration; without it there are none. */
  readonly board?: Board;
  /** The sockets that the process was given. */
  readonly inherited?: Inherited;
  /** Called once, when all files are open and before anything listens, so that rights can be dropped. May throw. */
  readonly beforeListening?: () => void | Promise<void>;
  /** Whether a main process tells of warnings and of a start that fails, and tries again where an address is in use. */
  readonly isWorker?: boolean;
}

/** A listener at work. */
export interface ServingListener {
  /** The address as configured. */
  readonly text: Octets;
  /** The address in force, with the port that port 0 became. */
  readonly address: SocketAddress;
  readonly server: ServerConfig;
}

/** A proxy at work. */
export interface Server {
  readonly listeners: readonly ServingListener[];
  /** The main error log. */
  readonly log: ErrorLog;
  /** How many client connections there are. */
  readonly connections: number;
  /** Whether it has been told to stop. */
  readonly isStopping: boolean;
  /** The paths of all log files that are open. */
  readonly logFiles: readonly Octets[];
  /**
   * Goes on with another configuration: new sessions have the new settings, those under way keep theirs, and no address
   * that stays is closed. Its warnings are in its log. One that is under way comes first. Throws what {@linkcode serve}
   * throws, with everything as it was before, also once it is stopping.
   */
  reload(config: Config): Promise<void>;
  /** Makes session tickets with this key from now on; those made with the key before are taken as well. */
  rotateTicketKey(key: Uint8Array): void;
  /** Looks at once whether files have changed that the main process reads. */
  renew(): void;
  /** Closes and opens all log files anew. */
  reopenLogs(): void;
  /** Resolves when every line has been written. */
  closeLogs(): Promise<void>;
  /**
   * Accepts no more. `fast` ends the sessions too, telling those clients that are not logged in yet; `graceful` waits
   * for them, at most `worker_shutdown_timeout`. `closed` is called when nothing accepts any more. Resolves when nothing
   * is left; the logs stay open.
   */
  stop(how: "fast" | "graceful", closed?: () => void): Promise<void>;
}
