import type { Attempt, Peer, Route, Selection } from "./mod.ts";

/** The way to one server that nobody stands in for: each login tries it once. */
export class SingleRoute implements Route {
  readonly peer: Peer;

  constructor(peer: Peer) {
    this.peer = peer;
  }

  select(): Selection {
    let attempt: Attempt | undefined = { peer: this.peer, ended: () => {}, released: () => {} };
    return {
      name: this.peer.text,
      next: () => {
        const next = attempt;
        attempt = undefined;
        return next;
      },
      hasOther: () => false,
    };
  }
}
