/**
 * All that follows from one reading of the configuration. A reload makes another generation; the sessions of the one
 * before keep theirs to their end.
 *
 * @module
 */

import type { AnswerStore } from "../auth/cache.ts";
import type { FailureBook } from "../auth/failures.ts";
import type { Authenticator } from "../auth/mod.ts";
import { NetworkList } from "../config/cidr.ts";
import { groupPort } from "../config/pass.ts";
import { groupChecks } from "../config/health_checks.ts";
import type { SslConfig } from "../config/ssl_types.ts";
import { tlsCaveat } from "../config/tls_fault.ts";
import type { Config, ErrorLogConfig, ServerConfig } from "../config/types.ts";
import { connectWith } from "../dns/connect.ts";
import { systemNames } from "../dns/system_names.ts";
import { resolveClientHost, Resolver } from "../dns/mod.ts";
import type { AccessLog } from "../log/access_log.ts";
import type { ErrorLog } from "../log/error_log.ts";
import { LogFailure, type LogFiles, LogUse } from "../log/log_files.ts";
import type { Millis, Octets, Runtime, SocketAddress, SystemFailure, TlsContext } from "../runtime.ts";
import { isOurs } from "../runtime.ts";
import type { TicketKeys } from "../tls.ts";
import { createAuthenticator, slowedDown } from "./authenticators.ts";
import { connectFrom } from "./bind.ts";
import type { Board } from "./board.ts";
import type { Service } from "./service.ts";
import { UpstreamTlsModes } from "./client_tls.ts";
import { Echoes } from "./echoes.ts";
import { sessionFactory } from "./factory.ts";
import { Groups } from "./groups.ts";
import { HealthChecks } from "./health.ts";
import { Limits, type LimitZones } from "./limits.ts";
import { Names } from "./names.ts";
import { filesOf, Renewal } from "./renewal.ts";
import { checkPasses } from "./pass_check.ts";
import { StartError } from "./start_error.ts";
import { createServerTls } from "./tls.ts";
import { headerWriter } from "./upstream_header.ts";
import { UserNames } from "./user_names.ts";

/** What a generation shares with those before and after it. */
export interface Surroundings {
  readonly runtime: Runtime;
  readonly logFiles: LogFiles;
  /** The log for a configuration that names none. */
  readonly errorLog: ErrorLogConfig;
  /** Whether so many more sockets may be opened; tells the log when not. */
  readonly hasRoom: (log: ErrorLog, more: number) => boolean;
  /** What the connections to a server block share; a generation puts its own in. */
  readonly services: WeakMap<ServerConfig, Service>;
  /** The wrong passwords that have come so far. */
  readonly failures: FailureBook;
  /** The connections that are counted by what they have in common. */
  readonly limitZones: LimitZones;
  /** The mail servers of the generation before: what is known of those that stay is kept. */
  readonly groupsBefore: Groups | undefined;
  /** Whether this process tells of files that change, and no main process does. */
  readonly tells: boolean;
  /** Encrypt session tickets where the configuration names no key. */
  readonly ticketKeys: TicketKeys;
  /** The way to the other workers. */
  readonly board: Board;
  /** Hears why a generation cannot be, while its log is open still. */
  readonly failed: (generation: Pick<Generation, "config" | "log">, error: unknown) => void;
}

export class Generation {
  readonly config: Config;
  /** The main error log. */
  readonly log: ErrorLog;
  readonly #surroundings: Surroundings;
  readonly #logUse: LogUse;
  #groups: Groups | undefined;
  #health: HealthChecks | undefined;
  readonly #authenticators: Authenticator[] = [];
  readonly #renewals: { look(): void; stop(): void }[] = [];
  readonly #echoes: Echoes;
  /** The answers of auth servers that are kept, by their zones. */
  readonly #answers = new Map<Octets, AnswerStore>();
  /** How many connections write to its logs. */
  #connections = 0;
  #isOver = false;

  /** Throws {@linkcode StartError} when a log cannot be opened or a name not be found. */
  static async create(config: Config, surroundings: Surroundings): Promise<Generation> {
    const names = new Names(surroundings.runtime);
    const logUse = new LogUse(await names.syslogServers(config));
    let generation: Generation | undefined;
    try {
      generation = new Generation(config, surroundings, logUse);
      await checkPasses(config, surroundings.runtime);
      await generation.#findGroups(names);
      for (const server of config.servers) {
        surroundings.services.set(server, await generation.#service(server, names));
      }
    } catch (error) {
      if (generation !== undefined) surroundings.failed(generation, error);
      generation?.retire();
      await surroundings.logFiles.release(logUse);
      throw error;
    }
    return generation;
  }

  private constructor(config: Config, surroundings: Surroundings, logUse: LogUse) {
    this.config = config;
    this.#surroundings = surroundings;
    this.#logUse = logUse;
    this.#echoes = new Echoes(surroundings.runtime);
    const { errorLogs } = config.main;
    this.log = this.#openLog(errorLogs.length > 0 ? errorLogs : [surroundings.errorLog]);
  }

  /** The groups of mail servers. */
  get groups(): Groups | undefined {
    return this.#groups;
  }

  /** Sessions come to it from now on: begins what one generation alone has to do. */
  begin(): void {
    const { runtime, board, services } = this.#surroundings;
    const groups = this.#groups;
    groups?.begin();
    for (const server of this.config.servers) services.get(server)?.limits.begin();
    this.#health = new HealthChecks(groupChecks(this.config), {
      runtime,
      board,
      groups: groups?.all ?? [],
      groupOf: ({ server, upstream }) => groups?.forPort(groupPort(upstream, server)).get(upstream.name),
      serviceOf: (server) => services.get(server),
    });
    this.#health.start();
  }

  /** Looks at once whether files have changed that the main process reads. */
  renew(): void {
    for (const renewal of this.#renewals) renewal.look();
    for (const authenticator of this.#authenticators) authenticator.renew?.();
  }

  /** Keeps nothing open any longer that only new sessions would use. */
  retire(): void {
    this.#health?.stop();
    this.#groups?.stop();
    for (const authenticator of this.#authenticators) authenticator.close();
    for (const renewal of this.#renewals) renewal.stop();
  }

  /** A connection begins that writes to its logs. */
  enter(): void {
    this.#connections++;
  }

  /** It is over. */
  leave(): void {
    this.#connections--;
    if (this.#isOver) this.#closeUnusedLogs();
  }

  /** No connection begins any more: closes its logs behind the last one. */
  end(): void {
    this.#isOver = true;
    this.#closeUnusedLogs();
  }

  #closeUnusedLogs(): void {
    if (this.#connections === 0) void this.#surroundings.logFiles.release(this.#logUse);
  }

  async #findGroups(names: Names): Promise<void> {
    const { runtime, groupsBefore: before, board } = this.#surroundings;
    const note = (level: "error" | "warn" | "notice", text: string) => this.log.write(level, text);
    this.#groups = await Groups.create(this.config, { names, runtime, note, before, board });
  }

  #openLog(configs: readonly ErrorLogConfig[]): ErrorLog {
    const log = this.#surroundings.logFiles.open(configs, this.#logUse);
    if (log instanceof LogFailure) throw new StartError([log.text], log.hint);
    return log;
  }

  #openAccessLog({ accessLogs }: ServerConfig, log: ErrorLog): AccessLog | undefined {
    const note = (level: "alert" | "notice", text: string) => log.write(level, text);
    const opened = this.#surroundings.logFiles.openAccess(accessLogs, { use: this.#logUse, note });
    if (opened instanceof LogFailure) throw new StartError([opened.text], opened.hint);
    return opened;
  }

  async #service(server: ServerConfig, names: Names): Promise<Service> {
    const { runtime, hasRoom } = this.#surroundings;
    const log = server.errorLogs.length > 0 ? this.#openLog(server.errorLogs) : this.log;
    const resolver = await this.#resolver(server, names, log);
    const direct = limitedConnect(runtime, () => hasRoom(log, 1));
    const connect = resolver === undefined ? direct : connectWith(resolver, { connect: direct });
    const bound = connectFrom(server.proxy.bind, { connect: direct, names: resolver ?? systemNames(runtime) });
    const trusted = await names.trusted(server.realIpFrom);
    const isForbidden = accessRule(server);
    const source = this.#authenticator(server, connect, log);
    const slowed = slowedDown(source, server, { runtime, book: this.#surroundings.failures });
    const renewal = server.ssl && this.#renewal(server, server.ssl, log);
    const upstreamTls = this.#upstreamTls(server, log);
    return {
      runtime,
      connect: bound ?? connect,
      protocol: server.protocol,
      serverName: server.serverName,
      timeout: server.timeout,
      proxyTimeout: server.proxy.timeout,
      patience: server.proxy.connectTimeout === undefined ? PATIENCE : undefined,
      nextUpstream: server.proxy.nextUpstream,
      log,
      accessLog: this.#openAccessLog(server, log),
      get tls() {
        return renewal?.context;
      },
      upstreamTls: upstreamTls.as(server.proxy.ssl.mode),
      upstreamTlsAs: (mode) => upstreamTls.as(mode),
      authenticator: slowed ?? source,
      userNames: new UserNames(server.userNames),
      createSession: sessionFactory(server, runtime),
      hasRoom: () => hasRoom(log, 0),
      isTrusted: (address) => trusted.has(address),
      judge: (client) => ({ isForbidden: isForbidden(client), failures: slowed?.watch(client) }),
      limits: new Limits(server.limits, this.#surroundings.limitZones),
      proxyHeader: headerWriter(server.proxy),
      resolveClient: (client, note, done) => resolveClientHost(client, { resolver, note }, done),
    };
  }

  #upstreamTls(server: ServerConfig, log: ErrorLog): UpstreamTlsModes {
    const { runtime, tells } = this.#surroundings;
    const note = this.#echoes.noteTo(log);
    const modes = new UpstreamTlsModes(server.proxy.ssl, { runtime, note, tells: () => tells });
    this.#renewals.push(modes);
    return modes;
  }

  #renewal(server: ServerConfig, ssl: SslConfig, log: ErrorLog): Renewal<TlsContext> {
    const { runtime, ticketKeys, tells } = this.#surroundings;
    const note = this.#echoes.noteTo(log);
    const create = () => createServerTls(server, ssl, { runtime, ticketKeys, note: tells ? note : () => {} });
    const renewal = new Renewal({ files: filesOf(ssl), runtime, create, note, tells: () => tells });
    const { caveat } = renewal.context;
    if (caveat !== undefined && tells) note("warn", tlsCaveat(ssl, caveat));
    this.#renewals.push(renewal);
    return renewal;
  }

  async #resolver(server: ServerConfig, names: Names, log: ErrorLog): Promise<Resolver | undefined> {
    if (server.resolver === undefined) return undefined;
    const servers = await names.nameServers(server.resolver);
    const write = this.#echoes.noteTo(log);
    const note = (text: Octets, failure: SystemFailure) => {
      if (!isOurs(failure)) write("error", text);
    };
    return new Resolver({ ...server.resolver, servers, note }, this.#surroundings.runtime);
  }

  #authenticator(server: ServerConfig, connect: Runtime["connect"], log: ErrorLog): Authenticator {
    const note = this.#echoes.noteTo(log);
    const groups = (port: number) => this.#groups?.forPort(port) ?? new Map();
    const { runtime } = this.#surroundings;
    const tells = () => this.#surroundings.tells;
    const answers = this.#answers;
    const authenticator = createAuthenticator(server, { runtime, connect, groups, answers, note, tells });
    this.#authenticators.push(authenticator);
    return authenticator;
  }
}

/** Less than clients have, and more than a busy server needs to greet. */
const PATIENCE: Millis = 10_000;

/** Connects while there is room: past the limit it is as if the system had no descriptor left. */
function limitedConnect(runtime: Runtime, hasRoom: () => boolean): Runtime["connect"] {
  return (target, handler) => {
    if (hasRoom()) return runtime.connect(target, handler);
    return runtime.timer(0, () => handler.failed(NO_ROOM));
  };
}

const NO_ROOM: SystemFailure = { number: 24, text: "Too many open files" };

/** The first rule that has the client counts; a client that is in none may connect. */
function accessRule({ access }: ServerConfig): (client: SocketAddress) => boolean {
  if (access.length === 0) return () => false;
  const networks = new NetworkList(access.map(({ network }) => network));
  return (client) => access[networks.find(client)]?.action === "deny";
}
