/**
 * TLS with servers, from the files as they are now.
 *
 * @module
 */

import type { ClientTlsConfig, ProxySslConfig } from "../config/ssl_types.ts";
import { tlsCaveat } from "../config/tls_fault.ts";
import type { Cancel, Octets, Runtime } from "../runtime.ts";
import type { UpstreamTls as TlsMode } from "../session/by_tls.ts";
import { clientFilesOf, Renewal, type RenewalOptions } from "./renewal.ts";
import type { UpstreamTls } from "./service.ts";
import { ClientContexts, type TlsRuntime } from "./tls.ts";

/** What it works with. */
export interface ClientTlsOptions {
  readonly runtime: TlsRuntime & Pick<Runtime, "timer" | "date">;
  readonly note: (level: "warn" | "notice", text: Octets) => void;
  readonly tells: RenewalOptions<ClientContexts>["tells"];
}

/** Contexts that are other ones once their files have changed, until it is stopped. */
export interface RenewedContexts {
  current(): ClientContexts;
  /** Looks at the files now. */
  look(): void;
  stop: Cancel;
}

/** Throws a `ConfigError` that says what is wrong. */
export function renewedContexts(config: ClientTlsConfig, { runtime, note, tells }: ClientTlsOptions): RenewedContexts {
  const create = () => new ClientContexts(config, runtime);
  const renewal = new Renewal({ files: clientFilesOf(config), runtime, create, note, tells });
  const { caveat } = renewal.context;
  if (caveat !== undefined && tells()) note("warn", tlsCaveat(config, caveat));
  return { current: () => renewal.context, look: () => renewal.look(), stop: () => renewal.stop() };
}

/** TLS with the upstreams of a server block: as `proxy_ssl` has it, or as the verdict of a login wants it. */
export class UpstreamTlsModes {
  readonly #config: ProxySslConfig;
  readonly #options: ClientTlsOptions;
  #contexts: RenewedContexts | undefined;

  /** Throws a `ConfigError` that says what is wrong with what is configured, used or not. */
  constructor(config: ProxySslConfig, options: ClientTlsOptions) {
    this.#config = config;
    this.#options = options;
    const isConfigured = config.mode !== "off" || Object.keys(config.places).length > 0;
    if (isConfigured) this.#contexts = renewedContexts(config, options);
  }

  /** `undefined` for TLS that is not to be. */
  as(mode: TlsMode): UpstreamTls | undefined {
    if (mode === "off") return undefined;
    // Without a word in the configuration there are no files, only the system's authorities.
    const contexts = this.#contexts ??= renewedContexts(this.#config, this.#options);
    return { isImplicit: mode === "on", contextFor: (target, facts) => contexts.current().for(target, facts) };
  }

  /** Looks at files now. */
  look(): void {
    this.#contexts?.look();
  }

  /** Looks at files no more. */
  stop(): void {
    this.#contexts?.stop();
  }
}
