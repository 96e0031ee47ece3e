import { parseIp } from "../config/ip.ts";
import type { Cancel, ConnectHandler, ConnectTarget, Runtime } from "../runtime.ts";
import { isFailure } from "../runtime.ts";
import { Steps } from "../steps.ts";
import type { Resolver } from "./resolver.ts";

/**
 * Connects as the runtime does, with names looked up by `resolver`: so they are looked up again when their TTL is over.
 * The addresses of a name are tried in turn.
 */
export function connectWith(
  resolver: Pick<Resolver, "lookup">,
  runtime: Pick<Runtime, "connect">,
): Runtime["connect"] {
  return (target, handler) => {
    if ("path" in target || parseIp(target.host) !== undefined) return runtime.connect(target, handler);
    return new NamedConnect(target, handler, runtime).start(resolver);
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

  start(resolver: Pick<Resolver, "lookup">): Cancel {
    this.#steps.begin(() =>
      resolver.lookup(this.#target.host, (found) => {
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
