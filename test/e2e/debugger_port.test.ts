import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { describe, it } from "node:test";
import { freePort } from "../support/free_ports.ts";
import { installations } from "../support/installation.ts";
import { eventually } from "../support/watch.ts";

const install = installations();

describe("a log rotation", () => {
  it("leaves no port open for debuggers", { timeout: 60_000 }, async () => {
    const port = await freePort();
    const { program, logs } = await install(`
      error_log main.log notice;
      mail { auth_http 127.0.0.1; server { listen 127.0.0.1:${port}; protocol imap; } }`);
    program.signal("SIGUSR1");
    await logs("main.log", "reopening logs");
    const start = performance.now();
    const { pid = 0 } = program.child;
    // It would be open by then, if nobody held the port already.
    await eventually(
      () => performance.now() - start > SETTLED && !isListening(pid, DEBUGGER_PORT),
      () => `port ${DEBUGGER_PORT} is open`,
    );
  });
});

/** Whether a process listens on a port of the loopback, as far as the kernel tells. */
function isListening(pid: number, port: number): boolean {
  const folder = `/proc/${pid}/fd`;
  if (!existsSync(folder)) return false;
  const address = `0100007F:${port.toString(16).toUpperCase()}`;
  const sockets = readFileSync("/proc/net/tcp", "latin1").split("\n").map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => local === address && state === "0A").map((columns) => `socket:[${columns[9]}]`);
  return readdirSync(folder).some((name) => sockets.includes(target(`${folder}/${name}`)));
}

/** A descriptor may be closed while it is looked at. */
function target(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

/** What Node and Deno choose. */
const DEBUGGER_PORT = 9229;
const SETTLED = 1_500;
