/** Servers that a test starts in processes of their own, and that end with it whatever happens. */

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { environment } from "./clients.ts";
import { Watch } from "./watch.ts";

/** A server at work. All that it prints is its log. */
export class Daemon {
  log = "";
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #watch = new Watch();
  #hasEnded = false;
  #isHeld = false;

  /** `signal` is what it is ended with, in the words of `kill`. */
  constructor(program: string, args: readonly string[], signal: "TERM" | "KILL" = "TERM") {
    // In a group of its own the guard outlives a test process that is killed, and still ends the server.
    this.#child = spawn("/bin/sh", ["-c", GUARD, signal, program, ...args], {
      detached: true,
      env: environment(),
      stdio: ["pipe", "pipe", "pipe"],
    });
    const { stdin, stdout, stderr } = this.#child;
    stdin?.on("error", () => {});
    for (const stream of [stdout, stderr]) stream?.setEncoding("latin1").on("data", (text: string) => this.#hear(text));
    this.#ended = new Promise((resolve) => this.#child.on("close", () => resolve()));
    this.#ended.then(() => {
      this.#hasEnded = true;
      this.#watch.look();
    });
  }

  /** Waits until the log shows that it is ready, and gives itself back; a server that does not become so is stopped. */
  async ready(pattern: RegExp): Promise<Daemon> {
    try {
      await this.until(pattern);
      return this;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Waits until the log matches, and gives back the match. Throws when the server ends first. */
  async until(pattern: RegExp): Promise<RegExpExecArray> {
    const describe = () => `there is no ${pattern} in its log:\n${this.log}`;
    await this.#watch.until(() => this.#hasEnded || pattern.test(this.log), describe);
    const match = pattern.exec(this.log);
    if (match === null) throw new Error(`the server ended, and ${describe()}`);
    return match;
  }

  /** Has all of its processes hold still, or go on: its ports accept, and nobody answers. */
  hold(isHeld: boolean): void {
    this.#isHeld = isHeld;
    execFileSync("/bin/kill", [isHeld ? "-STOP" : "-CONT", "--", `-${this.#child.pid}`]);
  }

  /** Resolves when all of its processes are gone. */
  async stop(): Promise<void> {
    if (this.#isHeld) this.hold(false);
    this.#child.stdin?.end();
    await this.#ended;
  }

  #hear(text: string): void {
    this.log += text;
    this.#watch.look();
  }
}

/**
 * Runs a program until it ends or our end of standard input is closed, which also happens when we are killed. The
 * second subshell waits for that; it holds none of the pipes by which we learn that the server has ended.
 */
const GUARD = `
  "$@" </dev/null & server=$!
  exec 3<&0
  ( cat <&3 >/dev/null; kill -$0 $server ) >/dev/null 2>&1 & watch=$!
  exec 3<&-
  wait $server
  kill $watch 2>/dev/null
`;
