/** Several auth servers, asked in order. */

import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { FailoverAuthenticator } from "../../../src/auth/failover.ts";
import type { Authenticator, Verdict } from "../../../src/auth/mod.ts";
import { FakeRuntime } from "../../support/fake_runtime.ts";
import { credentials } from "./_support.ts";

/** A source that answers when the test says so, or at once. */
class Source implements Authenticator {
  readonly asked: ((verdict: Verdict) => void)[] = [];
  cancelled = 0;
  readonly #atOnce: Verdict | undefined;

  constructor(atOnce?: Verdict) {
    this.#atOnce = atOnce;
  }

  authenticate(...[, , done]: Parameters<Authenticator["authenticate"]>) {
    this.asked.push(done);
    if (this.#atOnce !== undefined) done(this.#atOnce);
    return () => void this.cancelled++;
  }

  close(): void {}
}

const UNAVAILABLE: Verdict = { type: "unavailable" };
const REFUSED: Verdict = { type: "refused", text: "no", wait: 0, smtpCode: undefined, saslError: undefined };

function ask(sources: readonly Source[], runtime = new FakeRuntime()) {
  const verdicts: Verdict[] = [];
  const source = new FailoverAuthenticator(sources, runtime);
  const again = () => source.authenticate(credentials(), () => {}, (verdict) => verdicts.push(verdict));
  return { verdicts, cancel: again(), again, runtime };
}

const counts = (sources: readonly Source[]) => sources.map(({ asked }) => asked.length);

describe("several auth servers", () => {
  it("are asked in order, until one has an answer", () => {
    const sources = [new Source(), new Source(), new Source()];
    const { verdicts } = ask(sources);
    sources[0]?.asked[0]?.(UNAVAILABLE);
    assertEquals([counts(sources), verdicts], [[1, 1, 0], []]);
    sources[1]?.asked[0]?.(REFUSED);
    assertEquals([counts(sources), verdicts], [[1, 1, 0], [REFUSED]]);
  });

  it("are unavailable when all of them are, also at once", () => {
    for (const atOnce of [undefined, UNAVAILABLE]) {
      const sources = [new Source(atOnce), new Source(atOnce)];
      const { verdicts } = ask(sources);
      if (atOnce === undefined) { for (const { asked } of sources) asked[0]?.(UNAVAILABLE); }
      assertEquals([counts(sources), verdicts], [[1, 1], [UNAVAILABLE]]);
    }
  });

  it("are asked last for ten seconds after they could not be asked", () => {
    const sources = [new Source(UNAVAILABLE), new Source(REFUSED)];
    const { again, runtime } = ask(sources);
    again();
    assertEquals(counts(sources), [1, 2]);
    runtime.clock.advance(10_000);
    again();
    assertEquals(counts(sources), [2, 3]);
  });

  it("are not left for last for what we were short of", () => {
    const short: Verdict = { type: "unavailable", isOurs: true };
    const sources = [new Source(), new Source()];
    const { again, verdicts } = ask(sources);
    for (const { asked } of sources) asked[0]?.(short);
    assertEquals(verdicts, [short]);
    again();
    assertEquals(counts(sources), [2, 1]);
  });

  it("hear that nobody waits for their answer any more: the one that is asked now", () => {
    for (const first of [new Source(), new Source(UNAVAILABLE)]) {
      const sources = [first, new Source()];
      const { cancel, verdicts } = ask(sources);
      if (counts(sources)[1] === 0) first.asked[0]?.(UNAVAILABLE);
      cancel();
      assertEquals([sources.map(({ cancelled }) => cancelled), verdicts], [[0, 1], []]);
    }
  });
});
