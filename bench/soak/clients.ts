/** The clients of the soak. Each does one thing from its connect to its end, and says how it went. */

import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { Buffer } from "node:buffer";
import { PATTERN } from "./pattern.ts";

/** Where the proxy listens. */
export interface Ports {
  readonly imap: number;
  readonly pop3: number;
  readonly smtp: number;
  readonly imaps: number;
}

/** What can come of a session. */
export type Result =
  /** All went as it should. */
  | "finished"
  /** It was cut off behind its login: its worker or its mail server was killed. */
  | "cut off"
  /** The proxy said that it cannot serve now: `[UNAVAILABLE]` and the like. */
  | "told to come again"
  /** It said goodbye to a client that was not logged in, since it was stopping. */
  | "said goodbye"
  | "refused connection"
  | "reset before login"
  | "ended before login"
  | "wrong octets"
  | "wrong answer"
  | "silent"
  /** It was not logged in when the worker was killed that it had come to. */
  | "died with its worker";

/** How a session went, and what the client heard last. */
export interface Course {
  readonly result: Result;
  readonly said: string;
}

/** One kind of session. */
export interface Kind {
  readonly name: string;
  run(ports: Ports): Promise<Course>;
}

export const KINDS: readonly Kind[] = [
  { name: "IMAP login", run: (ports) => talk(connect(ports.imap), IMAP) },
  { name: "POP3 login", run: (ports) => talk(connect(ports.pop3), POP3) },
  { name: "SMTP login", run: (ports) => talk(connect(ports.smtp), SMTP) },
  { name: "IMAP over TLS", run: (ports) => talk(secure(ports.imaps), IMAP) },
  { name: "download over TLS", run: (ports) => talk(secure(ports.imaps), DOWNLOAD) },
  { name: "download", run: (ports) => talk(connect(ports.imap), DOWNLOAD) },
  { name: "wrong password", run: (ports) => talk(connect(ports.imap), WRONG) },
  { name: "idle for a while", run: (ports) => talk(connect(ports.imap), IDLE) },
];

/** A step: wait for this, then say that. */
interface Step {
  readonly until: string | number;
  readonly say?: string;
  /** Milliseconds to wait before it is said. */
  readonly pause?: number;
  /** Whether the client is logged in from here on. */
  readonly isIn?: true;
}

const IMAP: readonly Step[] = [
  { until: "* OK", say: "a LOGIN joe s3cret\r\n" },
  { until: "a OK", say: "b NOOP\r\n", isIn: true },
  { until: "b OK", say: "c LOGOUT\r\n" },
  { until: "c OK" },
];
const DOWNLOAD: readonly Step[] = [
  { until: "* OK", say: "a LOGIN joe s3cret\r\n" },
  { until: "a OK", say: `b DOWN ${PATTERN.length}\r\n`, isIn: true },
  { until: PATTERN.length, say: "c LOGOUT\r\n" },
  { until: "c OK" },
];
const IDLE: readonly Step[] = [
  { until: "* OK", say: "a LOGIN joe s3cret\r\n" },
  { until: "a OK", say: "b NOOP\r\n", isIn: true, pause: 20_000 },
  { until: "b OK", say: "c LOGOUT\r\n" },
  { until: "c OK" },
];
const WRONG: readonly Step[] = [
  { until: "* OK", say: "a LOGIN joe wrong\r\n" },
  { until: "a NO", say: "b LOGOUT\r\n" },
  { until: "b OK" },
];
const POP3: readonly Step[] = [
  { until: "+OK", say: "USER joe\r\n" },
  { until: "+OK", say: "PASS s3cret\r\n" },
  { until: "+OK", say: "QUIT\r\n", isIn: true },
  { until: "+OK" },
];
const SMTP: readonly Step[] = [
  { until: "220", say: "EHLO soak\r\n" },
  { until: "250 ", say: `AUTH PLAIN ${btoa("\0joe\0s3cret")}\r\n` },
  { until: "235", say: "QUIT\r\n", isIn: true },
  { until: "221" },
];

function secure(port: number): Socket {
  return connectTls({ port, rejectUnauthorized: false });
}

/** Whatever is silent for longer than that has failed. */
const PATIENCE = 60_000;

const SORRY = /\[UNAVAILABLE\]|\[SYS\/TEMP\]|^4\d\d |internal server error/im;
const GOODBYE = /^\* BYE|^\+OK .*(bye|shut)|^421 /im;

function talk(socket: Socket, steps: readonly Step[]): Promise<Course> {
  return new Promise((resolve) => {
    let at = 0;
    let isIn = false;
    let said = "";
    let taken = 0;
    const end = (result: Result) => {
      resolve({ result, said });
      socket.destroy();
    };
    const next = ({ say, pause = 0, isIn: isLoggedIn }: Step) => {
      at++;
      isIn ||= isLoggedIn === true;
      said = "";
      if (at === steps.length) return end("finished");
      if (say !== undefined) setTimeout(() => socket.write(say), pause);
    };
    socket.setTimeout(PATIENCE, () => end("silent"));
    socket.on("error", (error: NodeJS.ErrnoException) => end(broken(error.code ?? "", isIn)));
    socket.on("close", () => resolve({ result: isIn ? "cut off" : endedEarly(said), said }));
    socket.on("data", (bytes: Buffer) => {
      const step = steps[at];
      if (step === undefined) return;
      if (typeof step.until === "number") {
        if (!isPattern(bytes, taken)) return end("wrong octets");
        taken += bytes.length;
        if (taken >= step.until) next(step);
        return;
      }
      said += bytes.toString("latin1");
      if (said.includes(step.until)) next(step);
      else if (SORRY.test(said)) end("told to come again");
    });
  });
}

function broken(code: string, isIn: boolean): Result {
  if (isIn) return "cut off";
  return code === "ECONNREFUSED" ? "refused connection" : "reset before login";
}

function endedEarly(said: string): Result {
  if (SORRY.test(said)) return "told to come again";
  if (GOODBYE.test(said)) return "said goodbye";
  return said === "" ? "ended before login" : "wrong answer";
}

function isPattern(bytes: Uint8Array, from: number): boolean {
  return Buffer.compare(bytes, PATTERN.subarray(from, from + bytes.length)) === 0;
}
