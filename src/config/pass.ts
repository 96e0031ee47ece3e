/**
 * `proxy_pass` to a group with a port behind its name: the port of those servers that are written without one.
 *
 * @module
 */

import type { Octets } from "../runtime.ts";
import { constantOf } from "../variables/mod.ts";
import { defaultPort, hasPort } from "./default_port.ts";
import { inPlace } from "./error.ts";
import type { Config, ConfigWarning, ProxyPassConfig, ServerConfig } from "./types.ts";
import type { UpstreamConfig } from "./upstream_types.ts";

/** The same where no group is named; else it leads to the group, and its port is kept aside. */
export function passTo(groups: readonly UpstreamConfig[], pass: ProxyPassConfig): ProxyPassConfig {
  const [, host = "", port] = /^(.*):(\d+)$/.exec(constantOf(pass.template) ?? "") ?? [];
  const group = groups.find(({ name }) => areSame(name, host));
  if (group === undefined || port === undefined) return pass;
  const { text } = pass.template;
  return {
    ...pass,
    template: Object.assign(() => group.name, { text, parts: [group.name] }),
    groupPort: Number(port),
  };
}

/** Whether `proxy_pass` of a server block names this group. */
export function passesTo({ name }: Pick<UpstreamConfig, "name">, { proxyPass }: ServerConfig): boolean {
  const text = proxyPass && constantOf(proxyPass.template);
  return text !== undefined && areSame(name, text);
}

/** The port that servers of a group have for a server block where they are written without one. */
export function groupPort(group: Pick<UpstreamConfig, "name">, server: ServerConfig): number {
  const port = passesTo(group, server) ? server.proxyPass?.groupPort : undefined;
  return port ?? defaultPort(server);
}

/** A warning for each port behind a group's name that none of its servers goes by. */
export function passWarnings({ servers, upstreams }: Pick<Config, "servers" | "upstreams">): readonly ConfigWarning[] {
  const texts = servers.flatMap((server) => {
    const { proxyPass } = server;
    const group = upstreams.find((each) => passesTo(each, server));
    if (proxyPass?.groupPort === undefined || group === undefined) return [];
    const { groupPort: port, template: { text }, place } = proxyPass;
    const isOther = group.servers.every((each) =>
      hasPort(each) && !("port" in each.address && each.address.port === port)
    );
    if (!isOther) return [];
    return [
      `port ${port} of "proxy_pass ${text}" has no effect, all servers of the upstream have their own${inPlace(place)}`,
    ];
  });
  return [...new Set(texts)].map((text) => ({ level: "warn", text }));
}

/** Names of groups are in any case. */
function areSame(one: Octets, other: Octets): boolean {
  return one.toLowerCase() === other.toLowerCase();
}
