/**
 * The servers that a `server` line of an `upstream {}` stands for: those it had at the start, or those that its name
 * has now.
 *
 * @module
 */

import { hasPort } from "../config/default_port.ts";
import { inPlace } from "../config/error.ts";
import { formatHost } from "../config/ip.ts";
import type { UpstreamConfig, UpstreamServerConfig } from "../config/upstream_types.ts";
import type { Resolver } from "../dns/mod.ts";
import type { Octets, Runtime } from "../runtime.ts";
import type { ServerSpec } from "../upstream/mod.ts";
import { type FoundServer, NameWatch, serviceName, type WatchedName } from "../upstream/name_watch.ts";
import type { Names } from "./names.ts";

/** One line at work. */
export class ServerLine {
  readonly config: UpstreamServerConfig;
  /** What its name was found to be so far; `undefined` for a line that is not looked up again. */
  readonly watch: NameWatch | undefined;
  readonly #addresses: readonly string[];

  /** Looks a name up that is to be looked up once. Throws {@linkcode StartError} if it is not found. */
  static async find(config: UpstreamServerConfig, names: Names): Promise<ServerLine> {
    const { address, text, place } = config;
    if ("path" in address || !address.isName) return new ServerLine(config, undefined, []);
    const complaint = `host not found in upstream "${text}"${inPlace(place)}`;
    return new ServerLine(config, undefined, await names.addresses(address.host, complaint));
  }

  /** Makes a line whose name is to be looked up again and again. */
  static watching(config: UpstreamServerConfig, options: WatchOptions): ServerLine {
    return new ServerLine(config, new NameWatch({ ...options, watched: watchedName(config) }), []);
  }

  private constructor(config: UpstreamServerConfig, watch: NameWatch | undefined, addresses: readonly string[]) {
    this.config = config;
    this.watch = watch;
    this.#addresses = addresses;
  }

  /** Whether the port of its servers does not depend on who uses them. */
  get hasPort(): boolean {
    return hasPort(this.config);
  }

  /** The servers now; `port` is for those that are written without one. */
  servers(port: number): readonly ServerSpec[] {
    const { config } = this;
    const { address } = config;
    if (this.watch !== undefined) return this.watch.servers.flatMap((found) => foundSpec(config, found, port));
    if ("path" in address) return [spec(config, { server: config.text, text: config.text, target: address })];
    const own = address.port ?? port;
    if (!address.isName) return [spec(config, located(config.text, address.host, own))];
    return this.#addresses.map((host) => {
      return spec(config, { ...located(config.text, host, own), lookedUp: address.host });
    });
  }
}

/** What names are watched with. */
export interface WatchOptions {
  readonly resolver: Resolver;
  readonly runtime: Pick<Runtime, "timer">;
  /** What the configuration before has found, by {@linkcode watchKey}. */
  readonly before: readonly FoundServer[];
  readonly changed: () => void;
  readonly note: (level: "error" | "notice", text: Octets) => void;
}

/** Whether a line is to be looked up again and again: an address has nothing to look up. */
export function isWatched({ address, isResolved }: UpstreamServerConfig): boolean {
  return isResolved && "isName" in address && address.isName;
}

/** What two lines have in common that have the same servers: whom they ask for what, and in which group. */
export function watchKey(config: UpstreamServerConfig, { name, resolver }: UpstreamConfig): Octets {
  // One name may be somewhere else for each name server.
  const servers = resolver?.servers.map(({ host, port }) => [host, port]);
  return JSON.stringify([name, watchedName(config), servers, resolver?.ipv4, resolver?.ipv6]);
}

function watchedName({ address, service }: UpstreamServerConfig): WatchedName {
  if ("path" in address) throw new Error("A path is not looked up");
  const { host: name, port } = address;
  return service === undefined ? { name, port } : { name, service: serviceName(service, name) };
}

/** As in nginx, a line of backups has the first of an SRV's servers for its own, and the others are nobody's. */
function foundSpec(config: UpstreamServerConfig, found: FoundServer, port: number): readonly ServerSpec[] {
  if (config.isBackup && found.isBackup) return [];
  const own = found.port ?? port;
  const server = config.service === undefined ? config.text : `${found.name}:${own}`;
  const weight = config.weight === 1 ? found.weight ?? 1 : config.weight;
  const isBackup = config.isBackup || found.isBackup;
  return [{ ...spec(config, located(server, found.address, own)), lookedUp: found.name, weight, isBackup }];
}

type Located = Pick<ServerSpec, "server" | "text" | "target" | "lookedUp">;

function located(server: Octets, host: string, port: number): Located {
  return { server, text: formatHost(host, port), target: { host, port } };
}

function spec(config: UpstreamServerConfig, where: Located): ServerSpec {
  const { weight, maxConns, maxFails, failTimeout, slowStart, isBackup, isDown, isDraining } = config;
  return { weight, maxConns, maxFails, failTimeout, slowStart, isBackup, isDown, isDraining, ...where };
}
