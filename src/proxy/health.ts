/**
 * The health checks of one reading of the configuration: brings groups and the settings of server blocks together.
 *
 * @module
 */

import type { GroupCheck } from "../config/mod.ts";
import { groupPort } from "../config/pass.ts";
import type { ServerConfig } from "../config/types.ts";
import { ImapProbe } from "../protocol/imap/probe.ts";
import { Pop3Probe } from "../protocol/pop3/probe.ts";
import { writeV1, writeV2 } from "../protocol/proxy_protocol/mod.ts";
import { SmtpProbe } from "../protocol/smtp/probe.ts";
import type { ConnectTarget, Octets, Runtime, SocketAddress } from "../runtime.ts";
import type { ProbeScript } from "../session/probe.ts";
import { type CheckedServer, HealthMonitor, Probe } from "../upstream/health/mod.ts";
import type { Group } from "../upstream/mod.ts";
import type { Member } from "../upstream/member.ts";
import type { Board } from "./board.ts";
import { probeServer, type ProbeSetting } from "./health_probe.ts";
import type { Service } from "./service.ts";

/** What checks are made with. */
export interface HealthSurroundings {
  readonly runtime: Runtime;
  readonly board: Board;
  /** All groups that are in use. */
  readonly groups: readonly Group[];
  /** The group of a check, as the check's server block uses it. */
  groupOf(check: GroupCheck): Group | undefined;
  /** What the sessions of a server block have in common. */
  serviceOf(server: ServerConfig): Service | undefined;
}

/** All checks at work. */
export class HealthChecks {
  readonly #checks: readonly GroupCheck[];
  readonly #surroundings: HealthSurroundings;
  readonly #monitors: HealthMonitor[] = [];

  constructor(checks: readonly GroupCheck[], surroundings: HealthSurroundings) {
    this.#checks = checks;
    this.#surroundings = surroundings;
  }

  /** Begins to check. What checks of an earlier configuration have found of groups that have none now is forgotten. */
  start(): void {
    const { groupOf, groups } = this.#surroundings;
    const checked = new Set<Group>();
    for (const check of this.#checks) {
      const group = groupOf(check);
      if (group === undefined) throw new Error(`There is no group "${check.upstream.name}" to check`);
      checked.add(group);
      this.#watch(group, check);
    }
    for (const group of groups) if (!checked.has(group)) this.#forget(group.members);
  }

  /** Checks no more. */
  stop(): void {
    for (const monitor of this.#monitors) monitor.stop();
  }

  #watch(group: Group, groupCheck: GroupCheck): void {
    const { runtime, board, serviceOf } = this.#surroundings;
    const { server, check } = groupCheck;
    const service = serviceOf(server);
    if (service === undefined) throw new Error(`Nobody serves what upstream "${group.name}" is checked by`);
    const setting = settingOf(groupCheck, { service, runtime });
    const monitor = new HealthMonitor({
      group: group.name,
      topic: `health ${group.name} ${groupPort(group, server)}`,
      check,
      probe: (checked, done) => probeServer(checked, setting, done),
      board,
      runtime,
      note: (level, text) => service.log.write(level, text),
    });
    const servers = () => checkedServers(group.members, check.port, runtime);
    group.changed = () => monitor.replace(servers());
    this.#monitors.push(monitor);
    monitor.start(servers());
  }

  #forget(members: readonly Member[]): void {
    const now = this.#surroundings.runtime.now();
    for (const { standing } of members) standing.checked(undefined, now);
  }
}

/** Connects as the sessions of a server block do, and speaks as they do. */
function settingOf(
  { server, timeout }: GroupCheck,
  { service, runtime }: { readonly service: Service; readonly runtime: Runtime },
): ProbeSetting {
  const { proxy } = server;
  return {
    runtime,
    connect: service.connect,
    upstreamTls: service.upstreamTls,
    proxyHeader: headerFor(proxy.protocol),
    createProbe: ({ isImplicitTls }) => {
      const script = createScript(server);
      return new Probe({ script, timeout, longestReply: proxy.buffer, isImplicitTls }, runtime.now());
    },
  };
}

function createScript({ protocol, serverName, proxy }: ServerConfig): ProbeScript {
  const options = { startsTls: proxy.ssl.mode === "starttls", serverName };
  switch (protocol) {
    case "imap":
      return new ImapProbe(options);
    case "pop3":
      return new Pop3Probe(options);
    case "smtp":
      return new SmtpProbe(options);
  }
}

/**
 * A check speaks for nobody but itself. Version 2 can say so (PROXY, 2.2: LOCAL is for "health-checks"); in version 1
 * servers differ about UNKNOWN, so it tells our own address.
 */
function headerFor(protocol: ServerConfig["proxy"]["protocol"]): ProbeSetting["proxyHeader"] {
  switch (protocol) {
    case "off":
      return () => undefined;
    case "on":
      return ({ local, remote }) => writeV1({ client: local, local: remote });
    case "v2":
      return () => writeV2({ client: NOBODY, local: NOBODY });
  }
}

const NOBODY: SocketAddress = { family: "unix", path: "" };

/** The servers of a group that may get sessions; one that is in it twice is checked once. */
function checkedServers(
  members: readonly Member[],
  port: number | undefined,
  clock: Pick<Runtime, "now">,
): readonly CheckedServer[] {
  const byText = new Map<Octets, Member[]>();
  for (const member of members) {
    const { text, isDown, isDraining } = member.spec;
    if (!isDown && !isDraining) byText.set(text, [...byText.get(text) ?? [], member]);
  }
  return Array.from(byText, ([text, same]) => checkedServer(text, same, { port, clock })).flat();
}

function checkedServer(
  text: Octets,
  same: readonly Member[],
  { port, clock }: { readonly port: number | undefined; readonly clock: Pick<Runtime, "now"> },
): readonly CheckedServer[] {
  const [first] = same;
  if (first === undefined) return [];
  const { target, lookedUp } = first.spec;
  return [{
    text,
    target: withPort(target, port),
    lookedUp,
    health: first.standing.health,
    judged: (health) => {
      for (const { standing } of same) standing.checked(health, clock.now());
    },
  }];
}

function withPort(target: ConnectTarget, port: number | undefined): ConnectTarget {
  return port === undefined || "path" in target ? target : { ...target, port };
}
