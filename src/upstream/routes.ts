import { parseServer } from "../config/address.ts";
import type { Octets } from "../runtime.ts";
import type { Route } from "./mod.ts";
import { SingleRoute } from "./single.ts";

/** Finds the way that a name leads: to a group of the configuration, else to the server that has it for its address. */
export class Routes {
  /** By their names in lower case. */
  readonly #groups: ReadonlyMap<Octets, Route>;
  readonly #port: number;

  /** `port` is for an address that is written without one. */
  constructor(groups: ReadonlyMap<Octets, Route>, port: number) {
    this.#groups = new Map(Array.from(groups, ([name, group]) => [name.toLowerCase(), group]));
    this.#port = port;
  }

  /** The group of that name, in any case. */
  group(name: Octets): Route | undefined {
    return this.#groups.get(name.toLowerCase());
  }

  /** The group or the server; `undefined` for what is neither. */
  find(text: Octets): Route | undefined {
    const group = this.group(text);
    if (group !== undefined || text === "") return group;
    const address = parseServer(text, this.#port);
    if (typeof address === "string") return undefined;
    const target = "path" in address ? { path: address.path } : { host: address.host, port: address.port };
    return new SingleRoute({ target, text });
  }
}
