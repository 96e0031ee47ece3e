/** Reading what nobody is to see: from a terminal without its echo, or from a pipe. */

import process from "node:process";
import type { Octets } from "../src/runtime.ts";
import { fromPath } from "./_octets.ts";

/** See `Process.readSecret`. */
export async function readSecret(prompt: string): Promise<Octets> {
  const { stdin, stderr } = process;
  // A pipe may have octets of any kind.
  if (!stdin.isTTY) return await readLine("latin1");
  stderr.write(prompt);
  stdin.setRawMode(true);
  try {
    return fromPath(await readLine("utf8"));
  } finally {
    stdin.setRawMode(false);
    stderr.write("\n");
  }
}

/** What came behind the end of the last line. */
let ahead = "";

/** The characters up to a line end, or to the end of all. A terminal in raw mode sends keys, not lines. */
function readLine(encoding: "latin1" | "utf8"): Promise<string> {
  const { stdin } = process;
  stdin.setEncoding(encoding);
  return new Promise((resolve) => {
    let line = "";
    const finish = () => {
      stdin.off("data", take).off("end", finish);
      stdin.pause();
      resolve(line);
    };
    const take = (text: string) => {
      for (const [at, key] of [...text].entries()) {
        if (key === "\n" || key === "\r" || (key === END && stdin.isTTY)) {
          ahead = [...text].slice(at + 1).join("");
          return finish();
        }
        if (key === INTERRUPT && stdin.isTTY) process.exit(130);
        line = stdin.isTTY ? edited(line, key) : line + key;
      }
    };
    const held = ahead;
    ahead = "";
    stdin.on("data", take).on("end", finish).resume();
    if (held !== "") take(held);
  });
}

/** A line after a key, as terminals have it. */
function edited(line: string, key: string): string {
  if (key === KILL) return "";
  return RUBOUTS.includes(key) ? [...line].slice(0, -1).join("") : line + key;
}

const RUBOUTS: readonly string[] = ["\x7f", "\b"];
/** ^U. */
const KILL = "\x15";
const INTERRUPT = "\x03";
const END = "\x04";
