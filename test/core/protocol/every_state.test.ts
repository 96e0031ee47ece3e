/** Whatever happens whenever: each session in each of its states is told everything that a driver could tell it. */

import { assert, assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import type { Accepted, Refused } from "../../../src/auth/mod.ts";
import { encode } from "../../../src/session/bytes.ts";
import { type Effect, type Input, Secret, type Session } from "../../../src/session/mod.ts";
import { SingleRoute } from "../../../src/upstream/mod.ts";
import { imapSession, pop3Session, smtpSession } from "../../support/sessions.ts";
import { TLS } from "../../support/transcript.ts";

const ACCEPTED: Accepted = {
  type: "accepted",
  route: new SingleRoute({ target: { host: "192.0.2.1", port: 143 }, text: "192.0.2.1:143" }),
  login: "joe",
  secret: new Secret("s3cret"),
};
const REFUSED: Refused = { type: "refused", text: "no", wait: 0, smtpCode: undefined, saslError: undefined };

const says = (side: "client" | "upstream", text: string): Input => ({ type: "bytes", side, bytes: encode(text) });

/** Everything that can be told, good and bad. */
const EVENTS: Readonly<Record<string, Input>> = {
  opened: { type: "opened" },
  "a command": says("client", "a NOOP\r\n"),
  "a login": says("client", "AUTH PLAIN AGpvZQBzM2NyZXQ=\r\n"),
  "half a command": says("client", "a NO"),
  garbage: says("client", "\0\xff\r\x80\n"),
  "an empty chunk": says("client", ""),
  "a good reply": says("upstream", "* OK\r\n"),
  "a bad reply": says("upstream", "-ERR no\r\n"),
  "half a reply": says("upstream", "+"),
  "the client's end": { type: "ended", side: "client" },
  "the upstream's end": { type: "ended", side: "upstream" },
  "TLS with the client": { type: "secured", side: "client", facts: TLS },
  "TLS with the upstream": { type: "secured", side: "upstream", facts: TLS },
  "no TLS with the client": { type: "notSecured", side: "client", text: "reason" },
  "no TLS with the upstream": { type: "notSecured", side: "upstream", text: "reason" },
  "a name": { type: "resolved", host: "mx.example.net" },
  "a good verdict": { type: "verdict", verdict: ACCEPTED },
  "a refusal": { type: "verdict", verdict: REFUSED },
  "a refusal for later": { type: "verdict", verdict: { ...REFUSED, wait: 1000 } },
  "no verdict": { type: "verdict", verdict: { type: "unavailable" } },
  connected: { type: "connected" },
  "not connected": { type: "connectFailed" },
  "no other upstream": { type: "noUpstream" },
  "time is up": { type: "timedOut" },
  shutdown: { type: "shutdown" },
};

const LOGIN = {
  imap: "a LOGIN joe s3cret\r\n",
  pop3: "USER joe\r\nPASS s3cret\r\n",
  smtp: "AUTH PLAIN AGpvZQBzM2NyZXQ=\r\n",
};
const OPTIONS = { startTls: "on", mechanisms: ["plain", "cram-md5", "oauthbearer"] } as const;
const START = {
  imap: () => imapSession(OPTIONS),
  pop3: () => pop3Session(OPTIONS),
  smtp: () => smtpSession({ ...OPTIONS, resolvesClient: true, greetingDelay: 1000, allowsAnonymous: true }),
};
const STARTTLS = { imap: "a STARTTLS\r\n", pop3: "STLS\r\n", smtp: "STARTTLS\r\n" };
const GREETING = { imap: "* OK ready\r\n", pop3: "+OK ready\r\n", smtp: "220 ready\r\n" };

type Protocol = keyof typeof START;

/** How each state is reached. */
function states(protocol: Protocol): Readonly<Record<string, readonly Input[]>> {
  const before: Input[] = [{ type: "opened" }];
  const greeted: Input[] = protocol === "smtp"
    ? [...before, { type: "resolved", host: "[UNAVAILABLE]" }, { type: "timedOut" }]
    : before;
  const asked = [...greeted, says("client", LOGIN[protocol])];
  const connecting: Input[] = [...asked, { type: "verdict", verdict: ACCEPTED }];
  const connected: Input[] = [...connecting, { type: "connected" }];
  return {
    new: [],
    opened: before,
    "before the greeting": protocol === "smtp" ? [...before, { type: "resolved", host: "[UNAVAILABLE]" }] : before,
    greeted,
    "in a command": [...greeted, says("client", "a NO")],
    "in an exchange": [...greeted, says("client", `${protocol === "imap" ? "a AUTHENTICATE" : "AUTH"} CRAM-MD5\r\n`)],
    "in a handshake": [...greeted, says("client", STARTTLS[protocol])],
    "behind a handshake": [...greeted, says("client", STARTTLS[protocol]), {
      type: "secured",
      side: "client",
      facts: TLS,
    }],
    authenticating: asked,
    "with a pipeline": [...asked, says("client", "b NOOP\r\n")],
    delaying: [...asked, { type: "verdict", verdict: { ...REFUSED, wait: 1000 } }],
    connecting,
    connected,
    "in the upstream's login": [...connected, says("upstream", GREETING[protocol])],
    over: [...greeted, { type: "shutdown" }],
  };
}

/** What must hold for all that a session answers: it ends once, and says nothing after its end. */
function check(effects: readonly Effect[], hasEnded: boolean): boolean {
  if (hasEnded) assertEquals(effects, []);
  const ends = effects.filter(({ type }) => type === "close" || type === "splice");
  assert(ends.length <= 1, `ended ${ends.length} times`);
  if (ends.length === 1) assertEquals(effects.at(-1), ends[0]);
  return hasEnded || ends.length === 1;
}

function tell(session: Session, inputs: readonly Input[], now: number): boolean {
  let hasEnded = false;
  for (const input of inputs) hasEnded = check(session.receive(input, now), hasEnded);
  return hasEnded;
}

for (const protocol of ["imap", "pop3", "smtp"] as const) {
  describe(`${protocol.toUpperCase()}, in every state`, () => {
    for (const [state, way] of Object.entries(states(protocol))) {
      it(`${state}: survives every event, and every event behind it`, () => {
        for (const first of Object.values(EVENTS)) {
          for (const second of Object.values(EVENTS)) {
            const session = START[protocol]();
            const hasEnded = tell(session, [...way, first, second], 0);
            assertEquals(session.wants("client") && hasEnded, false);
            if (hasEnded) assertEquals(session.deadline, undefined);
          }
        }
      });
    }
  });
}
