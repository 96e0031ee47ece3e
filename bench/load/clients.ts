/** The clients: what they do is done as often as asked, so many at a time. */

import { CHUNK, DOWNLOAD_END, downloadStart } from "./_bulk.ts";
import { KernelLines } from "./_kernel_lines.ts";
import { DEAF, type Hearer, type Line, octetsOf, textOf } from "./_line.ts";
import { connectTls } from "./_tls_lines.ts";

export type Protocol = "imap" | "pop3" | "smtp";
export type ClientTls = "clear" | "full" | "resumed";

/** Where clients go, and how. */
export interface Target {
  readonly port: number;
  readonly protocol: Protocol;
  readonly tls: ClientTls;
}

/** Something that several clients do side by side, each until it calls `ended`. */
interface Work {
  ended(): void;
  failed(error: Error): void;
}

interface Step {
  /** How the last line begins that is waited for. */
  readonly waitFor: string;
  readonly say: Uint8Array;
}

const SCRIPTS: Readonly<Record<Protocol, readonly Step[]>> = {
  imap: script(["* OK", "a LOGIN joe s3cret\r\n"], ["a OK", ""]),
  pop3: script(["+OK", "USER joe\r\n"], ["+OK", "PASS s3cret\r\n"], ["+OK", ""]),
  smtp: script(["220 ", "EHLO bench\r\n"], ["250 ", `AUTH PLAIN ${btoa("\0joe\0s3cret")}\r\n`], ["235 ", ""]),
};
const GOODBYE: Readonly<Record<Protocol, Uint8Array>> = {
  imap: octetsOf("b LOGOUT\r\n"),
  pop3: octetsOf("QUIT\r\n"),
  smtp: octetsOf("QUIT\r\n"),
};
const NOOP = octetsOf("b NOOP\r\n");
const HOLDING = 32;
/** Milliseconds for all that clients with TLS are asked to do at a time. */
const SLOWEST = 300_000;

/** Logs in and out, `count` times. */
export async function sessions(target: Target, count: number, atOnce: number): Promise<void> {
  let left = count;
  await sideBySide(target, atOnce, (work) => {
    const next = () => left-- > 0 ? logIn(target, work, leave) : work.ended();
    const leaving: Hearer = { ...DEAF, gone: next };
    const leave = (line: Line) => {
      line.hearer = leaving;
      line.write(GOODBYE[target.protocol]);
    };
    next();
  });
}

/** Logs in so many times and stays. Gives what ends that, which throws if somebody did not stay. */
export async function hold(target: Target, count: number): Promise<() => void> {
  const held: Line[] = [];
  let left = count;
  let gone = 0;
  const staying: Hearer = { ...DEAF, gone: () => gone++ };
  await sideBySide(target, HOLDING, (work) => {
    const next = () => left-- > 0 ? logIn(target, work, stay) : work.ended();
    const stay = (line: Line) => {
      line.hearer = staying;
      held.push(line);
      next();
    };
    next();
  });
  return () => {
    lines.look();
    if (gone > 0) throw new Error(`${gone} of ${count} sessions were not held`);
    held.forEach((line) => line.end());
  };
}

/** Says a small command and waits for its answer, `count` times on each of `streams` connections. Gives the times in µs. */
export async function commands(target: Target, count: number, streams: number): Promise<number[]> {
  const times: number[] = [];
  await sideBySide(target, streams, (work) => {
    logIn(target, work, (line) => {
      let left = count;
      let said = performance.now();
      const heard = () => {
        const now = performance.now();
        times.push((now - said) * 1000);
        if (--left === 0) return over(line, work);
        said = now;
        line.write(NOOP);
      };
      line.hearer = { ...until(work), heard };
      line.write(NOOP);
    });
  });
  return times;
}

/** Downloads or uploads so many octets on each of `streams` connections. */
export async function bulk(target: Target, way: "down" | "up", octets: number, streams: number): Promise<void> {
  const transfer = way === "down" ? download : upload;
  await sideBySide(target, streams, (work) => logIn(target, work, (line) => transfer(line, octets, work)));
}

function download(line: Line, octets: number, work: Work): void {
  let left = downloadStart(octets).length + octets + DOWNLOAD_END.length;
  const skipped = (count: number) => {
    left -= count;
    if (left === 0) over(line, work);
  };
  line.hearer = { ...until(work), skipped };
  line.skip(left);
  line.write(octetsOf(`b DOWN ${octets}\r\n`));
}

function upload(line: Line, octets: number, work: Work): void {
  let left = octets;
  const drained = () => {
    while (left > 0) {
      const chunk = left < CHUNK.length ? CHUNK.subarray(0, left) : CHUNK;
      const written = line.write(chunk);
      left -= written;
      if (written < chunk.length) return;
    }
  };
  // The server must know that an upload comes before its first octet is there.
  const heard = () => {
    line.hearer = { ...until(work), drained, heard: () => over(line, work) };
    drained();
  };
  line.hearer = { ...until(work), heard };
  line.write(octetsOf(`b UP ${octets}\r\n`));
}

function over(line: Line, work: Work): void {
  line.end();
  work.ended();
}

/** Somebody whose line must not end by itself. */
function until(work: Work): Hearer {
  return { ...DEAF, gone: () => work.failed(new Error("the proxy ended a session")) };
}

/** Has so many clients begin, and waits until all have ended. */
async function sideBySide(target: Target, clients: number, begin: (work: Work) => void): Promise<void> {
  let left = clients;
  let timer: ReturnType<typeof setTimeout> | undefined;
  await new Promise<void>((resolve, reject) => {
    const ended = () => {
      if (--left === 0) resolve();
    };
    const failed = (error: Error) => {
      left = 0;
      reject(error);
    };
    for (let at = 0; at < clients; at++) begin({ ended, failed });
    if (target.tls !== "clear") {
      timer = setTimeout(() => failed(new Error(`${clients} clients are not served`)), SLOWEST);
    } else while (left > 0) lines.turn();
  }).finally(() => clearTimeout(timer));
}

function logIn(target: Target, work: Work, then: (line: Line) => void): void {
  const login = new Login(target, work, then);
  if (target.tls === "clear") return login.speak(lines.connect(target.port, login));
  const { port, tls } = target;
  const call = { port, resumes: tls === "resumed", hearer: login, failed: work.failed };
  connectTls(call, (line) => login.speak(line));
}

class Login implements Hearer {
  readonly #target: Target;
  readonly #work: Work;
  readonly #then: (line: Line) => void;
  #line: Line | undefined;
  #step = 0;
  #last = "";

  constructor(target: Target, work: Work, then: (line: Line) => void) {
    this.#target = target;
    this.#work = work;
    this.#then = then;
  }

  /** Goes on by a line that is there. */
  speak(line: Line): void {
    this.#line = line;
  }

  heard(octets: Uint8Array): void {
    const line = this.#line;
    const step = SCRIPTS[this.#target.protocol][this.#step];
    const text = this.#last = textOf(octets);
    if (line === undefined || step === undefined) return;
    if (!text.startsWith(step.waitFor, text.lastIndexOf("\n", text.length - 2) + 1)) return;
    this.#step++;
    if (step.say.length > 0) line.write(step.say);
    else this.#then(line);
  }

  skipped(): void {}

  drained(): void {}

  gone(): void {
    const { port, protocol } = this.#target;
    const behind = `in step ${this.#step}, behind "${this.#last.trimEnd()}"`;
    this.#work.failed(new Error(`the proxy on port ${port} ended a ${protocol} session ${behind}`));
  }
}

function script(...steps: readonly (readonly [waitFor: string, say: string])[]): Step[] {
  return steps.map(([waitFor, say]) => ({ waitFor, say: octetsOf(say) }));
}

const lines = new KernelLines();
