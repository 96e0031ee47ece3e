import { serve, type Server } from "../../../src/proxy/mod.ts";
import type { Octets } from "../../../src/runtime.ts";
import { load } from "../../support/config.ts";
import { type FakeConnect, type FakeListener, FakeRuntime, type FakeSocket } from "../../support/fake_runtime.ts";

/** A whole proxy on a runtime in memory. The test plays clients, auth server and upstreams. */
export class Proxy {
  readonly runtime: FakeRuntime;
  readonly server: Server;
  #readLog = 0;

  private constructor(runtime: FakeRuntime, server: Server) {
    this.runtime = runtime;
    this.server = server;
  }

  /**
   * Serves IMAP with these lines in `mail {}`, these outside of all blocks and these in `events {}`, where these names
   * mean something.
   */
  static async start(
    mail = "",
    main = "",
    events = "",
    names?: ReadonlyMap<string, readonly string[]>,
  ): Promise<Proxy> {
    const runtime = new FakeRuntime();
    for (const [name, addresses] of names ?? []) runtime.names.set(name, addresses);
    return new Proxy(runtime, await serve(configuration(mail, main, events), runtime));
  }

  /** Goes on with other lines. */
  reload(mail = "", main = ""): Promise<void> {
    return this.server.reload(configuration(mail, main));
  }

  get listeners(): readonly FakeListener[] {
    return this.runtime.listeners;
  }

  /** A client that has just been greeted. */
  client(): FakeSocket {
    const [listener] = this.listeners;
    if (listener === undefined) throw new Error("nobody listens");
    const client = listener.client();
    client.heard();
    return client;
  }

  /** The client's first upstream, at its greeting: the auth server has let the client in. */
  admit(client: FakeSocket): FakeSocket {
    this.ask(client);
    this.answer();
    return this.nextConnect().accept();
  }

  /** The client asks to be let in. */
  ask(client: FakeSocket): void {
    client.says("a LOGIN anna sesame\r\n");
  }

  /** The auth server lets in who asked first, to this server or group. */
  answer(server = "192.0.2.3\r\nAuth-Port: 143"): void {
    const auth = this.nextConnect().accept();
    auth.says(`HTTP/1.0 200 OK\r\nAuth-Status: OK\r\nAuth-Server: ${server}\r\n\r\n`);
  }

  /** Logs the client in to an upstream, up to the relay. */
  logIn(client: FakeSocket): FakeSocket {
    const upstream = this.admit(client);
    for (const line of ["* OK ready", "+ go on", "+ go on", "a OK done"]) upstream.says(`${line}\r\n`);
    return upstream;
  }

  /** The log since this was last asked, without times and process. */
  log(): Octets[] {
    const all = (this.runtime.files.contents.get(LOG) ?? "").split("\n").slice(0, -1);
    const fresh = all.slice(this.#readLog).map((line) => line.replace(/^\S+ \S+ (\[\w+\]) \S+ /, "$1 "));
    this.#readLog = all.length;
    return fresh;
  }

  /** The first connect that waits. */
  nextConnect(): FakeConnect {
    const connect = this.runtime.connects.find(({ socket, isCancelled, isRefused }) =>
      socket === undefined && !isCancelled && !isRefused
    );
    if (connect === undefined) throw new Error("nobody connects");
    return connect;
  }
}

/** Lets everything run on that waits for nothing but promises. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

/** What stands behind each line of a client that is logged in or just about to. */
export const TAIL = ', client: 192.0.2.1, server: 127.0.0.1:143, login: "anna", upstream: 192.0.2.3:143';

const LOG = "/error.log";

function configuration(mail: string, main: string, events = ""): ReturnType<typeof load> {
  return load(
    `error_log ${LOG} info; ${main} events { ${events} }
     mail { auth_http 192.0.2.9; ${mail} server { listen 127.0.0.1:143; } }`,
  );
}
