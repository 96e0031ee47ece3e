/** The program with a configuration, logs and a pid file in a folder of its own. */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach } from "node:test";
import { readIfThere } from "./files.ts";
import { Program, TestFolder } from "./program.ts";
import { eventually } from "./watch.ts";

/** Starts programs for the tests of one file. Each is stopped behind its test. */
export function installations(): (text: string, ...args: string[]) => Promise<Installation> {
  const running: Installation[] = [];
  afterEach(async () => {
    for (const installation of running.splice(0)) await installation.stop();
  });
  return async (text, ...args) => {
    const installation = new Installation(text, args);
    running.push(installation);
    await installation.serves();
    return installation;
  };
}

/** A program at work. Relative paths in its configuration are in its folder. Its functions may be taken out of it. */
export class Installation {
  readonly program: Program;
  readonly #folder = new TestFolder();
  readonly #configuration: string;
  #hasEnded = false;

  constructor(text: string, args: readonly string[]) {
    const folder = this.#folder.path;
    this.#configuration = this.#folder.write("nginx.conf", `daemon off; pid pid; events {}\n${text}`);
    this.program = new Program(["-p", folder, "-c", this.#configuration, "-e", "stderr", ...args]);
    this.program.ending.then(() => this.#hasEnded = true, () => this.#hasEnded = true);
  }

  /** Resolves once it accepts connections and obeys signals. */
  async serves(): Promise<void> {
    const describe = () => `the program does not start: ${this.program.stderr}`;
    await eventually(() => this.#hasEnded || existsSync(this.path("pid")), describe);
    if (this.#hasEnded) throw new Error(describe());
  }

  /** Where a file of its own is. */
  readonly path = (name: string): string => join(this.#folder.path, name);

  /** The lines of a file. */
  readonly lines = (name: string): string[] => {
    return readFileSync(this.path(name), "latin1").split("\n").slice(0, -1);
  };

  /** Resolves once a file has this text. */
  readonly logs = async (name: string, text: string): Promise<void> => {
    const found = () => readIfThere(this.path(name));
    await eventually(() => found()?.includes(text) === true, () => `no "${text}" in ${name}: ${found()}`);
  };

  /** Ends it at once, and waits for that. Its files stay until `stop`. */
  readonly end = async (): Promise<void> => {
    if (!this.#hasEnded) this.program.signal("SIGTERM");
    await this.program.ending;
  };

  async stop(): Promise<void> {
    await this.end();
    this.#folder.remove();
  }
}
