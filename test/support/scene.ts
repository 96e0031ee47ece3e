/**
 * A proxy between clients, an auth server and an upstream that misbehave, and beside them two sessions that must not
 * notice anything of it.
 */

import { assert, assertEquals } from "@std/assert";
import { toBase64 } from "../../src/session/base64.ts";
import { accept, FakeAuth } from "./fake_auth.ts";
import { FakeUpstream, IMAP_LOGIN, POP3_LOGIN, type Script, SMTP_LOGIN } from "./fake_upstream.ts";
import { freePorts } from "./free_ports.ts";
import { startProxy, type TestProxy } from "./proxy.ts";
import { connectTo } from "./raw_client.ts";
import { eventually } from "./watch.ts";
import type { Wire } from "./wire.ts";

export const PROTOCOLS = ["imap", "pop3", "smtp"] as const;
export type Protocol = typeof PROTOCOLS[number];

/** The password of every login. It must not be in any log. */
export const SECRET = "s3same-0pen";

/** What a client of each protocol says and hears up to the verdict, and when it is none of its faults. */
export const WORDS: Readonly<
  Record<Protocol, {
    readonly greeting: string;
    /** All it says to log in, and what it hears before the verdict. */
    readonly login: string;
    readonly heard: string;
    readonly welcome: string;
    readonly internalError: string;
    readonly invalidCommand: string;
    readonly upstream: Script;
  }>
> = {
  imap: {
    greeting: "* OK IMAP4 ready\r\n",
    login: `a LOGIN joe ${SECRET}\r\n`,
    heard: "",
    welcome: "a OK logged in\r\n",
    internalError: "* BAD [UNAVAILABLE] internal server error\r\n",
    invalidCommand: "* BAD invalid command\r\n",
    upstream: IMAP_LOGIN,
  },
  pop3: {
    greeting: "+OK POP3 ready\r\n",
    login: `USER joe\r\nPASS ${SECRET}\r\n`,
    heard: "+OK\r\n",
    welcome: "+OK mailbox open\r\n",
    internalError: "-ERR [SYS/TEMP] internal server error\r\n",
    invalidCommand: "-ERR invalid command\r\n",
    upstream: POP3_LOGIN,
  },
  smtp: {
    greeting: "220 test ESMTP ready\r\n",
    login: `EHLO client.example\r\nAUTH PLAIN ${toBase64(`\0joe\0${SECRET}`)}\r\n`,
    heard: "250-test\r\n250 AUTH PLAIN LOGIN\r\n",
    welcome: "235 2.0.0 OK\r\n",
    internalError: "451 4.3.2 Internal server error\r\n",
    invalidCommand: "500 5.5.1 Invalid command\r\n",
    upstream: SMTP_LOGIN,
  },
};

/** Opens a scene with these directives, plays in it, and checks what is left when the play is over. */
export async function inScene(directives: string, play: (scene: Scene) => Promise<void>): Promise<void> {
  const scene = await Scene.open(directives);
  try {
    await play(scene);
    await scene.finish();
  } finally {
    await scene.close();
  }
}

export class Scene {
  readonly proxy: TestProxy;
  readonly auth: FakeAuth;
  readonly upstream: FakeUpstream;
  readonly #beside: Beside;
  readonly #clients: Wire[] = [];

  private constructor(proxy: TestProxy, auth: FakeAuth, upstream: FakeUpstream, beside: Beside) {
    this.proxy = proxy;
    this.auth = auth;
    this.upstream = upstream;
    this.#beside = beside;
  }

  static async open(directives: string): Promise<Scene> {
    const upstream = await FakeUpstream.start([]);
    const auth = await FakeAuth.start(accept(upstream.port));
    const otherUpstream = await FakeUpstream.start(POP3_LOGIN);
    const otherAuth = await FakeAuth.start(accept(otherUpstream.port));
    const ports = await freePorts(PROTOCOLS.length + 1);
    const servers = PROTOCOLS.map((protocol, i) => `server { listen 127.0.0.1:${ports[i]}; protocol ${protocol}; }`);
    const proxy = await startProxy(`
      auth_http 127.0.0.1:${auth.port};
      ${directives}
      ${servers.join("\n")}
      server {
        listen 127.0.0.1:${ports[PROTOCOLS.length]};
        protocol pop3;
        auth_http 127.0.0.1:${otherAuth.port};
        auth_http_timeout 60s;
        timeout 60s;
        proxy_timeout 60s;
      }
    `);
    const beside = await Beside.start(proxy, [otherUpstream, otherAuth]);
    return new Scene(proxy, auth, upstream, beside);
  }

  /** A client that has heard the greeting. */
  async client(protocol: Protocol): Promise<Wire> {
    const client = await connectTo(this.proxy.ports[PROTOCOLS.indexOf(protocol)] ?? 0);
    this.#clients.push(client);
    await client.expect(WORDS[protocol].greeting);
    return client;
  }

  /** A client that has said all of its login and waits for the verdict. */
  async claimant(protocol: Protocol): Promise<Wire> {
    const { login, heard } = WORDS[protocol];
    const client = await this.client(protocol);
    await client.ask(login, heard);
    return client;
  }

  /** A client that is logged in. The upstream plays its part and says everything back from then on. */
  async session(protocol: Protocol): Promise<Wire> {
    this.upstream.script = WORDS[protocol].upstream;
    const client = await this.claimant(protocol);
    await client.expect(WORDS[protocol].welcome);
    return client;
  }

  /** What the log says of the sessions under test, `connected` lines apart, with names in place of ports. */
  get log(): string[] {
    const lines = this.proxy.log.filter((line) => !line.includes(` connected to `) && !this.#beside.isMeant(line));
    return lines.map((line) => this.#withNames(line));
  }

  /** How the sessions under test have ended. */
  get results(): string[] {
    const records = this.proxy.records.filter(({ server }) => !this.#beside.isMeant(server));
    return records.map(({ protocol, result }) => `${protocol} ${result}`);
  }

  /** Nothing is left of the sessions under test, and that at once: before the time of any lingering close. */
  async untilFree(): Promise<void> {
    const { server, sockets } = this.proxy;
    const isFree = () => server.connections === this.#beside.connections && sockets() === this.#beside.sockets;
    await eventually(isFree, () => `${server.connections} connections, ${sockets()} sockets`, SHORT);
  }

  /** The tail of a log line. */
  tail(protocol: Protocol, login?: "login" | "upstream"): string {
    const name = login === undefined ? "" : ', login: "joe"';
    return `, client: 127.0.0.1, server: ${protocol}${name}${login === "upstream" ? ", upstream: upstream" : ""}`;
  }

  /** What holds behind every failure: all is free, the sessions beside are well, and no password was told. */
  async finish(): Promise<void> {
    await this.untilFree();
    await this.#beside.checkAndLeave();
    await eventually(() => this.proxy.server.connections === 0, () => "the sessions beside do not end");
    await eventually(() => this.proxy.sockets() === 0, () => `${this.proxy.sockets()} sockets`, SHORT);
    assertTellsNoSecret([...this.proxy.log, JSON.stringify(this.proxy.records)]);
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.destroy();
    await this.proxy.stop();
    for (const server of [this.auth, this.upstream, this.#beside]) await server.stop();
  }

  #withNames(line: string): string {
    const names = new Map<number, string>([[this.auth.port, "auth"], [this.upstream.port, "upstream"]]);
    for (const [i, protocol] of PROTOCOLS.entries()) names.set(this.proxy.ports[i] ?? 0, protocol);
    return line.replace(/127\.0\.0\.1:(\d+)/g, (address, port: string) => names.get(Number(port)) ?? address);
  }
}

/** One session that is logged in and one that is not yet. */
class Beside {
  readonly connections: number;
  readonly sockets: number;
  readonly #session: Wire;
  readonly #newcomer: Wire;
  readonly #address: string;
  readonly #servers: readonly (FakeUpstream | FakeAuth)[];

  private constructor(proxy: TestProxy, clients: readonly [Wire, Wire], servers: readonly (FakeUpstream | FakeAuth)[]) {
    this.connections = proxy.server.connections;
    this.sockets = proxy.sockets();
    [this.#session, this.#newcomer] = clients;
    this.#address = `127.0.0.1:${proxy.ports.at(-1)}`;
    this.#servers = servers;
  }

  static async start(proxy: TestProxy, servers: readonly (FakeUpstream | FakeAuth)[]): Promise<Beside> {
    const { greeting, login, heard, welcome } = WORDS.pop3;
    const session = await connectTo(proxy.ports.at(-1) ?? 0);
    await session.expect(greeting);
    await session.ask(login, heard + welcome);
    const newcomer = await connectTo(proxy.ports.at(-1) ?? 0);
    await newcomer.expect(greeting);
    await eventually(() => proxy.sockets() === 3, () => `${proxy.sockets()} sockets`);
    return new Beside(proxy, [session, newcomer], servers);
  }

  /** Whether a log line, or a listen address, is of this server. */
  isMeant(text: string): boolean {
    return text.includes(this.#address);
  }

  async checkAndLeave(): Promise<void> {
    await this.#session.ask("still there?\r\n", "still there?\r\n");
    await this.#newcomer.ask("NOOP\r\n", "+OK\r\n");
    await this.#newcomer.ask(WORDS.pop3.login, WORDS.pop3.heard + WORDS.pop3.welcome);
    for (const client of [this.#session, this.#newcomer]) {
      client.end();
      await client.expectEnd();
    }
  }

  async stop(): Promise<void> {
    for (const client of [this.#session, this.#newcomer]) client.destroy();
    for (const server of this.#servers) await server.stop();
  }
}

/** No text has the password, as it is or in base64. */
export function assertTellsNoSecret(texts: readonly string[]): void {
  const disguises = [SECRET, toBase64(SECRET), toBase64(`\0joe\0${SECRET}`)];
  for (const text of texts) {
    for (const disguise of disguises) assert(!text.includes(disguise), `the password is told: ${text}`);
  }
}

/** Expects these lines in the log of a scene, and nothing else. */
export function assertLog(scene: Scene, lines: readonly string[]): void {
  assertEquals(scene.log, lines);
}

/** Milliseconds: less than any time that a socket lingers, where the process does not stand still. */
const SHORT = 1_500;
