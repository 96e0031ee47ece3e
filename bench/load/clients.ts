/** The clients: what they do is done as often as asked, so many at a time. */

import { connect as connectTls } from "node:tls";
import { CHUNK, DOWNLOAD_END, downloadStart } from "./_bulk.ts";
import { bun } from "./_bun.ts";

export type Protocol = "imap" | "pop3" | "smtp";
export type ClientTls = "clear" | "full" | "resumed";

/** Where clients go, and how. */
export interface Target {
  readonly port: number;
  readonly protocol: Protocol;
  readonly tls: ClientTls;
}

/** A connection as the clients use it. */
interface Line {
  write(data: string | Uint8Array): number;
  end(): void;
  /** Hears what the peer says next. */
  heard: (text: string, length: number) => void;
  drained: () => void;
  gone: () => void;
}

const SCRIPTS: Readonly<Record<Protocol, readonly (readonly [waitFor: string, say: string])[]>> = {
  imap: [["\r\n", "a LOGIN joe s3cret\r\n"], ["a OK", ""]],
  pop3: [["\r\n", "USER joe\r\n"], ["\r\n", "PASS s3cret\r\n"], ["\r\n", ""]],
  smtp: [["\r\n", "EHLO bench\r\n"], ["250 ", `AUTH PLAIN ${btoa("\0joe\0s3cret")}\r\n`], ["235", ""]],
};
const GOODBYE: Readonly<Record<Protocol, string>> = { imap: "b LOGOUT\r\n", pop3: "QUIT\r\n", smtp: "QUIT\r\n" };

/** The last ticket of each port. */
const tickets = new Map<number, Uint8Array>();

/** Logs in and out, `count` times. */
export async function sessions(target: Target, count: number, atOnce: number): Promise<void> {
  let left = count;
  const one = async () => {
    while (left-- > 0) {
      const line = await logIn(target);
      await new Promise<void>((resolve) => {
        line.gone = resolve;
        line.write(GOODBYE[target.protocol]);
      });
    }
  };
  await Promise.all(Array.from({ length: atOnce }, one));
}

/** Logs in so many times and stays. */
export async function hold(target: Target, count: number): Promise<() => void> {
  const held: Line[] = [];
  let left = count;
  const one = async () => {
    while (left-- > 0) held.push(await logIn(target));
  };
  await Promise.all(Array.from({ length: 32 }, one));
  return () => held.forEach((line) => line.end());
}

/** Says a small command and waits for its answer, `count` times on each of `streams` connections. Gives the times in µs. */
export async function commands(target: Target, count: number, streams: number): Promise<number[]> {
  const times: number[] = [];
  await Promise.all(Array.from({ length: streams }, async () => {
    const line = await logIn(target);
    await new Promise<void>((resolve) => {
      let left = count;
      let said = performance.now();
      line.heard = () => {
        const now = performance.now();
        times.push((now - said) * 1000);
        if (--left === 0) return resolve();
        said = now;
        line.write("b NOOP\r\n");
      };
      line.write("b NOOP\r\n");
    });
    line.end();
  }));
  return times;
}

/** Downloads or uploads so many octets on each of `streams` connections. */
export async function bulk(target: Target, way: "down" | "up", octets: number, streams: number): Promise<void> {
  await Promise.all(Array.from({ length: streams }, async () => {
    const line = await logIn(target);
    if (way === "down") await download(line, octets);
    else await upload(line, octets);
    line.end();
  }));
}

function download(line: Line, octets: number): Promise<void> {
  return new Promise((resolve) => {
    let left = downloadStart(octets).length + octets + DOWNLOAD_END.length;
    line.heard = (_, length) => {
      left -= length;
      if (left <= 0) resolve();
    };
    line.write(`b DOWN ${octets}\r\n`);
  });
}

function upload(line: Line, octets: number): Promise<void> {
  return new Promise((resolve) => {
    let left = octets;
    const pump = () => {
      while (left > 0) {
        const written = line.write(CHUNK.subarray(0, Math.min(CHUNK.length, left)));
        if (written <= 0) return;
        left -= written;
      }
    };
    // The server must know that an upload comes before its first octet is there.
    line.heard = () => {
      line.heard = () => resolve();
      line.drained = pump;
      pump();
    };
    line.write(`b UP ${octets}\r\n`);
  });
}

async function logIn({ port, protocol, tls }: Target): Promise<Line> {
  const line = await (tls === "clear" ? dial(port) : dialTls(port, tls));
  await new Promise<void>((resolve, reject) => {
    const script = SCRIPTS[protocol];
    let step = 0;
    let last = "";
    line.gone = () => {
      reject(
        new Error(`the proxy on port ${port} ended a ${protocol} session in step ${step}, behind "${last.trimEnd()}"`),
      );
    };
    line.heard = (text) => {
      last = text;
      const [waitFor, say] = script[step] ?? ["", ""];
      if (!text.includes(waitFor)) return;
      step++;
      if (say !== "") line.write(say);
      else resolve();
    };
  });
  line.heard = () => {};
  return line;
}

async function dial(port: number): Promise<Line> {
  let early = "";
  const line: Line = {
    write: () => 0,
    end: () => {},
    heard: (text) => early += text,
    drained: () => {},
    gone: () => {},
  };
  const socket = await bun.connect<Line>({
    hostname: "127.0.0.1",
    port,
    data: line,
    socket: {
      open: () => {},
      data: (_, bytes) => line.heard(bytes.length > 512 ? "" : decoder.decode(bytes), bytes.length),
      drain: () => line.drained(),
      close: () => line.gone(),
      error: () => {},
    },
  });
  line.write = (data) => socket.write(data);
  line.end = () => socket.end();
  return replaying(line, () => early);
}

/** TLS with or without a ticket of before: only `node:tls` lets a client choose. */
function dialTls(port: number, tls: ClientTls): Promise<Line> {
  return new Promise((resolve, reject) => {
    const ticket = tls === "resumed" ? tickets.get(port) : undefined;
    const socket = connectTls({
      host: "127.0.0.1",
      port,
      rejectUnauthorized: false,
      servername: "bench.example.com",
      // All proxies agree on it; with a choice they would compare key exchanges that nginx's OpenSSL does not have.
      ecdhCurve: "X25519",
      ...(ticket === undefined ? {} : { session: ticket as never }),
    });
    let early = "";
    let isBlocked = false;
    const line: Line = {
      write: (data) => {
        if (isBlocked) return 0;
        isBlocked = !socket.write(data);
        return data.length;
      },
      end: () => socket.end(),
      heard: (text) => early += text,
      drained: () => {},
      gone: () => {},
    };
    socket.on("data", (bytes) => line.heard(bytes.length > 512 ? "" : bytes.toString("latin1"), bytes.length));
    socket.on("drain", () => {
      isBlocked = false;
      line.drained();
    });
    socket.on("session", (session) => tickets.set(port, session));
    socket.on("error", reject);
    socket.on("close", () => line.gone());
    socket.once("secureConnect", () => {
      if (tls === "resumed" && ticket !== undefined && !socket.isSessionReused()) {
        reject(new Error("a session was not resumed"));
      }
      resolve(replaying(line, () => early));
    });
  });
}

/** A server may have spoken before anybody listened. */
function replaying(line: Line, early: () => string): Line {
  let heard = line.heard;
  return Object.defineProperty(line, "heard", {
    get: () => heard,
    set: (next: Line["heard"]) => {
      heard = next;
      const text = early();
      if (text !== "") queueMicrotask(() => next(text, text.length));
      early = () => "";
    },
  });
}

const decoder = new TextDecoder("latin1");
