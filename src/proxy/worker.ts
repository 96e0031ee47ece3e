/**
 * One process at work: the listeners, the connections, and the way both come to an end. It is long because a connection goes
 * on from one guest to the next (its PROXY header, its handshake, its session) with the same place in counts and farewells,
 * and all of that has to be seen together.
 *
 * @module
 */

import { FailureBook } from "../auth/failures.ts";
import { weighed } from "../config/capability.ts";
import type { Config, ServerConfig } from "../config/types.ts";
import type { ErrorLog } from "../log/error_log.ts";
import { LogFiles } from "../log/log_files.ts";
import type { ReceivedHeader } from "../protocol/proxy_protocol/mod.ts";
import type { Octets, Runtime, Socket } from "../runtime.ts";
import { type Listed, Roster } from "../roster.ts";
import { EMPTY } from "../session/bytes.ts";
import { type Binding, bindingsOf, endpointFor } from "./addresses.ts";
import { certificateChooser, chooserAt, type ChooseService } from "./choice.ts";
import type { ConnectionLimit, LimitRefusal, NoteLevel } from "../session/mod.ts";
import { type Board, SOLITARY_BOARD } from "./board.ts";
import { callOut, describeDefect } from "./defect.ts";
import { Driver } from "./driver.ts";
import { type Arrival, describeAddress, type Service, type StopReason } from "./service.ts";
import { SessionFacts } from "./facts.ts";
import { Farewells, type Leaver } from "./farewells.ts";
import { Generation, type Surroundings } from "./generation.ts";
import { Handshake } from "./handshake.ts";
import { LimitZones, Places } from "./limits.ts";
import { BIND_ATTEMPTS, Listeners, type Purpose } from "./listeners.ts";
import { Preface } from "./preface.ts";
import { recordOf, type SessionRecord } from "./record.ts";
import { Room } from "./room.ts";
import type { ServeOptions, Server, ServingListener } from "./server.ts";
import { StartError, tellLog } from "./start_error.ts";
import { Doorkeeper } from "./turn_away.ts";
import { TicketKeyRing } from "./ticket_keys.ts";

/**
 * Opens the listeners of a configuration and serves them; its warnings are in its log. Throws {@linkcode ConfigError} for what
 * cannot be served by this runtime or be served at all, {@linkcode StartError} for what cannot be opened, with nothing left
 * open.
 */
export async function serve(config: Config, runtime: Runtime, options: ServeOptions = {}): Promise<Server> {
  const worker = new Worker(runtime, options);
  await worker.start(config, "serve");
  return worker;
}

/** Does all that {@linkcode serve} does short of serving, for `-t`. An address in use is no error: it may be our own. */
export async function tryServe(config: Config, runtime: Runtime, options: ServeOptions = {}): Promise<void> {
  const worker = new Worker(runtime, options);
  await worker.start(config, "test");
  await worker.stop("fast");
  await worker.closeLogs();
}

/** A connection at any stage of its life. */
interface Guest extends Leaver, Listed {
  /** Ends it in good manners, which may take a while. */
  stop(why: StopReason): void;
  /** Ends it without. */
  abort(): void;
}

/** What is known of a connection as soon as it is accepted. */
interface Visit {
  readonly generation: Generation;
  readonly service: Service;
  readonly socket: Socket;
  readonly number: number;
  readonly server: Octets;
  readonly binding: Binding;
  /** Whether TLS is spoken from the first octet. */
  readonly isTls: boolean;
  readonly choose: ChooseService;
  readonly facts: SessionFacts;
  /** What it is counted as. */
  readonly places: Places;
  /** What it is on the roster, or was there last. */
  guest: Guest | undefined;
}

class Worker implements Server {
  readonly #runtime: Runtime;
  readonly #options: ServeOptions;
  readonly #logFiles: LogFiles;
  readonly #listeners: Listeners;
  readonly #guests = new Roster<Guest>();
  /** Those of earlier generations: how long they may stay is settled, and who tells them if there is an end to it. */
  readonly #leaving = new WeakMap<Guest, Farewells<Guest> | undefined>();
  readonly #whenIdle: (() => void)[] = [];
  /** Of all generations: a connection may be accepted for the one that is just being replaced. */
  readonly #services = new WeakMap<ServerConfig, Service>();
  readonly #generations = new WeakMap<ServerConfig, Generation>();
  /** The wrong passwords, whatever generation they came to. */
  readonly #failures: FailureBook;
  /** The connections that are counted by what they have in common, those of earlier generations too. */
  readonly #limitZones: LimitZones;
  readonly #board: Board;
  readonly #room: Room;
  readonly #doorkeeper: Doorkeeper;
  /** Outlives a reload, so that sessions do. */
  readonly #ticketKeys: TicketKeyRing;
  #generation: Generation | undefined;
  /** Resolves when the reloads so far are over, whatever became of them. */
  #reloaded: Promise<void> = Promise.resolve();
  #lastNumber = 0;
  #isStopping = false;
  #isStoppingFast = false;

  constructor(runtime: Runtime, options: ServeOptions) {
    this.#runtime = runtime;
    this.#options = options;
    this.#logFiles = new LogFiles(runtime);
    this.#board = options.board ?? SOLITARY_BOARD;
    this.#failures = new FailureBook(runtime, { board: this.#board });
    this.#limitZones = new LimitZones({ board: this.#board, runtime });
    this.#ticketKeys = new TicketKeyRing(runtime, options.ticketKey);
    const attempts = options.isWorker ? 1 : BIND_ATTEMPTS;
    this.#listeners = new Listeners({
      runtime,
      attempts,
      inherited: options.inherited,
      accept: (binding, socket) => {
        try {
          this.#accept(binding, socket);
        } catch (error) {
          this.log.write("alert", describeDefect(error));
          socket.abort();
        }
      },
    });
    this.#room = new Room(runtime);
    this.#doorkeeper = new Doorkeeper(this.#room.spare);
  }

  get log(): ErrorLog {
    return this.#current.log;
  }

  get listeners(): ServingListener[] {
    return this.#listeners.all.map(({ listener, binding: { endpoint } }) => ({
      text: endpoint.listen.text,
      address: listener.address,
      server: endpoint.server,
    }));
  }

  get connections(): number {
    return this.#guests.size;
  }

  get isStopping(): boolean {
    return this.#isStopping;
  }

  get logFiles(): readonly Octets[] {
    return this.#logFiles.paths;
  }

  async start(config: Config, purpose: Purpose): Promise<void> {
    try {
      await this.#adopt(config, purpose);
      this.#room.watch(() => this.log);
    } catch (error) {
      await this.#logFiles.close();
      throw error;
    }
  }

  /** One at a time: each puts an end to what the one before it has begun. */
  reload(config: Config): Promise<void> {
    const reload = this.#reloaded.then(() => this.#goOnWith(config));
    this.#reloaded = reload.catch(() => {});
    return reload;
  }

  rotateTicketKey(key: Uint8Array): void {
    this.#ticketKeys.rotate(key);
  }

  renew(): void {
    this.#current.renew();
  }

  reopenLogs(): void {
    for (const failure of this.#logFiles.reopen()) this.log.write("emerg", failure.text);
  }

  closeLogs(): Promise<void> {
    return this.#logFiles.close();
  }

  async stop(how: "fast" | "graceful", closed?: () => void): Promise<void> {
    this.#isStopping = true;
    if (how === "fast") this.#isStoppingFast = true;
    await this.#listeners.close();
    callOut(this.log, () => closed?.());
    const { config } = this.#current;
    this.#current.retire();
    if (how === "fast") this.#stopGuests(this.#guests.all(), "fast");
    else this.#limitStay(config);
    // More than one call may wait for the last session.
    if (this.#guests.size > 0) await new Promise<void>((resolve) => this.#whenIdle.push(resolve));
    this.#room.close();
  }

  async #goOnWith(config: Config): Promise<void> {
    const before = this.#current;
    await this.#adopt(config, "serve");
    before.retire();
    this.#limitStay(before.config);
    before.end();
  }

  get #current(): Generation {
    if (this.#generation === undefined) throw new Error("the worker is used before it has started");
    return this.#generation;
  }

  async #adopt(given: Config, purpose: Purpose): Promise<void> {
    const config = weighed(given, this.#runtime);
    const isTold = purpose === "serve" && !this.#options.isWorker;
    const isStart = this.#generation === undefined;
    const failed: Surroundings["failed"] = (generation, error) => {
      if (isTold && isStart) tellLog(generation, error);
    };
    const generation = await Generation.create(config, {
      runtime: this.#runtime,
      logFiles: this.#logFiles,
      errorLog: this.#options.errorLog ?? { target: { type: "stderr" }, level: "error" },
      hasRoom: (log, more) => this.#room.has(this.#listeners.count + more, config, log),
      services: this.#services,
      failures: this.#failures,
      ticketKeys: this.#ticketKeys.keys,
      tells: this.#options.isWorker !== true,
      limitZones: this.#limitZones,
      groupsBefore: this.#generation?.groups,
      board: this.#board,
      failed,
    });
    for (const server of config.servers) this.#generations.set(server, generation);
    try {
      const bindings = await bindingsOf(config, this.#runtime);
      this.#room.check(config, bindings.length);
      if (isStart) await this.#options.beforeListening?.();
      await this.#listeners.replace(bindings, purpose);
      // A stop that came meanwhile has closed them, and ends what was there before.
      if (this.#isStopping) throw new StartError(["the process is stopping"]);
    } catch (error) {
      generation.retire();
      failed(generation, error);
      generation.end();
      throw error;
    }
    this.#generation = generation;
    if (purpose === "serve") generation.begin();
    if (isTold) { for (const { level, text } of config.warnings) this.log.write(level, text); }
    this.#room.announce(config, this.log);
  }

  #accept(binding: Binding, socket: Socket): void {
    const { server, listen } = endpointFor(binding, socket.local);
    const service = this.#services.get(server);
    const generation = this.#generations.get(server);
    // Who was accepted when we were told to stop by and by has not been told to stay away.
    if (service === undefined || generation === undefined || this.#isStoppingFast) return socket.abort();
    const number = ++this.#lastNumber;
    const facts = new SessionFacts({ service, socket, number, listen: listen.text });
    if (!service.hasRoom()) {
      // Good manners take a descriptor for a while.
      if (this.#room.isShort) socket.abort();
      else this.#doorkeeper.turnAway(socket, server.protocol, listen);
      return this.#turnAway({ service, facts }, "noRoom");
    }
    const visit: Visit = {
      generation,
      service,
      socket,
      number,
      server: listen.text,
      binding,
      isTls: listen.ssl,
      choose: chooserAt({
        binding,
        local: socket.local,
        first: service,
        services: this.#services,
        isInClear: !listen.ssl,
      }),
      facts,
      places: new Places(facts),
      guest: undefined,
    };
    if (service.log.takes("info")) {
      const text = `client ${describeAddress(socket.remote, true)} connected to ${listen.text}`;
      service.log.write("info", text, visit.number);
    }
    if (listen.proxyProtocol) this.#readPreface(visit);
    else this.#arrive(visit, undefined);
  }

  #note(visit: Visit, action: string): (level: NoteLevel, text: Octets) => void {
    return (level, text) => {
      const client = describeAddress(visit.facts.client, false);
      const line = `${text} while ${action}, client: ${client}, server: ${visit.server}`;
      visit.service.log.write(level, line, visit.number);
    };
  }

  #readPreface(visit: Visit): void {
    visit.facts.enter("proxy_protocol");
    const preface: Preface = new Preface({
      socket: visit.socket,
      runtime: this.#runtime,
      timeout: visit.service.timeout,
      note: this.#note(visit, "reading PROXY protocol"),
      read: (header) => {
        this.#guests.delete(preface);
        this.#arrive(visit, header);
      },
      failed: (result) => {
        this.#turnAway(visit, result);
        this.#leave(visit);
      },
    });
    this.#enter(visit, preface);
  }

  /** Begins TLS, where it is spoken from the first octet, and then the session. */
  #arrive(visit: Visit, header: ReceivedHeader | undefined): void {
    const { service, socket, facts } = visit;
    if (header !== undefined) noteHeader(visit, header);
    const onArrival = arriveAt(service, visit.places);
    const held = header?.rest ?? EMPTY;
    if (!visit.isTls || service.tls === undefined) return this.#drive(visit, { held, onArrival });
    if (onArrival !== undefined) this.#note(visit, "accepting connection")(onArrival.level, onArrival.text);
    // To tell it so would take a handshake: its cost, and a socket for as long as it likes.
    if (onArrival?.isDryRun === false) {
      socket.abort();
      this.#turnAway(visit, "limited");
      return this.#leave(visit);
    }
    facts.enter("handshake");
    const handshake: Handshake = new Handshake({
      socket,
      runtime: this.#runtime,
      choose: certificateChooser(visit.choose, service.tls),
      held,
      timeout: service.timeout,
      note: this.#note(visit, "SSL handshaking"),
      secured: (secure, tls) => {
        this.#guests.delete(handshake);
        const chosen = visit.choose(tls.serverName);
        facts.service = chosen;
        facts.secured(tls);
        const limited = chosen === service ? undefined : arriveAt(chosen, visit.places);
        this.#drive({ ...visit, service: chosen, socket: secure }, { held: EMPTY, onArrival: limited });
      },
      failed: (result) => {
        this.#turnAway(visit, result);
        this.#leave(visit);
      },
    });
    this.#enter(visit, handshake);
  }

  #drive(visit: Visit, { held, onArrival }: Pick<Arrival, "held"> & Pick<ConnectionLimit, "onArrival">): void {
    const { service, facts, places, socket, number, choose } = visit;
    const { client, server, proxied, tls } = facts;
    const limited = (refusal: LimitRefusal | undefined): ConnectionLimit => ({
      onArrival: refusal,
      loggedIn: () => facts.service.limits.logIn(places),
      refused: () => places.login.release(),
    });
    const driver = new Driver(service, {
      socket,
      number,
      server: visit.server,
      choose,
      facts,
      connection: { client, server, proxied, ...service.judge(client), limit: limited(onArrival), tls, facts },
      held,
      judgedBy: (block) => ({ ...block.judge(client), limit: limited(arriveAt(block, places)) }),
      ended: (record) => {
        this.#tellEnd(service, record);
        this.#leave(visit);
      },
    });
    this.#enter(visit, driver);
    driver.start();
  }

  /** A connection ends that never came to have a session. */
  #turnAway({ service, facts }: Pick<Visit, "service" | "facts">, result: SessionRecord["result"]): void {
    facts.end(result);
    service.accessLog?.write(facts);
    this.#tellEnd(service, recordOf(facts, result));
  }

  #tellEnd({ log }: Service, record: SessionRecord): void {
    callOut(log, () => this.#options.sessionEnded?.(record));
  }

  /** What a connection goes on as may stay for as long as what it was before. */
  #enter(visit: Visit, guest: Guest): void {
    const { guest: before } = visit;
    visit.guest = guest;
    this.#guests.add(guest);
    if (before === undefined) visit.generation.enter();
    if (before === undefined || !this.#leaving.has(before)) return;
    const farewells = this.#leaving.get(before);
    this.#leaving.set(guest, farewells);
    farewells?.replace(before, guest);
  }

  #leave({ places, guest, generation }: Visit): void {
    places.release();
    if (guest !== undefined) {
      this.#guests.delete(guest);
      generation.leave();
    }
    if (this.#guests.size === 0) { for (const resolve of this.#whenIdle.splice(0)) resolve(); }
  }

  /** Ends those who are here until `worker_shutdown_timeout` is over, unless another timer of that kind runs for them. */
  #limitStay({ main: { workerShutdownTimeout } }: Config): void {
    const staying = this.#guests.all().filter((guest) => !this.#leaving.has(guest));
    const farewells = workerShutdownTimeout === undefined ? undefined : new Farewells(staying, {
      runtime: this.#runtime,
      duration: workerShutdownTimeout,
      isHere: (guest) => this.#guests.has(guest),
      tell: (guests) => this.#stopGuests(guests, "timeout"),
    });
    for (const guest of staying) this.#leaving.set(guest, farewells);
  }

  /** Whoever does not go when asked to, because it does not read, is put out: a stop must come to an end. */
  #stopGuests(guests: readonly Guest[], why: StopReason): void {
    const asked = guests.filter((guest) => this.#guests.has(guest));
    for (const guest of asked) guest.stop(why);
    this.#runtime.timer(FAREWELL, () => {
      for (const guest of asked) if (this.#guests.has(guest)) guest.abort();
    });
  }
}

/** How long a client may take to read its last line and end; beyond what a socket waits for a peer that reads. */
const FAREWELL = 3_000;

/** Only a sender that is trusted can say where the client really comes from; the auth server hears it in any case. */
function noteHeader({ service, socket, facts }: Visit, { source, destination }: ReceivedHeader): void {
  if (source === undefined || destination === undefined) return;
  facts.proxied = { source, destination };
  if (service.isTrusted(socket.remote)) facts.client = source;
}

/** Counts a connection by the limits of the server block that it is at; one that is denied there is not counted. */
function arriveAt(service: Service, places: Places): LimitRefusal | undefined {
  if (!service.judge(places.facts.client).isForbidden) return service.limits.arrive(places);
  places.takeBackArrival();
  return undefined;
}
