/** Who may connect, and whose word about a client's address counts. */

import { parseNetwork } from "../cidr.ts";
import type { Network } from "../cidr.ts";
import type { Call } from "../call.ts";
import { directive, MAIL_AND_SERVER, ONE } from "../directive.ts";
import type { Kind, Module } from "../directive.ts";
import { lineOf } from "../error.ts";
import { listOf } from "../kinds.ts";
import type { AccessRule, TrustedSource } from "../types.ts";

/** Has the rules of both directives, in their order. */
export const allow = directive<readonly AccessRule[]>({
  name: "allow",
  contexts: MAIL_AND_SERVER,
  since: "stream 1.9.2",
  kind: rules("allow"),
  default: [],
  meaning: "Who may connect: of all `allow` and `deny` the first that fits counts, and where none fits a client may",
});

const deny = directive<readonly AccessRule[]>({
  name: "deny",
  contexts: MAIL_AND_SERVER,
  since: "stream 1.9.2",
  kind: rules("deny"),
  default: [],
  meaning: "Who may not connect, see `allow`; those of `server {}` replace both kinds of `mail {}`",
  storedAs: allow,
});

function rules(action: AccessRule["action"]): Kind<readonly AccessRule[]> {
  return listOf("address | CIDR | unix: | all", (call) => {
    const network = readNetwork(call);
    if (network === undefined) throw call.error(`invalid parameter "${call.arg(0)}"`);
    return [{ action, network }];
  }, ONE);
}

export const setRealIpFrom = directive<readonly TrustedSource[]>({
  name: "set_real_ip_from",
  contexts: MAIL_AND_SERVER,
  since: "1.19.8",
  kind: listOf("address | CIDR | name | unix:", (call) => [readSource(call)], ONE),
  default: [],
  meaning: "Who may say in a PROXY header where a client really comes from; a name stands for all its addresses",
});

function readSource(call: Call): TrustedSource {
  const text = call.arg(0);
  const network = readNetwork(call);
  if (network !== undefined && network.type !== "all") return { network };
  if (!NAME.test(text) || NUMBERS.test(text)) throw call.error(`host not found in set_real_ip_from "${text}"`);
  return { name: text, position: lineOf(call.place) };
}

function readNetwork(call: Call): Network | undefined {
  const parsed = parseNetwork(call.arg(0));
  if (parsed?.hasLowBits) call.warn(`low address bits of ${call.arg(0)} are meaningless`);
  return parsed?.network;
}

/** What a resolver could know: RFC 1035, 2.3.4 has the length. */
const NAME = /^[^/:[\]]{1,253}$/;
const NUMBERS = /^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$/;

export const accessModule: Module = {
  title: "Access",
  about: "Which clients are served, and how they are known behind another proxy.",
  directives: [allow, deny, setRealIpFrom],
};
