/** How a worker of Deno's learns that its main process is gone. */

import process from "node:process";
import type { MainLink } from "../src/runtime.ts";
import { clearTimer, setTimer } from "./_timer.ts";

/**
 * The link to the main process, whose end is noticed in any case: one that is killed with something unread resets the
 * channel, of which Deno says nothing to the worker (denoland/deno#35961). A process whose parent ends gets another.
 */
export function noticeOrphaning(link: MainLink): MainLink {
  const parent = process.ppid;
  return {
    send: (message) => link.send(message),
    onMessage: (hear) => link.onMessage(hear),
    onGone: (hear) => {
      const forget = link.onGone(hear);
      let timer = setTimer(INTERVAL, look);
      function look(): void {
        if (process.ppid !== parent) return hear();
        timer = setTimer(INTERVAL, look);
      }
      return () => {
        forget();
        clearTimer(timer);
      };
    },
  };
}

const INTERVAL = 1_000;
