/**
 * What stands behind the proxies: mail servers that say no more than they must, and an auth server that says yes. A
 * thread of its own, which posts what it is and has no turn for anything else behind that.
 */

import { parentPort } from "node:worker_threads";
import { CHUNK, DOWNLOAD_END, downloadStart } from "./_bulk.ts";
import { KernelLines } from "./_kernel_lines.ts";
import { type Hearer, type Line, octetsOf, textOf } from "./_line.ts";

/** What was started. */
export interface Servers {
  /** The thread, as the kernel's accounts name it. */
  readonly thread: number;
  readonly ports: ServerPorts;
}

export interface ServerPorts {
  readonly auth: number;
  readonly imap: number;
  readonly pop3: number;
  readonly smtp: number;
}

/** A reply; one that ends the connection begins with {@linkcode LAST}. */
type Reply = string | undefined;
type Answer = (line: string, session: Session) => Reply;

const LAST = "\0";
const NOTHING: Uint8Array = new Uint8Array(0);

/** A client of a server, that is a proxy. */
class Session implements Hearer {
  /** The tag of an IMAP login. */
  tag = "";
  /** The auth server: the protocol asked for, and whether the connection stays. */
  protocol = "";
  stays = false;
  readonly #line: Line;
  readonly #answer: Answer;
  /** What came without an end of line. */
  #rest = "";
  /** Octets of an upload that are still to come. */
  #upload = 0;
  /** Octets of a download that are still to leave, and what comes behind them. */
  #download = 0;
  #downloadEnd: Uint8Array = NOTHING;

  constructor(line: Line, answer: Answer) {
    this.#line = line;
    this.#answer = answer;
  }

  heard(octets: Uint8Array): void {
    const text = this.#rest + textOf(octets);
    let from = 0;
    let said = "";
    for (let end = text.indexOf("\r\n"); end >= 0; end = text.indexOf("\r\n", from)) {
      const reply = this.#answer(text.slice(from, end), this);
      from = end + 2;
      if (reply === undefined) continue;
      if (!reply.startsWith(LAST)) {
        said += reply;
        continue;
      }
      this.#line.write(octetsOf(said + reply.slice(1)));
      return this.#line.end();
    }
    this.#rest = from === 0 ? text : text.slice(from);
    if (said !== "") this.#line.write(octetsOf(said));
    this.drained();
  }

  /** Takes an upload, and says so when it is there. */
  receive(octets: number): void {
    this.#upload = octets;
    this.#line.skip(octets);
  }

  skipped(octets: number): void {
    this.#upload -= octets;
    if (this.#upload === 0) this.#line.write(octetsOf(`${this.tag} OK\r\n`));
  }

  /** Gives a download behind what is said now. */
  send(octets: number): void {
    this.#download = octets;
    this.#downloadEnd = octetsOf(DOWNLOAD_END);
  }

  /** Sends what fits. */
  drained(): void {
    while (this.#download > 0) {
      const offset = (CHUNK.length - this.#download % CHUNK.length) % CHUNK.length;
      const chunk = CHUNK.subarray(offset, Math.min(CHUNK.length, offset + this.#download));
      const written = this.#line.write(chunk);
      this.#download -= written;
      if (written < chunk.length) return;
    }
    if (this.#downloadEnd.length === 0) return;
    this.#downloadEnd = this.#downloadEnd.subarray(this.#line.write(this.#downloadEnd));
  }

  gone(): void {}
}

/** Takes `a LOGIN`, from proxies with two literals; then `b` and `NOOP`, `DOWN n`, `UP n`, `LOGOUT`. */
function answerImap(line: string, session: Session): Reply {
  if (line.endsWith("}")) {
    if (session.tag === "") session.tag = line.slice(0, line.indexOf(" "));
    return "+ go on\r\n";
  }
  if (session.tag !== "" && !line.startsWith("b ")) return `${session.tag} OK logged in\r\n`;
  const [, command = "", amount = "0"] = line.split(" ");
  if (command === "LOGIN") return "a OK logged in\r\n";
  session.tag = "b";
  if (command === "DOWN") {
    session.send(Number(amount));
    return downloadStart(Number(amount));
  }
  if (command === "UP") {
    session.receive(Number(amount));
    return "+ go on\r\n";
  }
  return command === "LOGOUT" ? `${LAST}* BYE\r\nb OK\r\n` : "b OK\r\n";
}

function answerPop3(line: string): Reply {
  return line === "QUIT" ? `${LAST}+OK bye\r\n` : "+OK\r\n";
}

function answerSmtp(line: string): Reply {
  if (line === "QUIT") return `${LAST}221 bye\r\n`;
  return line.startsWith("AUTH") ? "235 in\r\n" : "250 done\r\n";
}

function answerAuth(line: string, session: Session): Reply {
  if (line.endsWith("HTTP/1.1")) session.stays = true;
  else if (line.startsWith("Auth-Protocol: ")) session.protocol = line.slice(15);
  else if (line === "Connection: close") session.stays = false;
  if (line !== "") return undefined;
  const port = mail[session.protocol as keyof typeof mail];
  const fields = `Auth-Status: OK\r\nAuth-Server: 127.0.0.1\r\nAuth-Port: ${port}\r\nContent-Length: 0\r\n\r\n`;
  return session.stays ? `HTTP/1.1 200 OK\r\n${fields}` : `${LAST}HTTP/1.0 200 OK\r\n${fields}`;
}

function listen(greeting: string, answer: Answer): number {
  const greetingOctets = octetsOf(greeting);
  return lines.listen((line) => {
    line.hearer = new Session(line, answer);
    if (greeting !== "") line.write(greetingOctets);
  });
}

const lines = new KernelLines();
const mail = {
  imap: listen("* OK ready\r\n", answerImap),
  pop3: listen("+OK ready\r\n", answerPop3),
  smtp: listen("220 ready\r\n", answerSmtp),
};
const ports: ServerPorts = { auth: listen("", answerAuth), ...mail };
parentPort?.postMessage({ thread: lines.thread, ports } satisfies Servers);
lines.turnForever();
