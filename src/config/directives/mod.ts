/**
 * The directive table: all that Postern knows to stand in a configuration.
 *
 * @module
 */

import type { Octets } from "../../runtime.ts";
import type { AnyDirective, Context, Module } from "../directive.ts";
import type { Protocol } from "../types.ts";
import { accessModule } from "./access.ts";
import { accessLogModule } from "./access_log.ts";
import { authHttpModule } from "./auth_http.ts";
import { authHttpCacheModule } from "./auth_http_cache.ts";
import { authFailure } from "./auth_failure.ts";
import { authUsersFileModule } from "./auth_users_file.ts";
import { core } from "./core.ts";
import { errorLogModule } from "./error_log.ts";
import { eventsModule } from "./events.ts";
import { foreignModule } from "./foreign.ts";
import { healthCheckModule } from "./health_check.ts";
import { imap } from "./imap.ts";
import { limitConnModule } from "./limit_conn.ts";
import { mailModule } from "./mail.ts";
import { past } from "./past.ts";
import { pop3 } from "./pop3.ts";
import { proxyModule } from "./proxy.ts";
import { proxySslModule } from "./proxy_ssl.ts";
import { resolverModule } from "./resolver.ts";
import { smtp } from "./smtp.ts";
import { ssl } from "./ssl.ts";
import { sslElsewhere } from "./ssl_elsewhere.ts";
import { upstreamModule } from "./upstream.ts";
import { userNamesModule } from "./user_names.ts";
import { variablesModule } from "./variables.ts";

/** All entries, in the order of the documentation. */
export const MODULES: readonly Module[] = [
  core,
  errorLogModule,
  accessLogModule,
  eventsModule,
  mailModule,
  accessModule,
  authHttpModule,
  authHttpCacheModule,
  authUsersFileModule,
  userNamesModule,
  authFailure,
  limitConnModule,
  resolverModule,
  proxyModule,
  proxySslModule,
  upstreamModule,
  healthCheckModule,
  imap,
  pop3,
  smtp,
  ssl,
  sslElsewhere,
  variablesModule,
  past,
  foreignModule,
];

/** Finds entries by name. */
export class DirectiveTable {
  readonly #byName = new Map<Octets, AnyDirective[]>();
  readonly #leftOut: readonly Module[];

  /** The table without what goes with protocols that are left out. */
  constructor(without: readonly Protocol[] = []) {
    const isLeftOut = ({ protocol }: Module) => protocol !== undefined && without.includes(protocol);
    this.#leftOut = MODULES.filter(isLeftOut);
    for (const entry of MODULES.filter((module) => !isLeftOut(module)).flatMap((module) => module.directives)) {
      this.#byName.set(entry.name, [...this.named(entry.name), entry]);
    }
  }

  /** The protocol that a name would belong to, were that not left out. */
  leftOut(name: Octets): Protocol | undefined {
    return this.#leftOut.find(({ directives }) => directives.some((entry) => entry.name === name))?.protocol;
  }

  /** All entries of that name: a name may mean different things in different places. */
  named(name: Octets): readonly AnyDirective[] {
    return this.#byName.get(name) ?? [];
  }

  /** What a name means in one place. */
  find(name: Octets, context: Context): AnyDirective | undefined {
    return this.named(name).find((entry) => entry.contexts.includes(context));
  }

  /** The names that may stand in a place, or all of them. */
  names(context?: Context): readonly string[] {
    const names = [...this.#byName.keys()];
    return context === undefined ? names : names.filter((name) => this.find(name, context) !== undefined);
  }
}
