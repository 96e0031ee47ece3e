/** Mail servers that say what a test tells them to. */

import { type Wire, WireServer } from "./wire.ts";

/**
 * What an upstream does in turn. Its greeting is the first string; each other string is what it says when it was told
 * a line, with `TAG` for the first word it was ever told. What is done with the connection is done at once; what
 * takes time is waited for. It may give another wire, with which the script goes on.
 */
export type Script = readonly (string | ((wire: Wire) => void | Promise<Wire | void>))[];

/** These log in whoever comes, then say everything back. */
export const IMAP_LOGIN: Script = ["* OK ready\r\n", "+ OK\r\n", "+ OK\r\n", "TAG OK logged in\r\n", echo];
export const POP3_LOGIN: Script = ["+OK ready\r\n", "+OK\r\n", "+OK mailbox open\r\n", echo];
/** With `xclient on`, for a client that said its name. */
export const SMTP_LOGIN: Script = ["220 up ESMTP\r\n", "250 up\r\n", "220 up ESMTP\r\n", "250 up\r\n", echo];

/** Those that are there to check logins themselves (`proxy_pass`) let in whoever comes, too, and say everything back. */
export const CHECKING: Readonly<Record<"imap" | "pop3" | "smtp", Script>> = {
  imap: ["* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready\r\n", "TAG OK logged in\r\n", echo],
  pop3: ["+OK ready\r\n", "-ERR what?\r\n", "+OK\r\n", "+OK mailbox open\r\n", echo],
  smtp: ["220 up ESMTP\r\n", "250-up\r\n250 AUTH PLAIN\r\n", "235 in\r\n", echo],
};

/** The same script for a server that is sent a PROXY header first: `isWhole` knows one that is all there. */
export function afterHeader(isWhole: (octets: string) => boolean, script: Script): Script {
  return [
    async (wire) => {
      await wire.until(() => isWhole(wire.unread) || wire.isOver);
      await wire.expect(wire.unread);
    },
    ...script,
  ];
}

/** Sends FIN. */
export function hangUp(wire: Wire): void {
  wire.end();
}

/** Sends RST. */
export function breakOff(wire: Wire): void {
  wire.reset();
}

/** Says everything back from now on, showing it to `see`, and ends when the peer has. */
export function echo(wire: Wire, see: (bytes: Uint8Array) => void = () => {}): void {
  wire.consume((bytes) => {
    see(bytes);
    if (wire.send(bytes)) return;
    wire.pause();
    wire.untilDrained().then(() => wire.resume(), () => wire.destroy());
  });
}

/** Plays one script for each connection. */
export class FakeUpstream {
  /** What is played from now on. */
  script: Script;
  readonly #server: WireServer;

  private constructor(script: Script, server: WireServer) {
    this.script = script;
    this.#server = server;
  }

  static async start(script: Script): Promise<FakeUpstream> {
    const server = await WireServer.start((wire) => void play(upstream.script, wire));
    const upstream = new FakeUpstream(script, server);
    return upstream;
  }

  get port(): number {
    return this.#server.port;
  }

  get wires(): readonly Wire[] {
    return this.#server.wires;
  }

  /** The connection with this number, counted from 0. */
  wire(index: number): Promise<Wire> {
    return this.#server.wire(index);
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }
}

async function play(script: Script, wire: Wire): Promise<void> {
  let tag: string | undefined;
  let hasGreeted = false;
  let current = wire;
  for (const move of script) {
    if (typeof move !== "string") {
      current = await move(current) ?? current;
      continue;
    }
    const told = hasGreeted ? await current.nextUpTo("\n") : "";
    if (told === undefined) return;
    if (hasGreeted) tag ??= told.split(" ")[0] ?? "";
    hasGreeted = true;
    current.send(move.replaceAll("TAG", tag ?? ""));
  }
}
