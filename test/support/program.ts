/** The program as its user starts it, in a process of its own, under the runtime that runs the test. */

import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

const ROOT = join(import.meta.dirname, "..", "..");

/** What to put in front of the program's arguments; `POSTERN_BINARY` is a compiled one to be tested in its place. */
export function programCommand(): readonly [string, ...string[]] {
  const binary = process.env["POSTERN_BINARY"];
  if (binary !== undefined) return [binary];
  return scriptCommand(join(ROOT, "Deno" in globalThis ? "mod.ts" : join("src", "main.ts")));
}

/** How this runtime starts a file. */
function scriptCommand(path: string): readonly [string, ...string[]] {
  if (!("Deno" in globalThis)) return [process.execPath, path];
  return [process.execPath, "run", "--quiet", "-A", "--config", join(ROOT, "deno.json"), path];
}

/** How a run differs from the usual one. */
export interface ProgramOptions {
  readonly cwd?: string;
  /** What starts the program, such as a shell that lowers a limit. */
  readonly wrapper?: readonly string[];
  /** Another file that is run in place of the program. */
  readonly script?: string;
  /** A binary that is run in place of the runtime and the program. */
  readonly command?: readonly string[];
}

/** How a run of the program ended. */
export interface Ending {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A run of the program. */
export class Program {
  readonly child: ChildProcess;
  readonly ending: Promise<Ending>;
  stdout = "";
  stderr = "";
  #waiting: { readonly text: string; readonly resolve: () => void }[] = [];

  constructor(args: readonly string[], options: ProgramOptions = {}) {
    const usual = options.script === undefined ? programCommand() : scriptCommand(options.script);
    const [command = "", ...rest] = [...options.wrapper ?? [], ...options.command ?? usual, ...args];
    this.child = spawn(command, rest, { cwd: options.cwd ?? tmpdir(), stdio: ["ignore", "pipe", "pipe"] });
    this.child.stdout?.setEncoding("latin1").on("data", (text: string) => this.#hear("stdout", text));
    this.child.stderr?.setEncoding("latin1").on("data", (text: string) => this.#hear("stderr", text));
    this.ending = new Promise((resolve, reject) => {
      this.child.on("error", reject);
      this.child.on("close", (code) => resolve({ code, stdout: this.stdout, stderr: this.stderr }));
    });
  }

  /** Resolves once the program has printed `text`; rejects when it ends without. */
  prints(text: string): Promise<void> {
    if (this.#has(text)) return Promise.resolve();
    const printed = new Promise<void>((resolve) => this.#waiting.push({ text, resolve }));
    const ended = this.ending.then(({ code, stderr }) => {
      if (!this.#has(text)) throw new Error(`ended with ${code} without "${text}", having said: ${stderr}`);
    });
    return Promise.race([printed, ended]);
  }

  /** By the process id, since a second `child.kill` does nothing under Deno. */
  signal(name: NodeJS.Signals): void {
    if (this.child.pid !== undefined) process.kill(this.child.pid, name);
  }

  #hear(stream: "stdout" | "stderr", text: string): void {
    this[stream] += text;
    const heard = this.#waiting.filter((waiter) => this.#has(waiter.text));
    this.#waiting = this.#waiting.filter((waiter) => !heard.includes(waiter));
    for (const { resolve } of heard) resolve();
  }

  #has(text: string): boolean {
    return this.stdout.includes(text) || this.stderr.includes(text);
  }
}

/** Runs the program to its end. */
export function runProgram(...args: string[]): Promise<Ending> {
  return new Program(args).ending;
}

/** A folder of its own for a test's files, which workers that root starts as somebody else can look into. */
export class TestFolder {
  readonly path = mkdtempSync(join(tmpdir(), "postern-"));

  constructor() {
    chmodSync(this.path, 0o755);
  }

  /** Writes a file and gives back its path. */
  write(name: string, text: string): string {
    const path = join(this.path, name);
    writeFileSync(path, text);
    return path;
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
