/** Reading what nobody is to see: from a terminal without its echo, or from a pipe. */

import process from "node:process";
import type { Octets } from "../src/runtime.ts";
import { fromPath } from "./_octets.ts";

/** See `Process.readSecret`. */
export async function readSecret(prompt: string): Promise<Octets> {
  const { stdin, stderr } = process;
  if (!stdin.isTTY) return fromPath(await readLine());
  stderr.write(prompt);
  stdin.setRawMode(true);
  try {
    return fromPath(await readLine());
  } finally {
    stdin.setRawMode(false);
    stderr.write("\n");
  }
}

/** What came behind the end of the last line. */
let ahead = "";

/** The characters up to a line end, or to the end of all. A terminal in raw mode sends keys, not lines. */
function readLine(): Promise<string> {
  const { stdin } = process;
  stdin.setEncoding("utf8");
  return new Promise((resolve) => {
    let line = "";
    const finish = () => {
      stdin.off("data", take).off("end", finish);
      stdin.pause();
      resolve(line);
    };
    const take = (text: string) => {
      for (const [at, key] of [...text].entries()) {
        if (key === "\n" || key === "\r" || key === END) {
          ahead = [...text].slice(at + 1).join("");
          return finish();
        }
        if (key === INTERRUPT && stdin.isTTY) process.exit(130);
        const isRubout = stdin.isTTY && (key === "\x7f" || key === "\b");
        line = isRubout ? [...line].slice(0, -1).join("") : line + key;
      }
    };
    const held = ahead;
    ahead = "";
    stdin.on("data", take).on("end", finish).resume();
    if (held !== "") take(held);
  });
}

const INTERRUPT = "\x03";
const END = "\x04";
