import { HttpAuthenticator } from "../../../src/auth/http.ts";
import type { Credentials, Note, Verdict } from "../../../src/auth/mod.ts";
import type { AuthHttpConfig } from "../../../src/config/types.ts";
import type { Cancel, Octets } from "../../../src/runtime.ts";
import { Secret } from "../../../src/session/secret.ts";
import { authHttpWith } from "../../support/config.ts";
import { FakeRuntime, type FakeSocket } from "../../support/fake_runtime.ts";
import { SingleRoute } from "../../../src/upstream/mod.ts";
import { factsOf } from "../../support/facts.ts";

/** A server's configuration, with what a test changes of it. */
export function config(changes: Partial<AuthHttpConfig> = {}): AuthHttpConfig {
  return {
    name: "auth.test:9000",
    address: { host: "192.0.2.9", port: 9000 },
    host: "auth.test",
    uri: "/auth",
    fallbacks: [],
    timeout: 60_000,
    headers: [],
    tls: false,
    passClientCert: false,
    ssl: authHttpWith().ssl,
    cache: undefined,
    ...changes,
  };
}

/** An IMAP client's credentials, with what a test changes of them. */
export function credentials(changes: Partial<Credentials> = {}): Credentials {
  return {
    protocol: "imap",
    method: "plain",
    login: "anna",
    secret: new Secret("sesame"),
    salt: undefined,
    attempt: 1,
    client: { family: 4, host: "198.51.100.7", port: 40000 },
    proxied: undefined,
    clientHost: undefined,
    envelope: undefined,
    tls: undefined,
    facts: factsOf(),
    ...changes,
  };
}

/** What one login came to, and what the log was told. */
export interface Login {
  readonly verdicts: Verdict[];
  readonly notes: Octets[];
  readonly cancel: Cancel;
}

/** An authenticator on a runtime in memory; the test plays the server. */
export class Bench {
  readonly runtime = new FakeRuntime();
  readonly authenticator: HttpAuthenticator;
  #seen = 0;

  constructor(changes: Partial<AuthHttpConfig> = {}) {
    this.authenticator = new HttpAuthenticator(config(changes), this.runtime);
  }

  /** Starts a login. */
  login(changes: Partial<Credentials> = {}): Login {
    const verdicts: Verdict[] = [];
    const notes: Octets[] = [];
    const note: Note = (level, text) => notes.push(`${level}: ${text}`);
    const cancel = this.authenticator.authenticate(credentials(changes), note, (verdict) => verdicts.push(verdict));
    return { verdicts, notes, cancel };
  }

  /** How many connects came that no test has answered. */
  get waiting(): number {
    return this.runtime.connects.length - this.#seen;
  }

  /** Accepts the next connect. */
  accept(): FakeSocket {
    const connect = this.runtime.connects[this.#seen++];
    if (connect === undefined) throw new Error("Cannot accept: nobody connects");
    return connect.accept();
  }

  /** Refuses the next connect. */
  refuse(): void {
    this.runtime.connects[this.#seen++]?.refuse();
  }

  /** Logs somebody in, so that a kept connection rests in the pool afterwards. */
  rest(): FakeSocket {
    const login = this.login();
    const socket = this.accept();
    socket.says(KEPT);
    if (login.verdicts.length !== 1) throw new Error("Cannot keep a connection: there was no verdict");
    this.runtime.clock.advance(1);
    socket.heard();
    return socket;
  }
}

/** The fields of a success. */
export const FIELDS = "Auth-Status: OK\r\nAuth-Server: 192.0.2.5\r\nAuth-Port: 143\r\n";

/** A success after which the connection may serve again. */
export const KEPT = `HTTP/1.1 200 OK\r\n${FIELDS}Content-Length: 0\r\n\r\n`;

/** The route of {@linkcode FIELDS}. */
export const ROUTE = new SingleRoute({ target: { host: "192.0.2.5", port: 143 }, text: "192.0.2.5:143" });

/** Random numbers below 2³², the same for the same seed (mulberry32). */
export function seeded(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}
