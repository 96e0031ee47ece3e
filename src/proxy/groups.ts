/**
 * The groups of mail servers of one reading of the configuration.
 *
 * @module
 */

import type { Config } from "../config/types.ts";
import type { UpstreamConfig, UpstreamServerConfig } from "../config/upstream_types.ts";
import { Resolver } from "../dns/mod.ts";
import type { Millis, Octets, Runtime } from "../runtime.ts";
import { Group, type Standing } from "../upstream/mod.ts";
import type { FoundServer, NameWatch } from "../upstream/name_watch.ts";
import type { Board } from "./board.ts";
import { FoundNames, type Watched } from "./found_names.ts";
import { GroupNews } from "./group_news.ts";
import type { Names } from "./names.ts";
import { isWatched, ServerLine, watchKey } from "./server_line.ts";

/** What groups are made with. */
export interface GroupSurroundings {
  readonly names: Names;
  readonly runtime: Pick<Runtime, "connect" | "datagram" | "now" | "random" | "timer">;
  /** Hears of servers that are taken out, of those that come back, and of names that change. */
  readonly note: (level: "error" | "warn" | "notice", text: Octets) => void;
  /** What is known of the servers of the configuration before: of those that stay it is kept. */
  readonly before: Pick<Groups, "standings" | "found" | "news"> | undefined;
  /** The way to the other workers. */
  readonly board: Board;
}

/** What is known of the servers of each group. */
export type GroupStandings = ReadonlyMap<Octets, ReadonlyMap<Octets, Standing>>;

/** All groups, with the names of their servers looked up, once or again and again. */
export class Groups {
  readonly #surroundings: GroupSurroundings;
  readonly #upstreams: readonly LocatedUpstream[];
  readonly #groups = new Map<Octets, Group>();
  /** What workers tell each other: the same over all reloads. */
  readonly news: GroupNews;
  #names: FoundNames | undefined;

  /**
   * Looks names up. Throws {@linkcode StartError} for one that is not found, unless it is looked up again (`resolve`):
   * for these it waits a little.
   */
  static async create(config: Config, { before, ...rest }: GroupSurroundings): Promise<Groups> {
    const upstreams: LocatedUpstream[] = [];
    // What they know is kept, and not those before themselves, who know the ones before them.
    const known = before && { standings: before.standings, found: before.found, news: before.news };
    const groups = new Groups(upstreams, { ...rest, before: known });
    for (const upstream of config.upstreams) upstreams.push(await groups.#locate(upstream));
    await groups.#findWatched();
    return groups;
  }

  private constructor(upstreams: readonly LocatedUpstream[], surroundings: GroupSurroundings) {
    this.#upstreams = upstreams;
    this.#surroundings = surroundings;
    this.news = surroundings.before?.news ?? new GroupNews(surroundings);
  }

  /** Sessions come to them from now on. */
  begin(): void {
    this.news.begin(this.#groups);
  }

  /** All of them that are in use. */
  get all(): readonly Group[] {
    return [...this.#groups.values()];
  }

  /** What is known of all servers now, for the configuration that follows. */
  get standings(): GroupStandings {
    return new Map(Array.from(this.#groups, ([key, { standings }]) => [key, standings]));
  }

  /** What the names that are looked up again have come to, for the configuration that follows. */
  get found(): ReadonlyMap<Octets, readonly FoundServer[]> {
    return new Map(this.#watched.map(({ key, watch }) => [key, watch.servers]));
  }

  /**
   * The groups by their names. `port` is for servers that are written without one: a group that has such is another one
   * for each protocol, with counts and states of its own.
   */
  forPort(port: number): ReadonlyMap<Octets, Group> {
    return new Map(this.#upstreams.map((upstream) => [upstream.config.name, this.#group(upstream, port)]));
  }

  /** Looks nothing up any more. */
  stop(): void {
    this.#names?.stop();
    for (const { watch } of this.#watched) watch.stop();
  }

  get #watched(): readonly (Watched & { readonly watch: NameWatch })[] {
    return this.#upstreams.flatMap(({ config, lines }) => {
      return lines.flatMap(({ config: server, watch }) => watch ? [{ key: watchKey(server, config), watch }] : []);
    });
  }

  #group(upstream: LocatedUpstream, port: number): Group {
    const { config: { name, method }, lines, users } = upstream;
    const key = lines.every(({ hasPort }) => hasPort) ? name : `${name} ${port}`;
    const known = this.#groups.get(key);
    if (known !== undefined) return known;
    const { runtime, note, before } = this.#surroundings;
    const servers = () => lines.flatMap((line) => line.servers(port));
    const group = new Group({
      name,
      balancing: method,
      servers: servers(),
      runtime,
      note,
      standings: before?.standings.get(key),
      news: {
        tally: (server) => this.news.tally(key, server),
        tell: (server, outFor) => this.news.tell(key, server, outFor),
      },
    });
    users.push(() => group.setServers(servers()));
    this.#groups.set(key, group);
    return group;
  }

  async #locate(config: UpstreamConfig): Promise<LocatedUpstream> {
    const { names } = this.#surroundings;
    const resolver = config.servers.some(isWatched) ? await this.#resolver(config) : undefined;
    const users: (() => void)[] = [];
    const lines: ServerLine[] = [];
    for (const server of config.servers) {
      const isToBeWatched = resolver !== undefined && isWatched(server);
      const line = isToBeWatched
        ? this.#watch(server, { config, resolver, changed: () => users.forEach((hear) => hear()) })
        : await ServerLine.find(server, names);
      lines.push(line);
    }
    return { config, lines, users };
  }

  #watch(
    server: UpstreamServerConfig,
    { config, resolver, changed }: {
      readonly config: UpstreamConfig;
      readonly resolver: Resolver;
      readonly changed: () => void;
    },
  ): ServerLine {
    const { runtime, note, before } = this.#surroundings;
    return ServerLine.watching(server, {
      resolver,
      runtime,
      before: before?.found.get(watchKey(server, config)) ?? [],
      changed,
      note: (level, text) => note(level, `${text}, upstream "${config.name}"`),
    });
  }

  async #resolver({ resolver }: UpstreamConfig): Promise<Resolver | undefined> {
    const { names, runtime } = this.#surroundings;
    return resolver && new Resolver({ ...resolver, servers: await names.nameServers(resolver) }, runtime);
  }

  /** Nobody should find a group empty because it came a moment too early; but a name server that is dead stops no start. */
  async #findWatched(): Promise<void> {
    const watched = this.#watched;
    if (watched.length === 0) return;
    this.#names = new FoundNames(watched, this.#surroundings.board);
    const isAwaited = watched.some(({ watch }) => watch.servers.length === 0);
    const looked = watched.map(({ watch }) =>
      new Promise<void>((resolve) => {
        if (watch.servers.length > 0) resolve();
        watch.start(resolve);
      })
    );
    if (!isAwaited) return;
    this.#names.ask();
    let cancel = () => {};
    const tooLong = new Promise<void>((resolve) => {
      cancel = this.#surroundings.runtime.timer(LONGEST_WAIT, resolve);
    });
    await Promise.race([Promise.all(looked), tooLong]);
    cancel();
  }
}

/** A group of the configuration and where its servers are. */
interface LocatedUpstream {
  readonly config: UpstreamConfig;
  readonly lines: readonly ServerLine[];
  /** Who hears when that changes. */
  readonly users: (() => void)[];
}

/** How long a start waits for name servers. */
const LONGEST_WAIT: Millis = 3000;
