/** When something is due, for whoever makes the process wait (`_poller.ts`): no runtime tells when its timers ring. */

import { type Cancel, type Listed, type Millis, NOWHERE, Roster } from "../src/runtime.ts";

/** Something that is due at a time. */
export class Appointment implements Listed {
  place = NOWHERE;
  readonly due: Millis;

  constructor(due: Millis) {
    this.due = due;
  }
}

export class Agenda {
  readonly #appointments = new Roster<Appointment>();
  /** Nothing is due before. */
  #next: Millis = Infinity;
  #expected = 0;

  add(appointment: Appointment): void {
    this.#appointments.add(appointment);
    this.#next = Math.min(this.#next, appointment.due);
  }

  remove(appointment: Appointment): void {
    this.#appointments.delete(appointment);
  }

  /** Something of which nobody knows when it is due, until the function that this returns is called. */
  expect(): Cancel {
    this.#expected++;
    let isExpected = true;
    return () => {
      if (isExpected) this.#expected--;
      isExpected = false;
    };
  }

  /** The time of the next appointment, or one before it; `Infinity` when there is none. */
  next(now: Millis): Millis {
    if (this.#next <= now) this.#next = this.#earliest(now);
    return this.#expected > 0 ? Math.min(this.#next, now + SOON) : this.#next;
  }

  /** Where there are many, the earliest is not worth looking for. */
  #earliest(now: Millis): Millis {
    if (this.#appointments.size > MANY) return now + SOON;
    return this.#appointments.all().reduce((earliest, { due }) => Math.min(earliest, due), Infinity);
  }
}

const MANY = 64;
const SOON: Millis = 2;
