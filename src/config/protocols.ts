import type { Protocol } from "./types.ts";

/** All that there are. */
export const PROTOCOLS: readonly Protocol[] = ["imap", "pop3", "smtp"];
