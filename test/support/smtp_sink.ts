/** The next hop of the mail servers under test. It takes every letter and keeps it octet by octet. */

import { createServer, type Server, type Socket } from "node:net";
import type { Octets } from "../../src/runtime.ts";

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
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #watchers: (() => void)[] = [];

  private constructor() {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      const conversation = new Conversation(socket, (letter) => {
        this.letters.push(letter);
        for (const look of this.#watchers.splice(0)) look();
      });
      socket.setEncoding("latin1").on("data", (text: string) => conversation.hear(text));
      socket.on("error", () => {});
      socket.on("close", () => this.#sockets.delete(socket));
    });
  }

  static async start(): Promise<SmtpSink> {
    const sink = new SmtpSink();
    await new Promise<void>((resolve) => sink.#server.listen(0, "127.0.0.1", resolve));
    return sink;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  /** The letter that has `words` in it, now or when it comes. */
  async letter(words: Octets): Promise<Letter> {
    for (;;) {
      const found = this.letters.find(({ text }) => text.includes(words));
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.#watchers.push(resolve));
    }
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

/** One connection's worth of SMTP. */
class Conversation {
  readonly #socket: Socket;
  readonly #take: (letter: Letter) => void;
  #unread = "";
  #isLetter = false;
  #sender = "";
  #recipients: Octets[] = [];

  constructor(socket: Socket, take: (letter: Letter) => void) {
    this.#socket = socket;
    this.#take = take;
    this.#say("220 sink ESMTP");
  }

  hear(text: Octets): void {
    this.#unread += text;
    for (;;) {
      const mark = this.#isLetter ? "\r\n.\r\n" : "\r\n";
      const end = this.#unread.indexOf(mark);
      if (end < 0) return;
      const whole = this.#unread.slice(0, end);
      this.#unread = this.#unread.slice(end + mark.length);
      if (this.#isLetter) this.#finish(whole);
      else this.#obey(whole);
    }
  }

  #obey(line: Octets): void {
    const argument = line.replace(/^[^:]*:/, "");
    switch (line.slice(0, 4).toUpperCase()) {
      case "EHLO":
        return this.#say("250-sink\r\n250 8BITMIME");
      case "MAIL":
        this.#sender = argument;
        return this.#say("250 2.1.0 Ok");
      case "RCPT":
        this.#recipients.push(argument);
        return this.#say("250 2.1.5 Ok");
      case "DATA":
        this.#isLetter = true;
        return this.#say("354 Go on");
      case "QUIT":
        this.#say("221 2.0.0 Bye");
        return void this.#socket.end();
      default:
        return this.#say("250 2.0.0 Ok");
    }
  }

  #finish(stuffed: Octets): void {
    const text = `${stuffed}\r\n`.replace(/^\.|(?<=\r\n)\./g, "");
    this.#take({ sender: this.#sender, recipients: this.#recipients, text });
    this.#isLetter = false;
    this.#recipients = [];
    this.#say("250 2.0.0 Ok: kept");
  }

  #say(line: Octets): void {
    this.#socket.write(`${line}\r\n`, "latin1");
  }
}
