/**
 * The groups of mail servers of one reading of the configuration.
 *
 * @module
 */

import { inPlace } from "../config/error.ts";
import type { Config } from "../config/types.ts";
import type { UpstreamConfig, UpstreamServerConfig } from "../config/upstream_types.ts";
import type { Octets, Runtime } from "../runtime.ts";
import { Group, type ServerSpec, type Standing } from "../upstream/mod.ts";
import type { Names } from "./names.ts";

/** What groups are made with. */
export interface GroupSurroundings {
  readonly names: Names;
  readonly runtime: Pick<Runtime, "now" | "random">;
  /** Hears of servers that are taken out, and of those that come back. */
  readonly note: (level: "warn" | "notice", text: Octets) => void;
  /** What is known of the servers of the configuration before: of those that stay it is kept. */
  readonly standings: GroupStandings | undefined;
}

/** What is known of the servers of each group. */
export type GroupStandings = ReadonlyMap<Octets, ReadonlyMap<Octets, Standing>>;

export class Groups {
  readonly #surroundings: GroupSurroundings;
  readonly #upstreams: readonly FoundUpstream[];
  readonly #groups = new Map<Octets, Group>();

  /** Looks names up. Throws {@linkcode StartError} for one that is not found. */
  static async create(config: Config, surroundings: GroupSurroundings): Promise<Groups> {
    const upstreams: FoundUpstream[] = [];
    for (const upstream of config.upstreams) {
      const servers: FoundServer[] = [];
      for (const server of upstream.servers) servers.push(...await find(server, surroundings.names));
      upstreams.push({ config: upstream, servers });
    }
    return new Groups(upstreams, surroundings);
  }

  private constructor(upstreams: readonly FoundUpstream[], surroundings: GroupSurroundings) {
    this.#upstreams = upstreams;
    this.#surroundings = surroundings;
  }

  /** All of them that are in use. */
  get all(): readonly Group[] {
    return [...this.#groups.values()];
  }

  /** What is known of all servers now, for the configuration that follows. */
  get standings(): GroupStandings {
    return new Map(Array.from(this.#groups, ([key, { standings }]) => [key, standings]));
  }

  /**
   * The groups by their names. `port` is for servers that are written without one: a group that has such is another one
   * for each protocol, with counts and states of its own.
   */
  forPort(port: number): ReadonlyMap<Octets, Group> {
    return new Map(this.#upstreams.map((upstream) => [upstream.config.name, this.#group(upstream, port)]));
  }

  #group({ config, servers }: FoundUpstream, port: number): Group {
    const { name, method } = config;
    const isComplete = servers.every(({ host }) => "path" in host || host.port !== undefined);
    const key = isComplete ? name : `${name} ${port}`;
    const known = this.#groups.get(key);
    if (known !== undefined) return known;
    const { runtime, note, standings } = this.#surroundings;
    const group = new Group({
      name,
      balancing: method,
      servers: servers.map((server) => specOf(server, port)),
      runtime,
      note,
      standings: standings?.get(key),
    });
    this.#groups.set(key, group);
    return group;
  }
}

interface FoundUpstream {
  readonly config: UpstreamConfig;
  readonly servers: readonly FoundServer[];
}

/** A server whose name has been looked up. */
interface FoundServer {
  readonly config: UpstreamServerConfig;
  readonly host: { readonly address: string; readonly port: number | undefined } | { readonly path: Octets };
}

async function find(config: UpstreamServerConfig, names: Names): Promise<readonly FoundServer[]> {
  const { address, text, place } = config;
  if ("path" in address) return [{ config, host: address }];
  const { host, port, isName } = address;
  const complaint = `host not found in upstream "${text}"${inPlace(place)}`;
  const addresses = isName ? await names.addresses(host, complaint) : [host];
  return addresses.map((found) => ({ config, host: { address: found, port } }));
}

function specOf({ config, host }: FoundServer, port: number): ServerSpec {
  const { address, text, place: _place, ...parameters } = config;
  if ("path" in host) return { ...parameters, server: text, text, target: host };
  const target = { host: host.address, port: host.port ?? port };
  const lookedUp = "isName" in address && address.isName ? address.host : undefined;
  const shown = `${target.host.includes(":") ? `[${target.host}]` : target.host}:${target.port}`;
  return { ...parameters, server: text, text: shown, target, lookedUp };
}
