import type { ConnectTarget, Millis, Octets } from "../runtime.ts";
import type { Peer } from "./mod.ts";
import type { FailureLimits, Standing } from "./standing.ts";

/** A server of a group, its name looked up. */
export interface ServerSpec extends Peer, FailureLimits {
  readonly target: ConnectTarget;
  /** The server as the configuration has it: consistent hashing goes by it, and so do states that outlive a reload. */
  readonly server: Octets;
  readonly weight: number;
  /** `Infinity` for any number. */
  readonly maxConns: number;
  readonly slowStart: Millis;
  readonly isBackup: boolean;
  readonly isDown: boolean;
  readonly isDraining: boolean;
}

/** A server of a group as those who choose see it. */
export class Member {
  readonly spec: ServerSpec;
  /** What it is known by: the same as long as it stays, in every process. */
  readonly key: Octets;
  readonly standing: Standing;
  /** Whether failures count: not where there is no other server to go to. */
  readonly hasOthers: boolean;
  /** Smooth weighted round robin: how much it is its turn. */
  turn = 0;
  /** Its weight, less what failures took of it; it grows again with each choice. */
  #effective: number;

  constructor(spec: ServerSpec, { key, standing, hasOthers }: Pick<Member, "key" | "standing" | "hasOthers">) {
    this.spec = spec;
    this.key = key;
    this.standing = standing;
    this.hasOthers = hasOthers;
    this.#effective = spec.weight;
  }

  /** Whether it may have sessions at all now. */
  get isOpen(): boolean {
    const { isDown, isDraining, maxConns } = this.spec;
    return !isDown && !isDraining && this.standing.isFit && this.standing.connections < maxConns;
  }

  /** Whether it may have a session, and nothing speaks against it. */
  isUsable(now: Millis): boolean {
    return this.isOpen && (!this.hasOthers || this.standing.mayTry(now));
  }

  /** Its share now: less while it starts slowly. */
  weightAt(now: Millis): number {
    const { weight, slowStart } = this.spec;
    const age = now - this.standing.backSince;
    return age >= slowStart ? weight : weight * Math.max(LEAST_SHARE, age / slowStart);
  }

  /** Its turn comes nearer; gives by how much. */
  approach(now: Millis): number {
    const step = Math.min(this.#effective, this.weightAt(now));
    this.turn += step;
    this.#effective = Math.min(this.spec.weight, this.#effective + 1);
    return step;
  }

  /** A failure makes it come up less often for a while, as in nginx. */
  slowDown(): void {
    const { weight, maxFails } = this.spec;
    if (maxFails > 0) this.#effective = Math.max(0, this.#effective - Math.floor(weight / maxFails));
  }
}

/** A server that has just come back gets something to do. */
const LEAST_SHARE = 0.01;
