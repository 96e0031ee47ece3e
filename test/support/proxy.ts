/** The real proxy on real sockets, in this process, under the runtime that runs the test. */

import { loadRuntime } from "../../adapters/detect.ts";
import { loadConfig } from "../../src/config/mod.ts";
import { serve, type ServeOptions, type Server, type SessionRecord } from "../../src/proxy/mod.ts";
import type { Runtime, Socket } from "../../src/runtime.ts";

/** A proxy under test. */
export interface TestProxy {
  readonly server: Server;
  /** The port of each `listen`, in the order of the configuration: write `listen 127.0.0.1`. */
  readonly ports: readonly number[];
  /** The lines of the error log, level and text, without time, process and connection number. */
  readonly log: string[];
  /** The connections that are over. */
  readonly records: SessionRecord[];
  /** How many sockets the proxy has, to clients and to servers. */
  sockets(): number;
  /** How many octets it has read and could not pass on yet. */
  queued(): number;
  /** Goes on with another configuration, a whole file. */
  reload(text: string): Promise<void>;
  stop(): Promise<void>;
}

/** Serves the text of a `mail {}` block. */
export function startProxy(mail: string, workerConnections = 2048): Promise<TestProxy> {
  return startConfiguration(`events { worker_connections ${workerConnections}; } mail { ${mail} }`);
}

/**
 * Serves a whole configuration, which names no log of its own. The error log is kept at level info. `observe` hears of each
 * connection behind the records.
 */
export async function startConfiguration(text: string, observe?: ServeOptions["sessionEnded"]): Promise<TestProxy> {
  const runtime = await loadRuntime();
  const log: string[] = [];
  const records: SessionRecord[] = [];
  const sockets: WeakRef<Socket>[] = [];
  const load = (text: string) =>
    loadConfig({ path: "/test/nginx.conf", text, files: runtime.files, prefix: "/test/", hostname: "test" });
  const observed = withLog(withSockets(runtime, sockets), log);
  const server = await serve(load(text), observed, {
    errorLog: { target: { type: "stderr" }, level: "info" },
    sessionEnded: (record) => {
      records.push(record);
      return observe?.(record);
    },
  });
  return {
    server,
    ports: server.listeners.map(({ address }) => address.family === "unix" ? 0 : address.port),
    log,
    records,
    sockets: () => runtime.sockets(),
    queued: () => sockets.reduce((sum, socket) => sum + (socket.deref()?.queued ?? 0), 0),
    reload: (text) => server.reload(load(text)),
    stop: () => server.stop("fast"),
  };
}

/** The runtime, with all sockets that it makes known as long as they live. */
function withSockets(runtime: Runtime, sockets: WeakRef<Socket>[]): Runtime {
  const listen: Runtime["listen"] = (options, accept) => {
    return runtime.listen(options, (socket) => {
      sockets.push(new WeakRef(socket));
      accept(socket);
    });
  };
  const connect: Runtime["connect"] = (target, handler) => {
    const connected = (socket: Socket) => {
      sockets.push(new WeakRef(socket));
      handler.connected(socket);
    };
    return runtime.connect(target, { connected, failed: (failure) => handler.failed(failure) });
  };
  return Object.create(runtime, { listen: { value: listen }, connect: { value: connect } });
}

/** The runtime, with what it would print kept instead. */
function withLog(runtime: Runtime, log: string[]): Runtime {
  const stderr = (line: string) => {
    const [, level, text] = /^\S+ \S+ \[(\w+)\] \d+#0: (?:\*\d+ )?(.*)\n$/.exec(line) ?? [];
    log.push(`${level} ${text}`);
  };
  return Object.create(runtime, {
    process: { value: Object.create(runtime.process, { stderr: { value: stderr } }) },
  });
}
