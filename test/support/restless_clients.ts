/** Clients without a pause: they connect, log in, send and get back, leave, and come again. */

import { WORDS } from "./scene.ts";
import { connectTo } from "./raw_client.ts";
import { eventually } from "./watch.ts";
import type { Wire } from "./wire.ts";

/** Any number of clients at one port. What they meet is what a user would notice. */
export class RestlessClients {
  /** Sessions from connect to farewell. */
  sessions = 0;
  /** What went wrong, in the words of whoever noticed. */
  readonly failures: string[] = [];
  readonly #port: number;
  readonly #loops: readonly Promise<void>[];
  #hasEnough = false;

  constructor(port: number, count: number) {
    this.#port = port;
    this.#loops = Array.from({ length: count }, () => this.#loop());
  }

  /** Resolves once so many more sessions are over. */
  async more(count: number): Promise<void> {
    const goal = this.sessions + this.failures.length + count;
    await eventually(() => this.sessions + this.failures.length >= goal, () => `${this.sessions} sessions`, PATIENCE);
  }

  /** Resolves when all of them have left. */
  async stop(): Promise<void> {
    this.#hasEnough = true;
    await Promise.all(this.#loops);
  }

  async #loop(): Promise<void> {
    while (!this.#hasEnough) {
      try {
        await this.#session();
        this.sessions++;
      } catch (error) {
        this.failures.push(error instanceof Error ? error.message : String(error));
        // Where nobody listens any more they would take all the time there is.
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }
  }

  async #session(): Promise<void> {
    const { greeting, login, welcome } = WORDS.imap;
    const wire = await connectTo(this.#port);
    try {
      await hear(wire, greeting);
      for (const [said, answer] of [[login, welcome], [LETTER, LETTER], [LETTER, LETTER], [LETTER, LETTER]] as const) {
        wire.send(said);
        await hear(wire, answer);
      }
      wire.end();
      await wire.untilOver(PATIENCE);
      await wire.expectEnd();
    } finally {
      wire.destroy();
    }
  }
}

/** The next that arrives is exactly this, however busy the machine is. */
async function hear(wire: Wire, octets: string): Promise<void> {
  await wire.until(() => wire.unread.length >= octets.length || wire.isOver, PATIENCE);
  await wire.expect(octets);
}

const PATIENCE = 60_000;

/** More than one read brings. */
const LETTER = `${Array.from({ length: 3000 }, (_, i) => `line ${i * i % 977} of it`).join("\r\n")}\r\n`;
