/** `events {}`: connections and how they are waited for. */

import { accepted, block, directive, EVENTS, MAIN } from "../directive.ts";
import type { Module } from "../directive.ts";
import { anything, flag, millis, number, once } from "../kinds.ts";
import { parseNumber } from "../values.ts";

export const events = block({
  name: "events",
  contexts: MAIN,
  opens: "events",
  meaning: "Settings of connections; nginx insists on having it, Postern only warns when it is missing",
});

export const workerConnections = directive({
  name: "worker_connections",
  contexts: EVENTS,
  kind: once("number", (call) => {
    const count = parseNumber(call.arg(0));
    if (count === undefined) throw call.error(`invalid number "${call.arg(0)}"`);
    return count;
  }),
  default: 512,
  written: "512",
  meaning:
    "How many connections a worker process may have, those to auth servers and back ends and the listening sockets included",
});

const use = directive({
  name: "use",
  contexts: EVENTS,
  kind: once("method", (call) => {
    if (!EVENT_METHODS.includes(call.arg(0))) throw call.error(`invalid event type "${call.arg(0)}"`);
    return call.arg(0);
  }),
  default: undefined,
  meaning: "How to wait for sockets",
  state: accepted("the runtime chooses"),
});

/** What nginx has on any system: a configuration may have moved here from another. */
const EVENT_METHODS: readonly string[] = ["epoll", "kqueue", "eventport", "/dev/poll", "poll", "select"];

const multiAccept = directive({
  name: "multi_accept",
  contexts: EVENTS,
  kind: flag,
  default: undefined,
  written: "off",
  meaning: "Whether to accept all new connections at once",
  state: accepted("the runtime decides on it"),
});

const acceptMutex = directive({
  name: "accept_mutex",
  contexts: EVENTS,
  kind: flag,
  default: undefined,
  written: "off",
  meaning: "Whether worker processes accept in turn",
  state: accepted("the system shares connections out"),
});

const acceptMutexDelay = directive({
  name: "accept_mutex_delay",
  contexts: EVENTS,
  kind: millis,
  default: undefined,
  written: "500ms",
  meaning: "How soon a worker process tries to accept again",
  state: accepted("the system shares connections out"),
});

const debugConnection = directive({
  name: "debug_connection",
  contexts: EVENTS,
  kind: anything("address | CIDR | unix:"),
  default: undefined,
  meaning: "Logs the connections from there at the level debug",
  state: accepted("nothing is logged at that level"),
});

const epollEvents = directive({
  name: "epoll_events",
  contexts: EVENTS,
  kind: number,
  default: undefined,
  written: "512",
  meaning: "How many events to fetch at once",
  state: accepted("the runtime decides on it"),
});

const workerAioRequests = directive({
  name: "worker_aio_requests",
  contexts: EVENTS,
  since: "1.1.4",
  kind: number,
  default: undefined,
  written: "32",
  meaning: "How many files may be read at once",
  state: accepted("no files are read while sessions run"),
});

export const eventsModule: Module = {
  title: "Events",
  about: "How a worker process waits for its sockets: most of it is the runtime's business.",
  directives: [
    events,
    workerConnections,
    use,
    multiAccept,
    acceptMutex,
    acceptMutexDelay,
    debugConnection,
    epollEvents,
    workerAioRequests,
  ],
};
