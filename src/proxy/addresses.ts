/**
 * Which sockets the `listen` lines of a configuration come to, and which server block answers on each.
 *
 * @module
 */

import { duplicateText, socketKey } from "../config/directives/listen.ts";
import { inPlace } from "../config/error.ts";
import type { Config, ListenConfig, ServerConfig } from "../config/types.ts";
import type { Octets, Runtime, SocketAddress } from "../runtime.ts";
import { isFailure } from "../runtime.ts";
import { ServerNames } from "./server_names.ts";
import { StartError } from "./start_error.ts";

/** One `listen` line with its server, the name in it resolved. */
export interface Endpoint {
  readonly listen: ListenConfig;
  readonly server: ServerConfig;
  readonly address: { readonly host: string; readonly port: number } | { readonly path: Octets };
}

/** One socket to open. A wildcard's may stand for specific addresses on its port as well, as in nginx. */
export interface Binding {
  readonly endpoint: Endpoint;
  readonly specific: readonly Endpoint[];
  /** All endpoints of the binding's addresses, those that are chosen by name only included. */
  readonly all: readonly Endpoint[];
  /** The server blocks of each address, by the names they have. */
  readonly names: ReadonlyMap<string, ServerNames<ServerConfig>>;
}

/** A `listen` line that cannot be used; the text has its place in the configuration. */
export class ListenError extends Error {
  override readonly name = "ListenError";
}

/**
 * The sockets that a configuration needs. Throws {@linkcode StartError} for a name that stands for no address, or for that
 * of another `listen`.
 */
export async function bindingsOf(config: Config, runtime: Pick<Runtime, "lookup">): Promise<Binding[]> {
  try {
    return planBindings(await resolveEndpoints(config.servers, runtime));
  } catch (error) {
    throw error instanceof ListenError ? new StartError([error.message]) : error;
  }
}

/** Resolves names: a name with several addresses becomes one endpoint for each. */
export async function resolveEndpoints(
  servers: readonly ServerConfig[],
  runtime: Pick<Runtime, "lookup">,
): Promise<Endpoint[]> {
  const endpoints: Endpoint[] = [];
  for (const server of servers) {
    for (const listen of server.listens) endpoints.push(...await resolve(listen, server, runtime));
  }
  checkWrittenAlike(endpoints);
  return endpoints;
}

/** Those that are written alike may share a socket, and were looked at before names were known. */
function checkWrittenAlike(endpoints: readonly Endpoint[]): void {
  const writings = new Map<string, Octets>();
  for (const endpoint of endpoints) {
    if (isAnyPort(endpoint)) continue;
    const { listen } = endpoint;
    const writing = writings.get(key(endpoint)) ?? socketKey(listen);
    if (writing !== socketKey(listen)) throw new ListenError(duplicateText(listen) + inPlace(listen.position));
    writings.set(key(endpoint), writing);
  }
}

/** Lays specific addresses under the wildcard of their port, unless they ask for a socket of their own (`bind`). */
export function planBindings(endpoints: readonly Endpoint[]): Binding[] {
  const isCovered = (endpoint: Endpoint) =>
    !endpoint.listen.bind && wildcardOf(endpoint) !== undefined &&
    endpoints.some((other) => key(other) === wildcardOf(endpoint));
  const isFirst = (endpoint: Endpoint) =>
    isAnyPort(endpoint) || endpoints.find((other) => key(other) === key(endpoint)) === endpoint;
  const bindings = endpoints.filter((endpoint) => !isCovered(endpoint) && isFirst(endpoint)).map((endpoint) => {
    const specific = endpoints.filter((other) => isCovered(other) && wildcardOf(other) === key(endpoint));
    const named = isAnyPort(endpoint) ? [endpoint] : endpoints.filter((other) => key(other) === key(endpoint));
    const all = [...named, ...specific];
    return { endpoint, specific, all, names: namesOf(all) };
  });
  // Adapters whose runtime cannot keep IPv6 and IPv4 apart need to see the IPv6 wildcard first.
  return bindings.sort((a, b) => rank(a.endpoint) - rank(b.endpoint));
}

/** The endpoint that a connection to `local` belongs to. */
export function endpointFor(binding: Binding, local: SocketAddress): Endpoint {
  if (local.family === "unix") return binding.endpoint;
  return binding.specific.find(({ address }) => "host" in address && address.host === local.host) ?? binding.endpoint;
}

/**
 * The server block that a client is for: of those on the address it reached, the one whose `server_name` it asks for,
 * else the first.
 */
export function serverFor(binding: Binding, local: SocketAddress, serverName: Octets | undefined): ServerConfig {
  const first = endpointFor(binding, local);
  const named = serverName === undefined ? undefined : binding.names.get(key(first))?.find(serverName);
  return named ?? first.server;
}

function namesOf(endpoints: readonly Endpoint[]): ReadonlyMap<string, ServerNames<ServerConfig>> {
  const byAddress = new Map<string, ServerNames<ServerConfig>>();
  for (const endpoint of endpoints) {
    const names = byAddress.get(key(endpoint)) ?? new ServerNames<ServerConfig>();
    byAddress.set(key(endpoint), names);
    for (const name of endpoint.server.serverNames) names.add(name, endpoint.server);
  }
  return byAddress;
}

/** Port 0 is another port each time. */
function isAnyPort({ address }: Endpoint): boolean {
  return "host" in address && address.port === 0;
}

async function resolve(
  listen: ListenConfig,
  server: ServerConfig,
  runtime: Pick<Runtime, "lookup">,
): Promise<Endpoint[]> {
  if ("path" in listen.address) return [{ listen, server, address: listen.address }];
  const { host, port, isName } = listen.address;
  if (!isName) return [{ listen, server, address: { host, port } }];
  const found = await runtime.lookup(host);
  if (isFailure(found) || found.length === 0) {
    // A port that nobody wrote is not for the log.
    const text = port === 0 ? host : listen.text;
    throw new ListenError(`host not found in "${text}" of the "listen" directive${inPlace(listen.position)}`);
  }
  return [...new Set(found)].map((address) => ({ listen, server, address: { host: address, port } }));
}

/** The key of the wildcard that would cover a specific address; port 0 is another port each time. */
function wildcardOf({ address }: Endpoint): string | undefined {
  if ("path" in address || address.port === 0 || WILDCARDS.includes(address.host)) return undefined;
  return `${address.host.includes(":") ? "::" : "0.0.0.0"} ${address.port}`;
}

/** The same for every binding that could use the same socket. */
export function bindingKey({ endpoint }: Binding): string {
  return key(endpoint);
}

function key({ address }: Endpoint): string {
  return "path" in address ? `unix ${address.path}` : `${address.host} ${address.port}`;
}

function rank({ address }: Endpoint): number {
  return "host" in address && address.host === "::" ? 0 : 1;
}

const WILDCARDS: readonly string[] = ["0.0.0.0", "::"];
