/**
 * Finds a directive's entry, and explains what is wrong when its form does not fit.
 *
 * @module
 */

import type { Octets } from "../runtime.ts";
import type { Call } from "./call.ts";
import type { AnyDirective, Context } from "./directive.ts";
import type { DirectiveTable } from "./directives/mod.ts";
import type { ConfigError } from "./error.ts";
import { closest } from "./suggest.ts";
import type { StatementEnd } from "./tokens.ts";

/** Where a directive is looked up. */
export interface Setting {
  readonly context: Context;
  readonly table: DirectiveTable;
}

/** The entry that `call` is a use of. Throws {@linkcode ConfigError} when there is none. */
export function lookUp(call: Call, setting: Setting): AnyDirective {
  const entry = setting.table.find(call.name, setting.context);
  if (entry !== undefined) return entry;
  const elsewhere = setting.table.named(call.name);
  if (elsewhere.length > 0) {
    const hint = `"${call.name}" belongs ${homes(elsewhere)}`;
    const isNested = call.scope.block?.name === call.name;
    throw call.error(`"${call.name}" directive is not allowed here`, isNested ? `${hint}: is a "}" missing?` : hint);
  }
  throw call.error(`unknown directive "${call.name}"`, spelling(call.name, setting));
}

/** Checks what nginx checks of any directive before it reads the arguments. Throws {@linkcode ConfigError}. */
export function checkForm(call: Call, entry: AnyDirective, form: Setting & { readonly end: StatementEnd }): void {
  if (entry.type === "simple" && form.end === "open") {
    throw call.error(`directive "${call.name}" is not terminated by ";"`, missingSemicolon(call, form));
  }
  if (entry.type === "block" && form.end !== "open") {
    throw call.error(`directive "${call.name}" has no opening "{"`);
  }
  const { least, most, inNginx = most } = entry.type === "simple" ? entry.kind.count : entry.count;
  const { length } = call.args;
  const hint = missingSemicolon(call, form);
  if (length < least || length > most || (length > inNginx && hint !== undefined)) {
    throw call.error(`invalid number of arguments in "${call.name}" directive`, hint);
  }
  if (entry.state.type === "refused") throw call.error(`"${call.name}" directive is not supported`, entry.state.reason);
}

/** Names that fit in this place come first, then those of other places. */
function spelling(name: Octets, { context, table }: Setting): Octets | undefined {
  const protocol = table.leftOut(name);
  if (protocol !== undefined) return `"${protocol}" is left out of this build`;
  const here = closest(name, table.names(context));
  if (here !== undefined) return `did you mean "${here}"?`;
  const elsewhere = closest(name, table.names());
  return elsewhere && `did you mean "${elsewhere}"? It belongs ${homes(table.named(elsewhere))}`;
}

function homes(entries: readonly AnyDirective[]): Octets {
  const contexts = new Set(entries.flatMap((entry) => entry.contexts));
  const blocks = [...contexts].filter((context) => context !== "main").map((context) => `"${context} {}"`);
  const places = contexts.has("main") ? ["outside of all blocks"] : [];
  if (blocks.length > 0) places.push(`into ${blocks.join(" or ")}`);
  return places.join(" or ");
}

/** The hint for an error about a word that is a directive here. Others, such as `ssl` of `listen`, may stand beside it. */
export function explainWord({ message }: ConfigError, call: Call, setting: Setting): Octets | undefined {
  return missingSemicolon(
    { args: call.args.filter((arg) => message.startsWith(`invalid parameter "${arg}"`)) },
    setting,
  );
}

/** An argument that is a directive here hints at the usual slip. */
function missingSemicolon({ args }: Pick<Call, "args">, { context, table }: Setting): Octets | undefined {
  const next = args.find((arg) => table.find(arg, context) !== undefined);
  return next === undefined ? undefined : `is a ";" missing before "${next}"?`;
}
