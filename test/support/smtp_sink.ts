/** The next hop of the mail servers under test. It takes every letter and keeps it octet by octet. */

import type { Octets } from "../../src/runtime.ts";
import { Watch } from "./watch.ts";
import { type Wire, WireServer } from "./wire.ts";

/** A letter as it arrived. */
export interface Letter {
  /** The arguments of MAIL and RCPT. */
  readonly sender: Octets;
  readonly recipients: readonly Octets[];
  /** The headers that mail servers put before it, then the letter. */
  readonly text: Octets;
}

export class SmtpSink {
  readonly letters: Letter[] = [];
  readonly #watch = new Watch();
  readonly #server: WireServer;

  private constructor(server: WireServer) {
    this.#server = server;
  }

  static async start(): Promise<SmtpSink> {
    const server = await WireServer.start((wire) => void sink.#serve(wire));
    const sink = new SmtpSink(server);
    return sink;
  }

  get port(): number {
    return this.#server.port;
  }

  /** The letter that has `words` in it, now or when it comes. */
  async letter(words: Octets): Promise<Letter> {
    const find = () => this.letters.find(({ text }) => text.includes(words));
    await this.#watch.until(() => find() !== undefined, () => `${this.letters.length} letters without ${words}`);
    const letter = find();
    if (letter === undefined) throw new Error("unreachable");
    return letter;
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }

  /** It announces no PIPELINING, so that each command waits for its reply. */
  async #serve(wire: Wire): Promise<void> {
    const reply = (text: string) => wire.send(`${text}\r\n`);
    let sender = "";
    let recipients: Octets[] = [];
    reply("220 sink ESMTP");
    for (let line = await wire.nextUpTo("\r\n"); line !== undefined; line = await wire.nextUpTo("\r\n")) {
      const argument = line.slice(line.indexOf(":") + 1).trim();
      switch (line.slice(0, 4).toUpperCase()) {
        case "EHLO":
          reply("250-sink\r\n250 8BITMIME");
          break;
        case "MAIL":
          sender = argument;
          reply("250 2.1.0 Ok");
          break;
        case "RCPT":
          recipients.push(argument);
          reply("250 2.1.5 Ok");
          break;
        case "DATA":
          reply("354 Go on");
          this.#keep(sender, recipients, await wire.nextUpTo("\r\n.\r\n") ?? "");
          recipients = [];
          reply("250 2.0.0 Ok: kept");
          break;
        case "QUIT":
          reply("221 2.0.0 Bye");
          return wire.end();
        default:
          reply("250 2.0.0 Ok");
      }
    }
  }

  #keep(sender: Octets, recipients: readonly Octets[], data: Octets): void {
    const text = data.slice(0, -".\r\n".length).replace(/^\.|(?<=\r\n)\./g, "");
    this.letters.push({ sender, recipients, text });
    this.#watch.look();
  }
}
