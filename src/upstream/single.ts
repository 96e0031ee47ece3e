import type { Attempt, Peer, Route, Selection } from "./mod.ts";

/** The way to one server that nobody stands in for: each login tries it once. */
export class SingleRoute implements Route {
  readonly peer: Peer;

  constructor(peer: Peer) {
    this.peer = peer;
  }

  select(): Selection {
    return new OnlyAttempt(this.peer);
  }
}

/** A login's way there, and its one attempt in one: nobody counts anything. */
class OnlyAttempt implements Selection, Attempt {
  readonly peer: Peer;
  #isMade = false;

  constructor(peer: Peer) {
    this.peer = peer;
  }

  get name(): string {
    return this.peer.text;
  }

  next(): Attempt | undefined {
    if (this.#isMade) return undefined;
    this.#isMade = true;
    return this;
  }

  hasOther(): boolean {
    return false;
  }

  ended(): void {}

  released(): void {}
}
