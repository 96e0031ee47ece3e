/** Real mail servers, an auth server that knows them, and proxies in front: what the suites with real clients share. */

import type { AuthPlan, AuthServer } from "./auth_servers.ts";
import { Dovecot } from "./dovecot.ts";
import { Postfix } from "./postfix.ts";
import { startProxy, type TestProxy } from "./proxy.ts";
import { SmtpSink } from "./smtp_sink.ts";

/** Dovecot knows her by another name and another password, which the auth server puts in place of hers. */
export const ANNA = { login: "anna@example.test", password: "sesame" } as const;

/** Dovecot knows her as she calls herself; her password has all that needs quotes, escapes or eight bits. */
export const BERTA = { login: "berta", password: 'p"a\\s %41{3}  é' } as const;

/** The auth server lets him in; Dovecot has another password for him. */
export const CARL = { login: "carl", password: "changed" } as const;

/** Whose mail Postfix takes from everybody. */
const DOMAIN = "example.test";

/** What Dovecot knows ANNA by. */
export const INNER_ANNA = { login: "anna", password: "backstage" } as const;

export interface SceneOptions {
  readonly auth: (plan: AuthPlan) => Promise<AuthServer>;
  /** Who takes mail: Postfix where it is named, else Dovecot's submission server. */
  readonly smtp?: "postfix";
  /** Seconds that a wrong password costs; the connection, when left out. */
  readonly wait?: number;
}

/** Everything that a suite started. */
export class Scene {
  readonly sink: SmtpSink;
  readonly dovecot: Dovecot;
  readonly auth: AuthServer;
  readonly #started: Started[];

  private constructor(sink: SmtpSink, dovecot: Dovecot, auth: AuthServer, started: Started[]) {
    this.sink = sink;
    this.dovecot = dovecot;
    this.auth = auth;
    this.#started = started;
  }

  static async open({ auth, smtp, wait = 0 }: SceneOptions): Promise<Scene> {
    const started: Started[] = [];
    const keep = <T extends Started>(thing: T): T => {
      started.push(thing);
      return thing;
    };
    try {
      const sink = keep(await SmtpSink.start());
      const dovecot = keep(await Dovecot.start({ users: USERS, relayPort: sink.port }));
      const { imap, pop3, submission } = dovecot.ports;
      const servers = { imap, pop3, smtp: submission };
      if (smtp === "postfix") {
        servers.smtp = keep(await Postfix.start({ domain: DOMAIN, relayPort: sink.port })).port;
      }
      const server = keep(await auth({ accounts: ACCOUNTS, servers, domain: DOMAIN, wait }));
      return new Scene(sink, dovecot, server, started);
    } catch (error) {
      await stopAll(started);
      throw error;
    }
  }

  /** A proxy that asks this scene's auth server; `servers` is what stands in `mail {}` beside that. */
  async proxy(servers: string): Promise<TestProxy> {
    const proxy = await startProxy(`auth_http ${this.auth.address}/auth; ${servers}`);
    this.#started.push(proxy);
    return proxy;
  }

  /** Stops everything. */
  close(): Promise<void> {
    return stopAll(this.#started);
  }
}

interface Started {
  stop(): Promise<void>;
}

/** The last first. */
async function stopAll(started: Started[]): Promise<void> {
  for (const thing of started.splice(0).reverse()) await thing.stop();
}

const ACCOUNTS = {
  [ANNA.login]: { password: ANNA.password, user: INNER_ANNA.login, pass: INNER_ANNA.password },
  [BERTA.login]: { password: BERTA.password },
  [CARL.login]: { password: CARL.password },
};

/** What Dovecot knows. */
const USERS = {
  [INNER_ANNA.login]: INNER_ANNA.password,
  [BERTA.login]: BERTA.password,
  [CARL.login]: "not yet changed",
};
