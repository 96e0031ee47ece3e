/** A proxy between an auth server and an upstream that say what a test tells them to, and clients that log in. */

import { join } from "node:path";
import { afterEach } from "node:test";
import { accept, FakeAuth } from "./fake_auth.ts";
import { FakeUpstream, type Script } from "./fake_upstream.ts";
import { TestFolder } from "./program.ts";
import { startProxy, type TestProxy } from "./proxy.ts";
import { connectTo, type Destination } from "./raw_client.ts";
import { type Protocol, WORDS } from "./scene.ts";
import type { Wire } from "./wire.ts";

export interface EnsembleOptions {
  readonly protocol: Protocol;
  /** Where clients come from: a loopback address, `unix:`, or 127.0.0.1 when left out. */
  readonly sender?: string;
  /** What stands in `listen` behind the address, which is one that the sender reaches. */
  readonly listen?: string;
  /** What stands in `mail {}`, and in its one `server {}`. */
  readonly mail?: string;
  readonly server?: string;
  /** The value of `auth_http`; the auth server's address when left out. */
  readonly authHttp?: (port: number) => string;
  /** What the upstream plays; the login of the protocol when left out. */
  readonly script?: Script;
}

/** Starts ensembles for the tests of one file. Each is stopped behind its test. */
export function ensembles(): (options: EnsembleOptions) => Promise<Ensemble> {
  const running: Ensemble[] = [];
  afterEach(async () => {
    for (const ensemble of running.splice(0)) await ensemble.stop();
  });
  return async (options) => {
    const ensemble = await Ensemble.start(options);
    running.push(ensemble);
    return ensemble;
  };
}

/** All of them at work. Its functions may be taken out of it. */
export class Ensemble {
  readonly #options: EnsembleOptions;
  readonly #folder: TestFolder;
  readonly auth: FakeAuth;
  readonly upstream: FakeUpstream;
  readonly proxy: TestProxy;
  readonly #clients: Wire[] = [];

  private constructor(
    options: EnsembleOptions,
    folder: TestFolder,
    parts: Pick<Ensemble, "auth" | "upstream" | "proxy">,
  ) {
    this.#options = options;
    this.#folder = folder;
    this.auth = parts.auth;
    this.upstream = parts.upstream;
    this.proxy = parts.proxy;
  }

  /** Starts them; the auth server lets everybody in to the upstream. */
  static async start(options: EnsembleOptions): Promise<Ensemble> {
    const { protocol, listen = "", mail = "", server = "", script, sender } = options;
    const folder = new TestFolder();
    const upstream = await FakeUpstream.start(script ?? WORDS[protocol].upstream);
    const auth = await FakeAuth.start(accept(upstream.port));
    const authHttp = options.authHttp?.(auth.port) ?? `127.0.0.1:${auth.port}/`;
    const servers = `server { listen ${listenAddress(sender, folder)} ${listen}; protocol ${protocol}; ${server} }`;
    const proxy = await startProxy(`auth_http ${authHttp}; ${mail} ${servers}`);
    return new Ensemble(options, folder, { auth, upstream, proxy });
  }

  /** The port of the proxy. */
  get port(): number {
    return this.proxy.ports[0] ?? 0;
  }

  /** A client of the proxy, which `stop` lets go of. */
  readonly connect = async (sender = this.#options.sender ?? "127.0.0.1"): Promise<Wire> => {
    const client = await connectTo(this.#destination(sender));
    this.#clients.push(client);
    return client;
  };

  /** Hears the greeting and logs in. */
  readonly logIn = async (client: Wire): Promise<void> => {
    const { greeting, login, heard, welcome } = WORDS[this.#options.protocol];
    await client.expect(greeting);
    await client.ask(login, heard + welcome);
  };

  /** Connects, says something first, and logs in. */
  readonly enter = async (first = "", sender?: string): Promise<Wire> => {
    const client = await this.connect(sender);
    client.send(first);
    await this.logIn(client);
    return client;
  };

  /** What the upstream was told, from the first octet of its first connection on. */
  readonly told = (): string => this.upstream.wires[0]?.received ?? "";

  async stop(): Promise<void> {
    for (const client of this.#clients) client.destroy();
    await this.proxy.stop();
    await Promise.all([this.auth.stop(), this.upstream.stop()]);
    this.#folder.remove();
  }

  #destination(sender: string): Destination {
    if (sender === "unix:") return { path: socketPath(this.#folder) };
    return sender.includes(":") ? { host: sender, port: this.port } : { port: this.port, from: sender };
  }
}

function listenAddress(sender: string | undefined, folder: TestFolder): string {
  if (sender === "unix:") return `unix:${socketPath(folder)}`;
  return sender?.includes(":") ? `[${sender}]` : "127.0.0.1";
}

function socketPath(folder: TestFolder): string {
  return join(folder.path, "proxy.sock");
}
