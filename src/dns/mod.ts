/**
 * Names and addresses from name servers of the operator's choice.
 *
 * @module
 */

export type { DnsRuntime, NameServer } from "./_attempt.ts";
export type { Addresses, Done, HostName, ResolverOptions, Service, Services } from "./resolver.ts";
export { Resolver } from "./resolver.ts";
export type { ClientHostAction, ClientHostSearch } from "./client_host.ts";
export { resolveClientHost, TEMPORARILY_UNAVAILABLE, UNAVAILABLE } from "./client_host.ts";
export { HOST_NOT_FOUND, TIMED_OUT } from "./failure.ts";
