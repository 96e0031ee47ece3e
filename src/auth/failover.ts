import type { Cancel, Millis, Runtime } from "../runtime.ts";
import { Steps } from "../steps.ts";
import type { Authenticator, Credentials, Note, Verdict } from "./mod.ts";

/**
 * Several sources, asked in order until one has an answer. One that could not be asked is left for last for a while, so
 * that a dead server costs one login its time and not every login.
 */
export class FailoverAuthenticator implements Authenticator {
  readonly #runtime: Pick<Runtime, "now">;
  readonly #sources: { readonly authenticator: Authenticator; restsUntil: Millis }[];

  constructor(authenticators: readonly Authenticator[], runtime: Pick<Runtime, "now">) {
    this.#runtime = runtime;
    this.#sources = authenticators.map((authenticator) => ({ authenticator, restsUntil: -Infinity }));
  }

  authenticate(credentials: Credentials, note: Note, done: (verdict: Verdict) => void): Cancel {
    const now = this.#runtime.now();
    const isRested = ({ restsUntil }: { readonly restsUntil: Millis }) => restsUntil <= now;
    const order = [...this.#sources.filter(isRested), ...this.#sources.filter((source) => !isRested(source))];
    const steps = new Steps();
    let last: Verdict = { type: "unavailable" };
    const ask = (): void => {
      const source = order.shift();
      if (source === undefined) return done(last);
      steps.begin(() =>
        source.authenticator.authenticate(credentials, note, (verdict) => {
          last = verdict;
          if (verdict.type !== "unavailable") source.restsUntil = -Infinity;
          else if (verdict.isOurs !== true) source.restsUntil = this.#runtime.now() + REST;
          if (verdict.type === "unavailable") ask();
          else done(verdict);
        })
      );
    };
    ask();
    return () => steps.cancel();
  }

  close(): void {
    for (const { authenticator } of this.#sources) authenticator.close();
  }
}

/** As long as nginx's `fail_timeout`. */
const REST: Millis = 10_000;
