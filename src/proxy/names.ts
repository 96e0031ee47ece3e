/**
 * Names in a configuration that stand for the addresses they have at the start.
 *
 * @module
 */

import { type Network, NetworkList, parseNetwork } from "../config/cidr.ts";
import type { Config, HostAndPort, Place, ResolverConfig, SyslogConfig, TrustedSource } from "../config/types.ts";
import type { Octets, Runtime } from "../runtime.ts";
import { isFailure } from "../runtime.ts";
import { StartError } from "./start_error.ts";

/** A look-up for one reading of the configuration: each name is asked for once. */
export class Names {
  readonly #runtime: Pick<Runtime, "lookup">;
  readonly #known = new Map<string, readonly string[]>();

  constructor(runtime: Pick<Runtime, "lookup">) {
    this.#runtime = runtime;
  }

  /** The addresses of a name. Throws {@linkcode StartError}: `complaint` says where the name stands. */
  async addresses(name: string, complaint: Octets): Promise<readonly string[]> {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const found = await this.#runtime.lookup(name);
    if (isFailure(found) || found.length === 0) throw new StartError([complaint]);
    const addresses = [...new Set(found)];
    this.#known.set(name, addresses);
    return addresses;
  }

  /** Whose PROXY headers are believed. */
  async trusted(sources: readonly TrustedSource[]): Promise<NetworkList> {
    const networks: Network[] = [];
    for (const source of sources) {
      if ("network" in source) networks.push(source.network);
      else networks.push(...await this.#networksOf(source));
    }
    return new NetworkList(networks);
  }

  /** The name servers of a `resolver`, a name among them for all its addresses. */
  async nameServers(resolver: ResolverConfig): Promise<readonly { readonly host: string; readonly port: number }[]> {
    const servers: { readonly host: string; readonly port: number }[] = [];
    for (const server of resolver.servers) {
      const complaint = `host not found in resolver "${server.text}"${inPlace(resolver.position)}`;
      for (const host of await this.#hosts(server, complaint)) servers.push({ host, port: server.port });
    }
    return servers;
  }

  /** The addresses of all syslog servers in a configuration that are given by name. */
  async syslogServers(config: Config): Promise<ReadonlyMap<string, string>> {
    const hosts = new Map<string, string>();
    const ofServers = config.servers.flatMap(({ errorLogs, accessLogs }) => [...errorLogs, ...accessLogs]);
    const logs = [...config.main.errorLogs, ...ofServers];
    for (const { target } of logs) {
      if (target.type !== "syslog" || "path" in target.server) continue;
      const [host] = await this.#hosts(target.server, syslogComplaint(target));
      if (host !== undefined) hosts.set(target.server.host, host);
    }
    return hosts;
  }

  async #networksOf({ name, position }: Extract<TrustedSource, { name: Octets }>): Promise<Network[]> {
    const complaint = `host not found in set_real_ip_from "${name}"${inPlace(position)}`;
    const parsed = (await this.addresses(name, complaint)).map((address) => parseNetwork(address));
    return parsed.flatMap((each) => each === undefined ? [] : [each.network]);
  }

  async #hosts({ host, isName }: HostAndPort, complaint: Octets): Promise<readonly string[]> {
    return isName ? await this.addresses(host, complaint) : [host];
  }
}

function syslogComplaint({ text, place }: SyslogConfig): Octets {
  return `host not found in syslog server "${text}"${inPlace(place)}`;
}

function inPlace(place: Place): Octets {
  return place === "command line" ? " in command line" : ` in ${place.file}:${place.line}`;
}
