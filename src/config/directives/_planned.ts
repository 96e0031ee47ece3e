/** The short form of entries that are only there to be refused by name, and to be documented. */

import { directive, MAIL_AND_SERVER, ONE, PLANNED } from "../directive.ts";
import type { Context, Count, Directive } from "../directive.ts";
import { anything } from "../kinds.ts";
import type { Octets } from "../../runtime.ts";

interface Planned {
  readonly syntax: string;
  readonly meaning: string;
  readonly count?: Count;
  readonly contexts?: readonly Context[];
  readonly since?: string;
  readonly written?: string;
}

/** A simple directive of later work: one argument, in `mail {}` and `server {}`, unless said otherwise. */
export function planned(name: string, entry: Planned): Directive<readonly Octets[]> {
  const { syntax, meaning, count = ONE, contexts = MAIL_AND_SERVER, since, written } = entry;
  return directive({
    name,
    contexts,
    since,
    kind: anything(syntax, count),
    default: [],
    written,
    meaning,
    state: PLANNED,
  });
}
