/**
 * A health check on the wire: carries out what a {@linkcode Probe} wants, with a connection as sessions have it.
 *
 * @module
 */

import type { Cancel, Octets, Runtime, Socket, SocketHandler, SystemFailure } from "../runtime.ts";
import { describeBrokenSocket, describeFailure, isOurs } from "../runtime.ts";
import {
  Probe,
  type ProbeEffect,
  type ProbeInput,
  type ProbeOptions,
  type ProbeVerdict,
} from "../upstream/health/mod.ts";
import type { Peer } from "../upstream/mod.ts";
import type { UpstreamTls } from "./service.ts";
import { NOBODY } from "./side.ts";
import { named } from "./upstream_link.ts";

/** How servers are connected to for their checks. */
export interface ProbeSetting {
  readonly runtime: Pick<Runtime, "now" | "timer" | "secureClient">;
  readonly connect: Runtime["connect"];
  readonly upstreamTls: UpstreamTls | undefined;
  /** The PROXY header that comes first, if there is to be one. */
  proxyHeader(socket: Pick<Socket, "local" | "remote">): Uint8Array | undefined;
  /** Begins a check. */
  createProbe(options: Pick<ProbeOptions, "isImplicitTls">): Probe;
}

/** A server as a check needs it. */
export type ProbedServer = Pick<Peer, "target" | "lookedUp">;

/** Takes the verdict; `undefined` where we are short of sockets and could not even try. */
export type ProbeDone = (verdict: ProbeVerdict | undefined) => void;

/** Checks a server once. A verdict is told once, unless it is cancelled before. */
export function probeServer(server: ProbedServer, setting: ProbeSetting, done: ProbeDone): Cancel {
  return new SocketProbe(server, setting, done).start();
}

class SocketProbe implements SocketHandler {
  readonly #server: ProbedServer;
  readonly #setting: ProbeSetting;
  readonly #done: ProbeDone;
  readonly #probe: Probe;
  #socket: Socket | undefined;
  /** Takes back a connect or a handshake that is under way. */
  #cancel: Cancel = () => {};
  #timer: Cancel = () => {};
  #isOver = false;

  constructor(server: ProbedServer, setting: ProbeSetting, done: ProbeDone) {
    this.#server = server;
    this.#setting = setting;
    this.#done = done;
    this.#probe = setting.createProbe({ isImplicitTls: setting.upstreamTls?.isImplicit ?? false });
  }

  start(): Cancel {
    const { runtime, connect } = this.#setting;
    const time = (this.#probe.deadline ?? 0) - runtime.now();
    this.#timer = runtime.timer(time, () => this.#feed({ type: "timedOut" }));
    this.#cancel = connect(this.#server.target, {
      connected: (socket) => this.#connected(socket),
      failed: (failure) => this.#failed(failure),
    });
    return () => this.#abandon();
  }

  bytes(bytes: Uint8Array): void {
    this.#feed({ type: "bytes", bytes });
  }

  drained(): void {}

  ended(): void {
    this.#feed({ type: "ended" });
  }

  closed(failure: SystemFailure | undefined): void {
    this.#socket = undefined;
    this.#feed(failure === undefined ? { type: "ended" } : { type: "failed", text: describeBrokenSocket(failure) });
  }

  #connected(socket: Socket): void {
    if (this.#isOver) return socket.abort();
    this.#cancel = () => {};
    const header = this.#setting.proxyHeader(socket);
    if (header !== undefined) socket.write(header);
    this.#socket = socket;
    if (this.#setting.upstreamTls?.isImplicit) this.#secure({ type: "connected" });
    else this.#talk(socket, { type: "connected" });
  }

  #failed(failure: SystemFailure): void {
    this.#cancel = () => {};
    if (!isOurs(failure)) {
      return this.#feed({ type: "failed", text: `connect() failed ${describeFailure(failure)}` });
    }
    this.#abandon();
    this.#done(undefined);
  }

  #talk(socket: Socket, input: ProbeInput): void {
    this.#socket = socket;
    socket.handler = this;
    this.#feed(input);
    socket.resume();
  }

  #secure(then: ProbeInput): void {
    const { runtime, upstreamTls } = this.#setting;
    const socket = this.#socket;
    if (upstreamTls === undefined || socket === undefined) return this.#noTls("TLS with upstreams is not configured");
    this.#socket = undefined;
    this.#cancel = runtime.secureClient(socket, upstreamTls.contextFor(named(this.#server)), {
      secured: (secure) => {
        this.#cancel = () => {};
        if (this.#isOver) secure.abort();
        else this.#talk(secure, then);
      },
      failed: (text) => this.#noTls(text),
    });
  }

  #noTls(text: Octets): void {
    this.#cancel = () => {};
    this.#feed({ type: "notSecured", text });
  }

  #feed(input: ProbeInput): void {
    if (this.#isOver) return;
    for (const effect of this.#probe.receive(input)) this.#carryOut(effect);
  }

  #carryOut(effect: ProbeEffect): void {
    switch (effect.type) {
      case "write":
        return void this.#socket?.write(effect.bytes);
      case "secure":
        return this.#secure({ type: "secured" });
      case "verdict":
        return this.#done(effect.verdict);
      case "close":
        return this.#close();
    }
  }

  #close(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    this.#abandon();
    if (socket === undefined) return;
    socket.handler = NOBODY;
    socket.close();
  }

  /** Drops everything. */
  #abandon(): void {
    this.#isOver = true;
    this.#timer();
    this.#cancel();
    this.#socket?.abort();
  }
}
