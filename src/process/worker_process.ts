/**
 * The life of a worker process: it does what the main process orders, and serves.
 *
 * @module
 */

import type { Config, ErrorLogConfig } from "../config/types.ts";
import { serve, type Server, StartError } from "../proxy/mod.ts";
import type { Files, MainLink, Octets, Runtime, SignalName } from "../runtime.ts";
import { describeFailure } from "../runtime.ts";
import { encode } from "../session/bytes.ts";
import { type FromWorker, isMessage, TO_WORKER, type ToWorker, type WorkOrder } from "./messages.ts";
import { filesOf } from "./snapshot.ts";
import { GivenFiles } from "./tls_files.ts";
import { outliveErrors } from "./uncaught.ts";
import { WorkerBoard } from "./worker_board.ts";

/** What a worker serves. */
export interface WorkerConfig {
  readonly config: Config;
  /** The log for a configuration that names none. */
  readonly errorLog: ErrorLogConfig;
}

/** What {@linkcode runWorker} works with. */
export interface WorkerOptions {
  readonly runtime: Runtime;
  readonly link: MainLink;
  /** Reads the configuration that the arguments of the program ask for, from these files. */
  readonly readConfig: (args: readonly string[], files: Pick<Files, "read" | "list">) => WorkerConfig;
  /** The lines that tell an error which is the operator's, and a hint; throws one that is ours. */
  readonly explain: (error: unknown) => { readonly lines: readonly Octets[]; readonly hint: Octets | undefined };
}

/** What a worker begins with. */
interface Beginning extends WorkerOptions {
  /** Waits for the main process's consent to open sockets. */
  readonly mayOpen: () => Promise<void>;
}

/** Serves until the main process or a signal ends it. Returns the exit code. */
export async function runWorker(options: WorkerOptions): Promise<number> {
  const { runtime, link } = options;
  const tell = (message: FromWorker) => void link.send(message);
  const inbox = new Inbox(link);
  tell({ type: "ready" });
  const order = await inbox.order;
  const given = new GivenFiles(order.secretFiles);
  const board = new WorkerBoard({ number: order.number, link, runtime });
  inbox.board = board;
  let server: Server;
  try {
    const mayOpen = () => {
      tell({ type: "opening" });
      return inbox.opened;
    };
    server = await start(order, board, { ...options, runtime: given.over(runtime), mayOpen });
  } catch (error) {
    tell({ type: "failed", ...options.explain(error) });
    return FATAL;
  }
  outliveErrors(runtime, server);
  const life = new WorkerLife(server, tell, { board, given });
  inbox.deliver((message) => life.obey(message));
  const { log } = server;
  link.onGone(() => {
    log.write("alert", "the main process is gone, exiting");
    // What was gathered is in the files before it returns; the runtime waits for no more.
    void server.closeLogs();
    runtime.process.exit(1);
  });
  for (const { name, number, what } of SIGNALS) {
    if (name === "SIGWINCH" && !order.isDaemon) continue;
    runtime.process.onSignal(name, () => {
      log.write("notice", `signal ${number} (${name}) received, ${what.text}`);
      if (what.message !== undefined) life.obey(what.message);
    });
  }
  tell({ type: "listening", logs: server.logFiles });
  await life.ended;
  log.write("notice", "exiting");
  log.write("notice", "exit");
  await server.closeLogs();
  return 0;
}

async function start(order: WorkOrder, board: WorkerBoard, options: Beginning): Promise<Server> {
  const { runtime, readConfig } = options;
  const { account, descriptors, ticketKeys } = order;
  const oldest = ticketKeys.at(-1);
  const failure = descriptors === undefined ? undefined : runtime.workers.allowDescriptors(descriptors);
  const { config, errorLog } = readConfig(order.args, filesOf(order.files));
  const server = await serve(config, runtime, {
    errorLog,
    board,
    ...oldest === undefined ? {} : { ticketKey: encode(oldest) },
    isWorker: true,
    inherited: new Map(order.inherited),
    beforeListening: async () => {
      // Whose rights it takes on may be kept out of the folder that the program lies in.
      if (account !== undefined && hasUsersFile(config)) await runtime.hashing.prepare();
      await options.mayOpen();
      const refusal = account && runtime.workers.become(account);
      if (refusal !== undefined) {
        throw new StartError([`setuid("${account?.name}") failed ${describeFailure(refusal)}`]);
      }
    },
  });
  for (const key of ticketKeys.slice(0, -1).reverse()) server.rotateTicketKey(encode(key));
  if (failure !== undefined) {
    server.log.write("alert", `setrlimit(RLIMIT_NOFILE, ${descriptors}) failed ${describeFailure(failure)}`);
  }
  return server;
}

function hasUsersFile({ servers }: Config): boolean {
  return servers.some(({ authUsersFile }) => authUsersFile !== undefined);
}

/** The messages of the main process. But for news they wait while the worker begins. */
class Inbox {
  readonly order: Promise<WorkOrder>;
  /** Resolves when sockets may be opened. */
  readonly opened: Promise<void>;
  readonly #early: ToWorker[] = [];
  /** Hears news while the worker begins, which has questions then. What was said before that is asked for. */
  board: WorkerBoard | undefined;
  #deliver: (message: ToWorker) => void = (message) => this.#early.push(message);

  constructor(link: MainLink) {
    let open: () => void = () => {};
    this.opened = new Promise((resolve) => open = resolve);
    this.order = new Promise((resolve) => {
      link.onMessage((message) => {
        if (!isMessage<ToWorker>(message, ...TO_WORKER)) return;
        if (message.type === "work") resolve(message);
        else if (message.type === "open") open();
        else if (message.type === "news") this.board?.heard(message.topic, message.value, message);
        else this.#deliver(message);
      });
    });
  }

  deliver(to: (message: ToWorker) => void): void {
    this.#deliver = to;
    for (const message of this.#early.splice(0)) to(message);
  }
}

/** A server that does what it is told until nothing is left to do. */
class WorkerLife {
  readonly ended: Promise<void>;
  readonly #server: Server;
  readonly #tell: (message: FromWorker) => void;
  readonly #board: WorkerBoard;
  readonly #given: GivenFiles;
  #end: () => void = () => {};
  #stops: ("fast" | "graceful")[] = [];

  constructor(
    server: Server,
    tell: (message: FromWorker) => void,
    { board, given }: { readonly board: WorkerBoard; readonly given: GivenFiles },
  ) {
    this.#server = server;
    this.#tell = tell;
    this.#board = board;
    this.#given = given;
    this.ended = new Promise((resolve) => this.#end = resolve);
  }

  obey(message: ToWorker): void {
    switch (message.type) {
      case "work":
      case "open":
      case "news":
        return;
      case "first":
        this.#board.isFirst = message.isFirst;
        return;
      case "gone":
        return this.#board.gone(message.number);
      case "reopen":
        this.#server.log.write("notice", "reopening logs");
        return this.#server.reopenLogs();
      case "ticketKey":
        return this.#server.rotateTicketKey(encode(message.key));
      case "secretFiles":
        this.#given.take(message.texts);
        return this.#server.renew();
      case "stop":
        return this.#stop(message.how);
    }
  }

  /** A fast stop may follow a graceful one, but not the other way round. */
  #stop(how: "fast" | "graceful"): void {
    if (this.#stops.includes("fast") || this.#stops.includes(how)) return;
    this.#stops.push(how);
    if (how === "graceful") this.#server.log.write("notice", "gracefully shutting down");
    const isClosed = this.#server.stop(how, () => this.#tell({ type: "closed" }));
    void isClosed.then(this.#end);
  }
}

/** What nginx's workers make of signals that are sent to one of them alone, or to a terminal's whole group. */
const SIGNALS: readonly {
  readonly name: SignalName;
  readonly number: number;
  readonly what: { readonly text: string; readonly message?: ToWorker };
}[] = [
  { name: "SIGTERM", number: 15, what: { text: "exiting", message: { type: "stop", how: "fast" } } },
  { name: "SIGINT", number: 2, what: { text: "exiting", message: { type: "stop", how: "fast" } } },
  { name: "SIGQUIT", number: 3, what: { text: "shutting down", message: { type: "stop", how: "graceful" } } },
  { name: "SIGWINCH", number: 28, what: { text: "shutting down", message: { type: "stop", how: "graceful" } } },
  { name: "SIGUSR1", number: 10, what: { text: "reopening logs", message: { type: "reopen" } } },
  { name: "SIGHUP", number: 1, what: { text: "ignoring" } },
  { name: "SIGUSR2", number: 12, what: { text: "ignoring" } },
];

/** nginx's exit code of a worker that is not worth another try. */
export const FATAL = 2;
