/** nginx and the proxy, each in front of an auth server and an upstream of its own, so that both play at once. */

import { assertEquals } from "@std/assert";
import { FakeAuth } from "../../support/fake_auth.ts";
import { FakeUpstream } from "../../support/fake_upstream.ts";
import { freePorts } from "../../support/free_ports.ts";
import { startNginx } from "../../support/nginx.ts";
import { startProxy } from "../../support/proxy.ts";
import { connectTo } from "../../support/raw_client.ts";
import type { Wire } from "../../support/wire.ts";
import { type Dialogue, LOGINS, type Step } from "./dialogue.ts";
import { mailBlock, protocolOf, SERVER_NAMES } from "./servers.ts";

/** Whose answers are expected. */
export type Speaker = "nginx" | "postern";

/** What the two servers behind were told in one dialogue, connection by connection. */
export interface Traffic {
  readonly asked: readonly string[];
  readonly heard: readonly string[];
}

/** Starts what serves a `mail {}` block. */
type Start = (mail: string) => Promise<Stoppable>;

interface Stoppable {
  stop(): Promise<void>;
}

/** One of the two, with the servers behind it. */
export class Stage {
  readonly #auth: FakeAuth;
  readonly #upstream: FakeUpstream;
  #ports: readonly number[] = [];
  #server: Stoppable | undefined;

  private constructor(auth: FakeAuth, upstream: FakeUpstream) {
    this.#auth = auth;
    this.#upstream = upstream;
  }

  static nginx(): Promise<Stage> {
    return Stage.#open(startNginx);
  }

  static postern(): Promise<Stage> {
    return Stage.#open(startProxy);
  }

  static async #open(start: Start): Promise<Stage> {
    const stage = new Stage(await FakeAuth.start(""), await FakeUpstream.start([]));
    try {
      stage.#ports = await freePorts(SERVER_NAMES.length);
      stage.#server = await start(mailBlock(stage.#auth.port, stage.#ports));
      return stage;
    } catch (error) {
      await stage.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    for (const server of [this.#server, this.#auth, this.#upstream]) await server?.stop();
  }

  /** Plays a dialogue, in which the answers of `speaker` are expected. */
  async play(dialogue: Dialogue, steps: readonly Step[], speaker: Speaker): Promise<Traffic> {
    const asked = this.#auth.wires.length;
    const heard = this.#upstream.wires.length;
    this.#prepare(dialogue);
    const client = await connectTo(this.#ports[SERVER_NAMES.indexOf(dialogue.server)] ?? 0);
    try {
      await converse(client, steps, speaker);
    } finally {
      client.destroy();
    }
    return {
      asked: await this.#received(this.#auth.wires.slice(asked)),
      heard: await this.#received(this.#upstream.wires.slice(heard)),
    };
  }

  /** What a server was told, without what is another for each of the two players. */
  async #received(wires: readonly Wire[]): Promise<string[]> {
    for (const wire of wires) await wire.untilOver();
    const ports = new RegExp(`\\b(${this.#ports.join("|")})\\b`, "g");
    return wires.map((wire) => withoutSalt(wire.received).replace(ports, "PORT"));
  }

  #prepare(dialogue: Dialogue): void {
    const { port } = this.#upstream;
    const answers = [...dialogue.auth ?? [LET_IN]];
    this.#upstream.script = dialogue.upstream ?? LOGINS[protocolOf(dialogue.server)];
    this.#auth.answer = (wire) => {
      const [answer = ""] = answers.length > 1 ? answers.splice(0, 1) : answers;
      const { octets, isHeld } = typeof answer === "string"
        ? { octets: `HTTP/1.0 200 OK\r\n${answer}\r\n`, isHeld: false }
        : answer;
      wire.send(octets.replace("PORT", `${port}`));
      if (isHeld !== true) wire.end();
    };
  }
}

async function converse(client: Wire, steps: readonly Step[], speaker: Speaker): Promise<void> {
  const answers = steps.map((step) => step.type === "answer" ? step[speaker] : "");
  const last = answers.findLastIndex((answer) => answer !== "");
  for (const [i, step] of steps.slice(0, last + 1).entries()) {
    if (step.type === "say") client.send(step.octets);
    else await expectAnswer(client, answers[i] ?? "");
  }
  await client.expectEnd();
}

/** A salt is another each time, and stands for itself. */
async function expectAnswer(client: Wire, answer: string): Promise<void> {
  if (!answer.includes("SALT")) return await client.expect(answer);
  const lines = answer.split("\n").length;
  await client.until(() => client.unread.split("\n").length >= lines || client.isOver);
  assertEquals(withoutSalt(client.unread), answer);
  await client.expect(client.unread);
}

function withoutSalt(text: string): string {
  return text.replace(SALT, "SALT").replace(/^((?:\+|334) )(PD[\w+/]+=*)/gm, (line, prefix: string, base64: string) => {
    return atob(base64).replace(SALT, "SALT") === "SALT" ? `${prefix}SALT` : line;
  });
}

const SALT = /<\d+\.\d+@mail\.example\.com>/g;
const LET_IN = "Auth-Status: OK\r\nAuth-Server: 127.0.0.1\r\nAuth-Port: PORT\r\n";
