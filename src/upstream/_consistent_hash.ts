import type { Octets } from "../runtime.ts";
import type { Balancer, Choice } from "./balancer.ts";
import { crc32, CRC32_BEGIN, finished, updated } from "./crc32.ts";
import type { Member } from "./member.ts";
import { RoundRobin } from "./_round_robin.ts";

/**
 * Ketama, as in nginx and Cache::Memcached::Fast: each server has points on a ring, and a key belongs to the server of
 * the next point, so that a server that comes or goes moves no more keys than its own. Where that server is not
 * eligible, the next one on the ring is; an empty key goes by turns.
 */
export class ConsistentHash implements Balancer {
  readonly #points: readonly Point[];
  readonly #turns: RoundRobin;

  constructor(members: readonly Member[]) {
    this.#points = ringOf(members);
    this.#turns = new RoundRobin(members);
  }

  choose(choice: Choice): Member | undefined {
    const start = choice.key === "" ? undefined : this.#indexOf(crc32(choice.key));
    return start === undefined ? this.#turns.choose(choice) : this.#from(start, choice);
  }

  #from(start: number, choice: Choice): Member | undefined {
    const seen = new Set<Octets>();
    for (let i = 0; i < this.#points.length; i++) {
      const server = this.#points[(start + i) % this.#points.length]?.server;
      if (server === undefined || seen.has(server)) continue;
      seen.add(server);
      // A name has several addresses: they take turns.
      const isEligible = (member: Member) => member.spec.server === server && choice.isEligible(member);
      const member = this.#turns.choose({ ...choice, isEligible });
      if (member !== undefined) return member;
    }
    return undefined;
  }

  /** The first point that is not before `hash`. */
  #indexOf(hash: number): number {
    let [low, high] = [0, this.#points.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#points[middle]?.hash ?? 0) < hash) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

interface Point {
  readonly hash: number;
  readonly server: Octets;
}

function ringOf(members: readonly Member[]): readonly Point[] {
  // The addresses of a name have the same points.
  const weights = new Map(members.map(({ spec }) => [spec.server, spec.weight]));
  const weight = [...weights.values()].reduce((sum, each) => sum + each, 0);
  const scale = Math.min(MOST_WEIGHT / weight, 1);
  const points = members.flatMap(({ spec }) => {
    return pointsOf(spec.server, Math.max(Math.floor(spec.weight * scale), 1) * POINTS_FOR_WEIGHT);
  });
  points.sort((one, other) => one.hash - other.hash);
  return points.filter(({ hash }, i) => i === 0 || hash !== points[i - 1]?.hash);
}

/** `crc32(HOST \0 PORT PREVIOUS)`, as in nginx. */
function pointsOf(server: Octets, count: number): Point[] {
  const [host, port] = split(server);
  const base = updated(CRC32_BEGIN, `${host}\0${port}`);
  const points: Point[] = [];
  let previous = 0;
  for (let i = 0; i < count; i++) {
    previous = finished(updated(base, littleEndian(previous)));
    points.push({ hash: previous, server });
  }
  return points;
}

function split(server: Octets): readonly [host: Octets, port: Octets] {
  if (server.slice(0, 5).toLowerCase() === "unix:") return [server.slice(5), ""];
  const [, host, port] = /^([^]*):([0-9]*)$/.exec(server) ?? [];
  return host === undefined || port === undefined ? [server, ""] : [host, port];
}

function littleEndian(value: number): Octets {
  return String.fromCharCode(value & 0xff, value >>> 8 & 0xff, value >>> 16 & 0xff, value >>> 24);
}

const POINTS_FOR_WEIGHT = 160;

/**
 * Weights of more than this in all are taken as the same shares of it: those of SRV records go up to 65,535 each, and
 * their ring would take a worker seconds and hundreds of MiB each time that the DNS changes.
 */
export const MOST_WEIGHT = 2000;
