import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { SOLITARY_BOARD } from "../../../src/proxy/board.ts";
import { Limits, LimitZones } from "../../../src/proxy/limits.ts";
import { SessionFacts } from "../../../src/proxy/facts.ts";
import { FakeRuntime, FakeSocket } from "../../support/fake_runtime.ts";

function newcomer(): SessionFacts {
  const runtime = new FakeRuntime();
  const socket = new FakeSocket(runtime.clock, {
    remote: { family: 4, host: "192.0.2.1", port: 40000 },
    local: { family: 4, host: "192.0.2.2", port: 143 },
  });
  const zones = new LimitZones({ board: SOLITARY_BOARD, runtime });
  const limits = new Limits({ rules: [], level: "error", isDryRun: false }, zones);
  const service = { runtime, limits, protocol: "imap", serverName: "mail" } as const;
  return new SessionFacts({ service, socket, number: 1, listen: "*:143" });
}

const ANNA = { method: "plain", login: "anna", clientHost: undefined, envelope: undefined };

describe("the facts of a connection", () => {
  it("have the upstreams of the last login, however many logins there were", () => {
    const facts = newcomer();
    for (let attempt = 1; attempt <= 1000; attempt++) {
      facts.claimed({ ...ANNA, attempt });
      facts.tries("192.0.2.3:143");
      facts.tries(`192.0.2.4:${attempt}`);
      facts.loginFailed();
      facts.mayTryAgain();
    }
    assertEquals(facts.upstreams.map(({ text }) => text), ["192.0.2.3:143", "192.0.2.4:1000"]);
    assertEquals(facts.attempts, 1000);
  });

  it("keep who a client says it is, and not how it proves that", () => {
    const facts = newcomer();
    const credentials = { ...ANNA, attempt: 1, secret: "sesame", salt: "<1@x>" };
    facts.claimed(credentials);
    assertEquals(facts.claim, ANNA);
  });

  it("go back to waiting for the client when a login has failed, unless that was the last", () => {
    const facts = newcomer();
    facts.claimed({ ...ANNA, attempt: 1 });
    facts.judged();
    facts.loginFailed();
    assertEquals([facts.phase, facts.event, facts.result], ["auth", "login_failed", "refused"]);
    facts.mayTryAgain();
    assertEquals([facts.phase, facts.event, facts.result], ["login", undefined, undefined]);
    facts.end("refused");
    assertEquals([facts.phase, facts.event, facts.result], ["auth", "end", "refused"]);
  });
});
