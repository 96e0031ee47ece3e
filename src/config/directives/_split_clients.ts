/** The lines of `split_clients {}`. */

import { type Share, splitter, WHOLE } from "../../variables/split.ts";
import type { Facts } from "../../variables/mod.ts";
import type { Octets } from "../../runtime.ts";
import type { Call } from "../call.ts";
import type { Entries } from "../directive.ts";
import { ConfigError } from "../error.ts";
import type { Place } from "../types.ts";
import { checkPair } from "./_table_line.ts";
import { variableName } from "./_variable.ts";

/** Begins the `split_clients` that `call` opens. */
export function splitEntries(call: Call): Entries {
  return new SplitEntries(call);
}

class SplitEntries implements Entries {
  readonly #shares: Share[] = [];
  #choose: (text: Octets) => Octets | undefined = () => undefined;

  constructor(call: Call) {
    const source = call.template(call.arg(0));
    const evaluate = (facts: Facts) => this.#choose(source(facts)) ?? "";
    const reads = source.parts.filter((part) => typeof part !== "string");
    call.scope.variables.define(variableName(call, call.arg(1)), { evaluate, reads }, call.place);
  }

  entry(call: Call): void {
    checkPair(call, "split_clients");
    const value = call.arg(0);
    if (call.name === "*") {
      this.#shares.push({ percent: undefined, value });
      return;
    }
    const percent = readPercent(call.name);
    if (percent === undefined) throw call.error(`invalid percent value "${call.name}"`);
    this.#shares.push({ percent, value });
  }

  end(place: Place): void {
    let total = 0;
    for (const { percent } of this.#shares) {
      total = percent === undefined ? WHOLE : total + percent;
      if (total > WHOLE) throw new ConfigError("percent total is greater than 100%", { place });
    }
    this.#choose = splitter(this.#shares);
  }
}

/** In hundredths of a percent; nothing is no share. */
function readPercent(text: Octets): number | undefined {
  const [, whole = "", fraction = ""] = /^(\d{0,12})(?:\.(\d{0,2}))?%$/.exec(text) ?? [];
  return Number(whole) * 100 + Number(fraction.padEnd(2, "0")) || undefined;
}
