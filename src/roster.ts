/**
 * Those who are here now, for tables that every session enters and leaves.
 *
 * @module
 */

/** Whoever can stand on one roster at a time: it keeps its own place there. */
export interface Listed {
  /** For the roster alone; {@linkcode NOWHERE} to begin with. */
  place: number;
}

/** The place of whoever stands on no roster. */
export const NOWHERE = -1;

/**
 * A set in no order, without hashing and without the tables that a `Set` throws away after every few dozens of members
 * that come and go.
 */
export class Roster<Member extends Listed> {
  readonly #members: Member[] = [];

  get size(): number {
    return this.#members.length;
  }

  add(member: Member): void {
    if (this.has(member)) return;
    member.place = this.#members.length;
    this.#members.push(member);
  }

  /** Whoever is last takes the empty place. */
  delete(member: Member): void {
    if (!this.has(member)) return;
    const { place } = member;
    member.place = NOWHERE;
    const last = this.#members.pop();
    if (last === undefined || last === member) return;
    this.#members[place] = last;
    last.place = place;
  }

  has(member: Member): boolean {
    return member.place !== NOWHERE && this.#members[member.place] === member;
  }

  /** All who are here now, as a list that does not change. */
  all(): Member[] {
    return [...this.#members];
  }
}
