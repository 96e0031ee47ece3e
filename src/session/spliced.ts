import type { Effect, Millis, Octets, Progress, Session } from "./mod.ts";

/**
 * What is left of a session behind its splice: what the log calls it. Relays live for days; the credentials of the
 * login, its buffers and its commands are let go.
 */
export class SplicedSession implements Session {
  readonly deadline: Millis | undefined = undefined;
  readonly action: string;
  readonly login: Octets | undefined;
  readonly apology: Octets;

  constructor({ action, login, apology }: Pick<Session, "action" | "login" | "apology">) {
    this.action = action;
    this.login = login;
    this.apology = apology;
  }

  /** There is no other to go on with it. */
  get progress(): Progress {
    return BEGINNING;
  }

  receive(): readonly Effect[] {
    return [];
  }

  wants(): boolean {
    return false;
  }
}

const BEGINNING: Progress = {
  errors: 0,
  commands: 0,
  attempts: 0,
  deadline: undefined,
  salt: undefined,
  clientHost: undefined,
};
