import { parseIp } from "../config/ip.ts";
import type { Cancel, ConnectHandler, ConnectTarget, Runtime } from "../runtime.ts";
import { isFailure } from "../runtime.ts";
import { Steps } from "../steps.ts";
import type { Addresses, Done } from "./resolver.ts";

/** Whoever knows the addresses of names: a resolver of ours, or the system. */
export interface NameSource {
  lookup(name: string, done: Done<Pick<Addresses, "addresses">>): Cancel;
}

/**
 * Connects as the runtime does, with names looked up by `names`: those of a resolver are looked up again when their TTL is
 * over. The addresses of a name are tried in turn.
 */
export function connectWith(
  names: NameSource,
  runtime: Pick<Runtime, "connect">,
): Runtime["connect"] {
  return (target, handler) => {
    if ("path" in target || parseIp(target.host) !== undefined) return runtime.connect(target, handler);
    return new NamedConnect(target, handler, runtime).start(names);
  };
}

/** A connection to a name on its way. */
class NamedConnect {
  readonly #target: Extract<ConnectTarget, { host: string }>;
  readonly #handler: ConnectHandler;
  readonly #runtime: Pick<Runtime, "connect">;
  readonly #steps = new Steps();

  constructor(
    target: Extract<ConnectTarget, { host: string }>,
    handler: ConnectHandler,
    runtime: Pick<Runtime, "connect">,
  ) {
    this.#target = target;
    this.#handler = handler;
    this.#runtime = runtime;
  }

  start(names: NameSource): Cancel {
    this.#steps.begin(() =>
      names.lookup(this.#target.host, (found) => {
        if (isFailure(found)) this.#handler.failed(found);
        else this.#try(found.addresses);
      })
    );
    return () => this.#steps.cancel();
  }

  #try([host = "", ...others]: readonly string[]): void {
    this.#steps.begin(() =>
      this.#runtime.connect({ ...this.#target, host }, {
        connected: (socket) => this.#handler.connected(socket),
        failed: (failure) => others.length > 0 ? this.#try(others) : this.#handler.failed(failure),
      })
    );
  }
}
