/**
 * What is played against nginx and the proxy. A script has `C:` for what the client says and `S:` for what both
 * answer; where they differ on purpose, `nginx:` and `postern:` stand for what each of them answers, and
 * `internal error` for the words each has for it. Lines are written as `test/support/transcript.ts` has it. The
 * last thing that happens in every dialogue is that the server closes.
 */

import type { Script } from "../../support/fake_upstream.ts";
import { octets } from "../../support/transcript.ts";
import type { Wire } from "../../support/wire.ts";
import type { DifferenceId } from "./differences.ts";
import type { Protocol, ServerName } from "./servers.ts";

/** The fields of an answer of the auth server, or all of its octets and whether it holds the connection open. */
export type Answer = string | { readonly octets: string; readonly isHeld?: boolean };

export interface Dialogue {
  readonly title: string;
  readonly server: ServerName;
  readonly script: string;
  /** What the auth server answers, one request after the other. `PORT` is the upstream's; it lets in if left out. */
  readonly auth?: readonly Answer[];
  /** What the upstream says. It logs in if left out, see {@linkcode LOGINS}. */
  readonly upstream?: Script;
  /** In what nginx and the proxy differ here, beside the words of an internal error. */
  readonly differs?: readonly DifferenceId[];
  /** What only the one and only the other says to the auth server or the upstream. */
  readonly nginxSays?: readonly string[];
  readonly posternSays?: readonly string[];
  /** Whether it is played with everything that the client says in one piece, too. It is if left out. */
  readonly isPipelined?: boolean;
}

/** A step of a script: what the client says, or what each of the two answers. */
export type Step =
  | { readonly type: "say"; readonly octets: string }
  | { readonly type: "answer"; readonly nginx: string; readonly postern: string };

/** Takes a script apart; neighbours of one kind become one step. */
export function parseScript(script: string, protocol: Protocol): Step[] {
  const steps: Step[] = [];
  for (const line of script.split("\n").map((line) => line.replace(/^ +/, "")).filter((line) => line !== "")) {
    add(steps, line === "internal error" ? INTERNAL_ERRORS[protocol] : parseLine(line));
  }
  return steps;
}

function parseLine(line: string): Step {
  const [, who, text] = /^(C|S|nginx|postern): ?(.*)$/s.exec(line) ?? [];
  if (who === undefined || text === undefined) throw new Error(`Not a line of a dialogue: ${line}`);
  const said = octets(text);
  if (who === "C") return { type: "say", octets: said };
  return { type: "answer", nginx: who === "postern" ? "" : said, postern: who === "nginx" ? "" : said };
}

function add(steps: Step[], step: Step): void {
  const last = steps.at(-1);
  if (last?.type === "say" && step.type === "say") {
    steps[steps.length - 1] = { type: "say", octets: last.octets + step.octets };
  } else if (last?.type === "answer" && step.type === "answer") {
    steps[steps.length - 1] = {
      type: "answer",
      nginx: last.nginx + step.nginx,
      postern: last.postern + step.postern,
    };
  } else steps.push(step);
}

/** Everything in one piece: what the client says at once, and all that it hears. */
export function joined(steps: readonly Step[]): Step[] {
  const all = (pick: (step: Step) => string) => steps.map(pick).join("");
  return [
    { type: "say", octets: all((step) => step.type === "say" ? step.octets : "") },
    {
      type: "answer",
      nginx: all((step) => step.type === "answer" ? step.nginx : ""),
      postern: all((step) => step.type === "answer" ? step.postern : ""),
    },
  ];
}

const INTERNAL_ERRORS: Readonly<Record<Protocol, Step>> = {
  imap: {
    type: "answer",
    nginx: "* BAD internal server error\r\n",
    postern: "* BAD [UNAVAILABLE] internal server error\r\n",
  },
  pop3: {
    type: "answer",
    nginx: "-ERR internal server error\r\n",
    postern: "-ERR [SYS/TEMP] internal server error\r\n",
  },
  smtp: {
    type: "answer",
    nginx: "451 4.3.2 Internal server error\r\n",
    postern: "451 4.3.2 Internal server error\r\n",
  },
};

/** Says everything back, and hangs up behind a line that ends in `bye`. */
export function parrot(wire: Wire): void {
  let said = "";
  wire.onMore((octets) => {
    const before = said.length;
    said += octets;
    const end = said.indexOf("bye\r\n");
    wire.send(said.slice(before, end < 0 ? said.length : end + 5));
    if (end >= 0) wire.end();
  });
}

/** The upstreams that let in whoever comes. */
export const LOGINS: Readonly<Record<Protocol, Script>> = {
  imap: ["* OK ready\r\n", "+ OK\r\n", "+ OK\r\n", "TAG OK logged in\r\n", parrot],
  pop3: ["+OK ready\r\n", "+OK\r\n", "+OK mailbox open\r\n", parrot],
  smtp: ["220 up\r\n", "250 up\r\n", "220 up\r\n", "250 up\r\n", parrot],
};
