/** What Deno does at SIGUSR1 beside what a program wants it to. */

import inspector from "node:inspector";
import type { Process } from "../src/runtime.ts";

/**
 * The process, whose logs may be opened anew without a port for debuggers: Deno opens one on the loopback at SIGUSR1,
 * whether the signal is handled or not, and whoever reaches that port runs what he likes as this user, be it root. It
 * cannot be kept from that, so the port is closed as soon as it is there. One that was asked for (`--inspect`) stays.
 */
export function withoutInspector(base: Process): Process {
  return {
    ...base,
    onSignal(name, handle) {
      if (name !== "SIGUSR1" || inspector.url() !== undefined) return base.onSignal(name, handle);
      base.onSignal(name, () => {
        closeInspector(LOOKS);
        handle();
      });
    },
  };
}

/** It opens a moment behind the signal. */
function closeInspector(looks: number): void {
  if (inspector.url() !== undefined) return inspector.close();
  if (looks > 0) setTimeout(() => closeInspector(looks - 1), PAUSE).unref();
}

const PAUSE = 10;
const LOOKS = 300;
