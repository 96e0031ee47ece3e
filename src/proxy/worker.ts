/**
 * One process at work: the listeners, the connections, and the way both come to an end.
 *
 * @module
 */

import type { Authenticator } from "../auth/mod.ts";
import { HttpAuthenticator } from "../auth/http.ts";
import type { Config, ErrorLogConfig, ServerConfig } from "../config/types.ts";
import type { ErrorLog } from "../log/error_log.ts";
import { LogFailure, LogFiles } from "../log/error_log.ts";
import type { Listener, Millis, Octets, Runtime, Socket, SocketAddress, SystemFailure } from "../runtime.ts";
import { describeFailure, isFailure } from "../runtime.ts";
import type { Binding } from "./addresses.ts";
import { endpointFor, ListenError, planBindings, resolveEndpoints } from "./addresses.ts";
import { Driver, type Service } from "./driver.ts";
import { sessionFactory } from "./factory.ts";
import type { SessionRecord } from "./record.ts";

/** What one run is told beside its configuration. */
export interface ServeOptions {
  /** The log for a configuration that names none; stderr at level error when left out. */
  readonly errorLog?: ErrorLogConfig;
  /** Called for every connection when it is over. */
  readonly sessionEnded?: (record: SessionRecord) => void;
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
  /** Closes and opens all log files anew. */
  reopenLogs(): void;
  closeLogs(): void;
  /**
   * Accepts no more. `fast` ends the sessions too, telling those clients that are not logged in yet; `graceful` waits
   * for them, at most `worker_shutdown_timeout`. Resolves when nothing is left; the logs stay open.
   */
  stop(how: "fast" | "graceful"): Promise<void>;
}

/** The proxy cannot start; each line says why as nginx would. */
export class StartError extends Error {
  override readonly name = "StartError";
  readonly lines: readonly Octets[];

  constructor(lines: readonly Octets[]) {
    super(lines.join("\n"));
    this.lines = lines;
  }
}

/** Opens the listeners of a configuration and serves them. Throws {@linkcode StartError} with nothing left open. */
export async function serve(config: Config, runtime: Runtime, options: ServeOptions = {}): Promise<Server> {
  const worker = new Worker(config, runtime, options);
  await worker.start();
  return worker;
}

/** Does all that {@linkcode serve} does short of serving, for `-t`. An address in use is no error: it may be our own. */
export async function tryServe(config: Config, runtime: Runtime, options: ServeOptions = {}): Promise<void> {
  const worker = new Worker(config, runtime, options);
  await worker.start("test");
  await worker.stop("fast");
  worker.closeLogs();
}

class Worker implements Server {
  readonly #config: Config;
  readonly #runtime: Runtime;
  readonly #options: ServeOptions;
  readonly #logFiles: LogFiles;
  readonly #services = new Map<ServerConfig, Service>();
  readonly #authenticators: Authenticator[] = [];
  readonly #open: { readonly listener: Listener; readonly binding: Binding }[] = [];
  readonly #drivers = new Set<Driver>();
  readonly #mostSockets: number;
  #log: ErrorLog | undefined;
  #lastNumber = 0;
  #isStopping = false;
  readonly #whenIdle: (() => void)[] = [];

  constructor(config: Config, runtime: Runtime, options: ServeOptions) {
    this.#config = config;
    this.#runtime = runtime;
    this.#options = options;
    this.#logFiles = new LogFiles(runtime);
    this.#mostSockets = mostSockets(config, runtime);
  }

  get log(): ErrorLog {
    if (this.#log === undefined) throw new Error("the log is used before it is open");
    return this.#log;
  }

  get listeners(): ServingListener[] {
    return this.#open.map(({ listener, binding }) => ({
      text: binding.endpoint.listen.text,
      address: listener.address,
      server: binding.endpoint.server,
    }));
  }

  get connections(): number {
    return this.#drivers.size;
  }

  async start(purpose: "serve" | "test" = "serve"): Promise<void> {
    try {
      this.#openLogs();
      this.#announceLimits();
      const bindings = planBindings(await resolveEndpoints(this.#config.servers, this.#runtime));
      for (const binding of bindings) await this.#listen(binding, purpose);
    } catch (error) {
      await this.#closeListeners();
      this.#logFiles.close();
      throw error instanceof ListenError ? new StartError([error.message]) : error;
    }
  }

  reopenLogs(): void {
    for (const failure of this.#logFiles.reopen()) this.log.write("emerg", failure.text);
  }

  async stop(how: "fast" | "graceful"): Promise<void> {
    this.#isStopping = true;
    await this.#closeListeners();
    for (const authenticator of this.#authenticators) authenticator.close();
    if (how === "fast") this.#stopDrivers();
    if (this.#drivers.size === 0) return;
    const { workerShutdownTimeout } = this.#config.main;
    if (workerShutdownTimeout !== undefined) this.#runtime.timer(workerShutdownTimeout, () => this.#stopDrivers());
    await this.#idle();
  }

  closeLogs(): void {
    this.#logFiles.close();
  }

  /** More than one call of `stop` may wait for the last session. */
  #idle(): Promise<void> {
    return new Promise((resolve) => this.#whenIdle.push(resolve));
  }

  #stopDrivers(): void {
    for (const driver of [...this.#drivers]) driver.stop();
  }

  #openLogs(): void {
    const { main, servers } = this.#config;
    const fallback = this.#options.errorLog ?? { target: { type: "stderr" }, level: "error" };
    const mainLogs = main.errorLogs.length > 0 ? main.errorLogs : [fallback];
    this.#log = this.#openLog(mainLogs);
    for (const server of servers) {
      const log = server.errorLogs.length > 0 ? this.#openLog(server.errorLogs) : this.#log;
      this.#services.set(server, this.#service(server, log));
    }
  }

  #openLog(configs: readonly ErrorLogConfig[]): ErrorLog {
    const log = this.#logFiles.open(configs);
    if (log instanceof LogFailure) throw new StartError([log.text]);
    return log;
  }

  #service(server: ServerConfig, log: ErrorLog): Service {
    const authenticator = new HttpAuthenticator(server.authHttp, this.#runtime);
    this.#authenticators.push(authenticator);
    return {
      runtime: this.#runtime,
      protocol: server.protocol,
      proxyTimeout: server.proxy.timeout,
      log,
      authenticator,
      createSession: sessionFactory(server, this.#runtime),
      mayConnect: () => this.#hasRoom(log),
    };
  }

  /** The descriptors must last for all connections: some runtimes do not survive running out of them. */
  #announceLimits(): void {
    const { workerConnections } = this.#config.main;
    if (this.#mostSockets >= workerConnections) return;
    const { limit } = this.#runtime.descriptors();
    this.log.write(
      "warn",
      `${workerConnections} worker_connections exceed open file resource limit: ${limit}, using ${this.#mostSockets}`,
    );
  }

  async #listen(binding: Binding, purpose: "serve" | "test"): Promise<void> {
    const { listen, address } = binding.endpoint;
    const { ipv6Only, backlog, keepAlive } = listen;
    const lines: Octets[] = [];
    for (let attempt = 0; attempt < BIND_ATTEMPTS; attempt++) {
      if (attempt > 0) await this.#pause(BIND_PAUSE);
      const listener = await this.#runtime.listen(
        { address, ipv6Only, backlog, keepAlive },
        (socket) => this.#accept(binding, socket),
      );
      if (!isFailure(listener)) return void this.#open.push({ listener, binding });
      lines.push(`bind() to ${listen.text} failed ${describeFailure(listener)}`);
      if (isAddressInUse(listener) && purpose === "test") return;
      if (!isAddressInUse(listener)) throw new StartError(lines);
    }
    throw new StartError([...lines, "still could not bind()"]);
  }

  #pause(delay: Millis): Promise<void> {
    return new Promise((resolve) => this.#runtime.timer(delay, resolve));
  }

  #accept(binding: Binding, socket: Socket): void {
    const { server, listen } = endpointFor(binding, socket.local);
    const service = this.#services.get(server);
    if (service === undefined || this.#isStopping || !this.#hasRoom(service.log)) return socket.abort();
    const driver = new Driver(service, {
      socket,
      number: ++this.#lastNumber,
      server: listen.text,
      ended: (record) => this.#ended(driver, record),
    });
    this.#drivers.add(driver);
    driver.start();
  }

  #ended(driver: Driver, record: SessionRecord): void {
    this.#drivers.delete(driver);
    this.#options.sessionEnded?.(record);
    if (this.#drivers.size === 0) { for (const resolve of this.#whenIdle.splice(0)) resolve(); }
  }

  #hasRoom(log: ErrorLog): boolean {
    if (this.#runtime.sockets() + this.#open.length <= this.#mostSockets) return true;
    log.write("alert", `${this.#mostSockets} worker_connections are not enough`);
    return false;
  }

  async #closeListeners(): Promise<void> {
    await Promise.all(this.#open.splice(0).map(({ listener }) => listener.close()));
  }
}

/** `worker_connections`, or as many as the descriptors allow beside those that are open already. */
function mostSockets(config: Config, runtime: Runtime): number {
  const { limit, open } = runtime.descriptors();
  return Math.max(1, Math.min(config.main.workerConnections, limit - open - SPARE_DESCRIPTORS));
}

function isAddressInUse(failure: SystemFailure): boolean {
  return failure.number === 98;
}

const BIND_ATTEMPTS = 5;
const BIND_PAUSE = 500;

/** For logs, name look-ups, and the connection that is accepted only to be closed. */
const SPARE_DESCRIPTORS = 16;
