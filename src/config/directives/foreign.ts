/** Blocks that are for nginx itself, or for other modules of it, and stand in the same file. */

import { accepted, block, MAIN } from "../directive.ts";
import type { Block, Module } from "../directive.ts";

function foreign(name: string, meaning: string): Block {
  return block({ name, contexts: MAIN, meaning, state: accepted("passed over with a notice; nothing in it is read") });
}

export const foreignModule: Module = {
  title: "Left to nginx",
  about: "One file may serve nginx and Postern: these blocks are passed over, whatever is in them.",
  directives: [
    foreign("http", "Web servers"),
    foreign("stream", "TCP and UDP proxies"),
    foreign("rtmp", "Video servers, of a module by other authors"),
    foreign("mgmt", "Licences of the commercial nginx"),
  ],
};
