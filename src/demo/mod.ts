/**
 * The demo: the real proxy on real loopback sockets, in front of a small IMAP, POP3, SMTP and auth server in the same
 * process. It is what the program runs when it has no configuration at all.
 *
 * @module
 */

import { loadConfig } from "../config/mod.ts";
import type { Config, Protocol } from "../config/types.ts";
import { TimeStamp } from "../log/line.ts";
import type { SessionRecord } from "../proxy/record.ts";
import type { Octets, Runtime } from "../runtime.ts";
import { AuthServer } from "./auth_server.ts";
import { demoConfiguration, SERVER_NAME } from "./config.ts";
import type { Conversation } from "./conversation.ts";
import { type Host, host } from "./host.ts";
import { ImapServer } from "./imap_server.ts";
import type { MailStore } from "./mailbox.ts";
import { demoStore } from "./messages.ts";
import { Pop3Server } from "./pop3_server.ts";
import { choosePorts, FIRST_PORTS } from "./ports.ts";
import { introduction, sessionLine } from "./report.ts";
import { SmtpServer } from "./smtp_server.ts";

/** What starts the proxy: `serve` of `src/proxy/mod.ts`. */
export type Serve = (
  config: Config,
  runtime: Runtime,
  options: { readonly sessionEnded: (record: SessionRecord) => void },
) => Promise<{ stop(how: "fast"): Promise<void>; closeLogs(): void }>;

/** How the demo may be started otherwise. */
export interface DemoOptions {
  /** Where to look for free ports first; 0 leaves the choice to the system. */
  readonly firstPorts: Readonly<Record<Protocol, number>>;
}

/** A demo at work. */
export interface Demo {
  /** Where the proxy listens on 127.0.0.1. */
  readonly ports: Readonly<Record<Protocol, number>>;
  /** Ends all sessions and frees all ports. */
  stop(): Promise<void>;
}

/** Starts the demo and prints how to use it. Throws with nothing left open. */
export async function startDemo(
  runtime: Runtime,
  serve: Serve,
  { firstPorts }: DemoOptions = { firstPorts: FIRST_PORTS },
): Promise<Demo> {
  const print = (text: Octets) => runtime.process.stdout(text);
  const time = new TimeStamp(runtime);
  const store = demoStore(runtime.date());
  const servers = await startServers(runtime, store);
  try {
    const ports = await choosePorts(runtime, firstPorts);
    const config = parse(demoConfiguration(ports, { authPort: servers.authPort }), runtime);
    const proxy = await serve(config, runtime, {
      // The day is known to whoever reads along.
      sessionEnded: (record) => print(sessionLine(record, time.now().slice("2026/03/01 ".length))),
    });
    print(introduction(ports, store));
    return {
      ports,
      async stop() {
        await proxy.stop("fast");
        proxy.closeLogs();
        await servers.stop();
      },
    };
  } catch (error) {
    await servers.stop();
    throw error;
  }
}

interface Servers {
  readonly authPort: number;
  stop(): Promise<void>;
}

async function startServers(runtime: Runtime, store: MailStore): Promise<Servers> {
  const hosts: Host[] = [];
  const start = async (begin: () => Conversation) => {
    const started = await host(runtime, begin);
    hosts.push(started);
    return started.port;
  };
  const stop = async () => void await Promise.all(hosts.map((host) => host.stop()));
  const date = () => runtime.date();
  try {
    const ports = {
      imap: await start(() => new ImapServer({ store, date })),
      pop3: await start(() => new Pop3Server(store)),
      smtp: await start(() => new SmtpServer({ store, date, name: SERVER_NAME })),
    };
    const authPort = await start(() => new AuthServer({ store, ports }));
    store.watch(() => hosts.forEach((host) => host.wake()));
    return { authPort, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function parse(text: Octets, runtime: Runtime): Config {
  const { hostname } = runtime.process;
  return loadConfig({ text, path: "demo.conf", files: runtime.files, prefix: "/", hostname });
}
