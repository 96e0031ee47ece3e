/** What becomes of clients that send wrong passwords. */

import type { Call } from "../call.ts";
import { parseNetwork } from "../cidr.ts";
import type { Network } from "../cidr.ts";
import { directive, MAIL_AND_SERVER, SOME } from "../directive.ts";
import type { Module } from "../directive.ts";
import { listOf, once } from "../kinds.ts";
import { parseMillis } from "../values.ts";

export const authFailureDelay = directive<Delay | "off">({
  name: "auth_failure_delay",
  contexts: MAIL_AND_SERVER,
  kind: once("time [most] | off", readDelay, { least: 1, most: 2 }),
  default: "off",
  written: "off",
  meaning:
    "How long the answer to a wrong password is held back. It doubles with each wrong password from the same address " +
    "(of IPv6, the same /64), up to `most` (16 times `time` when left out); the same wrong password counts once. A good " +
    "one, or 15 minutes, make up for all. What a client does not wait for, because it hangs up, the next logins of its " +
    "address that come to the same worker process wait for before they are looked at, right ones too; not where the mail " +
    "server checks the password. Worker processes tell each other the numbers, so that a password that comes to " +
    "several of them counts once in each",
});

export const authFailureDelayExempt = directive<readonly Network[]>({
  name: "auth_failure_delay_exempt",
  contexts: MAIL_AND_SERVER,
  kind: listOf("address | CIDR | unix: …", readNetworks, SOME),
  default: [],
  meaning: "Who never waits: webmail and other proxies, which log in for many",
});

/** In milliseconds. */
interface Delay {
  readonly first: number;
  readonly most: number;
}

function readDelay(call: Call): Delay | "off" {
  if (call.args.length === 1 && call.arg(0) === "off") return "off";
  const first = parseMillis(call.arg(0));
  const most = call.args.length === 1 ? first && Math.min(first * 16, LONGEST) : parseMillis(call.arg(1));
  if (first === undefined || most === undefined || first === 0) {
    throw call.error(`"${call.name}" directive invalid value`);
  }
  if (most < first || most > LONGEST) {
    throw call.error(`"${call.name}" directive invalid value`, `it may hold back from "time" up to ${LONGEST / 1000}s`);
  }
  return { first, most };
}

function readNetworks(call: Call): readonly Network[] {
  return call.args.map((text) => {
    const parsed = parseNetwork(text);
    if (parsed === undefined) throw call.error(`invalid parameter "${text}"`);
    if (parsed.hasLowBits) call.warn(`low address bits of ${text} are meaningless`);
    return parsed.network;
  });
}

/** Clients and their users give up earlier. */
const LONGEST = 120_000;

export const authFailure: Module = {
  title: "Wrong passwords",
  about: "What guessers meet. nginx leaves all of it to the auth server.",
  directives: [authFailureDelay, authFailureDelayExempt],
};
