/** Groups of servers in memory, and sessions that are sent to them. */

import type { SocketAddress } from "../../src/runtime.ts";
import type { Attempt, Balancing, Outcome, Selection, ServerSpec } from "../../src/upstream/mod.ts";
import { Group } from "../../src/upstream/mod.ts";
import { FakeClock } from "./fake_clock.ts";
import { factsOf } from "./facts.ts";

/** `a`, `b` and so on at ports of their own, as `server 192.0.2.1:1` and so on would have them. */
export function serverAt(index: number, changes: Partial<ServerSpec> = {}): ServerSpec {
  const text = `192.0.2.1:${index + 1}`;
  return {
    target: { host: "192.0.2.1", port: index + 1 },
    text,
    server: text,
    weight: 1,
    maxConns: Infinity,
    maxFails: 1,
    failTimeout: 10_000,
    slowStart: 0,
    isBackup: false,
    isDown: false,
    isDraining: false,
    ...changes,
  };
}

export interface TestGroupOptions {
  readonly balancing?: Balancing;
  /** What is random, in turn; 0 for ever when left out. */
  readonly numbers?: readonly number[];
}

/** A group whose servers are called `a`, `b`, … in their order. */
export class TestGroup {
  readonly clock = new FakeClock(1_000_000);
  readonly log: string[] = [];
  readonly group: Group;
  readonly #texts: readonly string[];

  constructor(servers: readonly Partial<ServerSpec>[], options: TestGroupOptions = {}) {
    const { balancing = { type: "round_robin" }, numbers = [] } = options;
    const specs = servers.map((changes, index) => serverAt(index, changes));
    const rest = [...numbers];
    this.#texts = specs.map(({ text }) => text);
    this.group = new Group({
      name: "g",
      balancing,
      servers: specs,
      runtime: {
        now: () => this.clock.now(),
        random: (bytes) => {
          new DataView(bytes.buffer).setUint32(0, rest.shift() ?? 0);
          return bytes;
        },
      },
      note: (level, text) => this.log.push(`${level} ${text}`),
    });
  }

  /** The way of a login from there. */
  select(client = "198.51.100.7", login = ""): Selection {
    const address: SocketAddress = { family: client.includes(":") ? 6 : 4, host: client, port: 40000 };
    const claim = { method: "plain", login, clientHost: undefined, envelope: undefined };
    return this.group.select(factsOf({ client: address, claim }));
  }

  /** The servers that so many logins come to, each of which ends at once in this way. */
  logins(count: number, outcome: Outcome = "loggedIn", client?: string): string {
    return Array.from({ length: count }, () => this.login(outcome, client)).join("");
  }

  /** The server that a login comes to, which ends at once. */
  login(outcome: Outcome = "loggedIn", client?: string, login?: string): string {
    const attempt = this.select(client, login).next();
    attempt?.ended(outcome, "some reason");
    attempt?.released();
    return this.nameOf(attempt);
  }

  /** All servers that one login comes to, each of which fails. */
  way(outcome: Outcome = "unreachable", client?: string): string {
    const selection = this.select(client);
    let names = "";
    for (let attempt = selection.next(); attempt !== undefined; attempt = selection.next()) {
      names += this.nameOf(attempt);
      attempt.ended(outcome, "some reason");
      attempt.released();
    }
    return names;
  }

  /** Logins that stay. */
  stay(count: number): Attempt[] {
    return Array.from({ length: count }, () => this.select().next()).filter((attempt) => attempt !== undefined);
  }

  /** `a` for the first server, and `-` for none. */
  nameOf(attempt: Attempt | undefined): string {
    return attempt === undefined ? "-" : String.fromCharCode(97 + this.#texts.indexOf(attempt.peer.text));
  }

  namesOf(attempts: readonly Attempt[]): string {
    return attempts.map((attempt) => this.nameOf(attempt)).join("");
  }
}
