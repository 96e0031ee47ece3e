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
export const DOMAIN = "example.test";

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
  readonly #stops: (() => Promise<void>)[] = [];
  readonly sink: SmtpSink;
  readonly dovecot: Dovecot;
  #postfix: Postfix | undefined;
  #auth: AuthServer | undefined;

  private constructor(sink: SmtpSink, dovecot: Dovecot) {
    this.sink = sink;
    this.dovecot = dovecot;
    this.#stops.push(() => sink.stop(), () => dovecot.stop());
  }

  static async open(options: SceneOptions): Promise<Scene> {
    const sink = await SmtpSink.start();
    const users = {
      [INNER_ANNA.login]: INNER_ANNA.password,
      [BERTA.login]: BERTA.password,
      [CARL.login]: "not yet changed",
    };
    const scene = new Scene(sink, await Dovecot.start({ users, relayPort: sink.port }));
    if (options.smtp === "postfix") scene.#postfix = await scene.#startPostfix();
    scene.#auth = await options.auth(scene.#plan(options));
    scene.#stops.push(() => scene.auth.stop());
    return scene;
  }

  get auth(): AuthServer {
    if (this.#auth === undefined) throw new Error("this scene has no auth server");
    return this.#auth;
  }

  get postfix(): Postfix {
    if (this.#postfix === undefined) throw new Error("this scene has no Postfix");
    return this.#postfix;
  }

  /** A proxy that asks this scene's auth server; `servers` is what stands in `mail {}` beside that. */
  async proxy(servers: string): Promise<TestProxy> {
    const proxy = await startProxy(`auth_http ${this.auth.address}/auth; ${servers}`);
    this.#stops.push(() => proxy.stop());
    return proxy;
  }

  /** Stops everything, the last first. */
  async close(): Promise<void> {
    for (const stop of this.#stops.splice(0).reverse()) await stop();
  }

  async #startPostfix(): Promise<Postfix> {
    const postfix = await Postfix.start({ domain: DOMAIN, relayPort: this.sink.port });
    this.#stops.push(() => postfix.stop());
    return postfix;
  }

  #plan({ wait }: SceneOptions): AuthPlan {
    const { imap, pop3, submission } = this.dovecot.ports;
    return {
      accounts: {
        [ANNA.login]: { password: ANNA.password, user: INNER_ANNA.login, pass: INNER_ANNA.password },
        [BERTA.login]: { password: BERTA.password },
        [CARL.login]: { password: CARL.password },
      },
      servers: { imap, pop3, smtp: this.#postfix?.port ?? submission },
      domain: DOMAIN,
      wait: wait ?? 0,
    };
  }
}
