/** A mail server that is well or not, as a test wishes. */

import { Buffer } from "node:buffer";
import { type Wire, WireServer } from "./wire.ts";

/**
 * `well`, or greets with a refusal, or accepts and says nothing; or greets, and then fails each login for the time being
 * (`failing`), hangs up on it (`dying`) or does not answer it (`mute`).
 */
export type Mood = "well" | "busy" | "silent" | "failing" | "dying" | "mute";

export type MoodyProtocol = "imap" | "pop3" | "smtp";

/**
 * It lets everybody in, by AUTH PLAIN or USER and PASS, but for those whose password is {@linkcode WRONG}, and says OK to
 * everything.
 */
export class MoodyServer {
  readonly protocol: MoodyProtocol;
  readonly port: number;
  mood: Mood = "well";
  /** What it was told on each connection, line by line. */
  readonly told: string[][] = [];
  /** When connections came, in milliseconds. */
  readonly arrivals: number[] = [];
  /** Connections that have logged in. */
  logins = 0;
  #server: WireServer | undefined;

  private constructor(protocol: MoodyProtocol, server: WireServer) {
    this.protocol = protocol;
    this.port = server.port;
    this.#server = server;
  }

  static async start(protocol: MoodyProtocol): Promise<MoodyServer> {
    const server = await WireServer.start((wire) => void moody.#serve(wire));
    const moody = new MoodyServer(protocol, server);
    return moody;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Is there no more: its port refuses, its connections are gone. */
  async stop(): Promise<void> {
    await this.#server?.stop();
    this.#server = undefined;
  }

  /** Is there again. */
  async revive(): Promise<void> {
    this.#server = await WireServer.start((wire) => void this.#serve(wire), this.port);
  }

  /** The connections that said so much and no more, as checks do. */
  count(lines: readonly string[]): number {
    return this.told.filter((told) => told.join("\n") === lines.join("\n")).length;
  }

  async #serve(wire: Wire): Promise<void> {
    const told: string[] = [];
    this.arrivals.push(performance.now());
    this.told.push(told);
    const { greeting, refusal, answer, failure, denial } = WORDS[this.protocol];
    if (this.mood === "silent") return;
    wire.send(this.mood === "busy" ? refusal : greeting);
    if (this.mood === "busy") return wire.end();
    for (let said = await wire.nextUpTo("\r\n"); said !== undefined; said = await wire.nextUpTo("\r\n")) {
      for (const line of said.split("\r\n").slice(0, -1)) {
        told.push(line);
        const isLogin = /^(?:\S+ )?(?:AUTH|PASS|LOGIN)/.test(line);
        if (isLogin && this.mood === "dying") return wire.destroy();
        if (isLogin && this.mood === "mute") return;
        if (isLogin) this.logins++;
        if (isLogin && this.mood === "failing") wire.send(failure(line));
        else wire.send(isLogin && isWrong(line) ? denial(line) : answer(line));
        if (/^(?:h LOGOUT|QUIT)$/.test(line)) wire.end();
      }
    }
  }
}

/** The password that lets nobody in. */
export const WRONG = "wr0ng";

function isWrong(line: string): boolean {
  const response = Buffer.from(line.slice(line.lastIndexOf(" ") + 1), "base64").toString("latin1");
  return line.endsWith(WRONG) || response.endsWith(WRONG);
}

interface Words {
  readonly greeting: string;
  readonly refusal: string;
  answer(line: string): string;
  /** A login fails, but not for a wrong password. */
  failure(line: string): string;
  denial(line: string): string;
}

const WORDS: Readonly<Record<MoodyProtocol, Words>> = {
  imap: {
    greeting: "* OK ready\r\n",
    refusal: "* BYE too busy\r\n",
    answer(line) {
      const [tag, command = ""] = line.split(" ");
      if (command === "CAPABILITY") return `* CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN\r\n${tag} OK\r\n`;
      return command === "LOGOUT" ? `* BYE\r\n${tag} OK\r\n` : `${tag} OK ${command}\r\n`;
    },
    failure: (line) => `${line.split(" ", 1)} NO [UNAVAILABLE] later\r\n`,
    denial: (line) => `${line.split(" ", 1)} NO [AUTHENTICATIONFAILED] no\r\n`,
  },
  pop3: {
    greeting: "+OK ready\r\n",
    refusal: "-ERR [SYS/TEMP] too busy\r\n",
    answer: (line) => line === "CAPA" ? "+OK\r\nUSER\r\n.\r\n" : "+OK\r\n",
    failure: () => "-ERR [SYS/TEMP] later\r\n",
    denial: () => "-ERR [AUTH] no\r\n",
  },
  smtp: {
    greeting: "220 up ESMTP\r\n",
    refusal: "421 4.3.2 too busy\r\n",
    answer(line) {
      if (line.startsWith("EHLO")) return "250-up\r\n250 AUTH PLAIN\r\n";
      if (line.startsWith("AUTH")) return "235 in\r\n";
      return line === "QUIT" ? "221 bye\r\n" : "250 ok\r\n";
    },
    failure: () => "454 4.7.0 later\r\n",
    denial: () => "535 5.7.8 no\r\n",
  },
};
