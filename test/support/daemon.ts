/** Servers that a test starts in processes of their own, and that end with it whatever happens. */

import { type ChildProcess, spawn } from "node:child_process";

/** A server at work. All that it prints is its log. */
export class Daemon {
  log = "";
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #hasEnded = false;
  #watchers: (() => void)[] = [];

  /** `signal` is what it is ended with, in the words of `kill`. */
  constructor(program: string, args: readonly string[], signal: "TERM" | "KILL" = "TERM") {
    // In a group of its own the guard outlives a test process that is killed, and still ends the server.
    this.#child = spawn("/bin/sh", ["-c", GUARD, signal, program, ...args], {
      detached: true,
      stdio: ["pipe", "pipe", "pipe"],
    });
    const { stdin, stdout, stderr } = this.#child;
    stdin?.on("error", () => {});
    for (const stream of [stdout, stderr]) stream?.setEncoding("latin1").on("data", (text: string) => this.#hear(text));
    this.#ended = new Promise((resolve) => {
      this.#child.on("error", (error) => {
        this.#hear(error.message);
        resolve();
      });
      this.#child.on("close", () => resolve());
    }).then(() => {
      this.#hasEnded = true;
      this.#hear("");
    });
  }

  /** Waits until the log matches, and gives back the match. Throws when the server ends first. */
  async until(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.log);
      if (match !== null) return match;
      if (this.#hasEnded) throw new Error(`the server ended without ${pattern}, having said:\n${this.log}`);
      await new Promise<void>((resolve) => this.#watchers.push(resolve));
    }
  }

  async stop(): Promise<void> {
    this.#child.stdin?.end();
    await this.#ended;
  }

  #hear(text: string): void {
    this.log += text;
    for (const look of this.#watchers.splice(0)) look();
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
