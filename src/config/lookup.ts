/**
 * Finds a directive's entry, and explains what is wrong when its form does not fit.
 *
 * @module
 */

import type { Octets } from "../runtime.ts";
import type { Call } from "./call.ts";
import type { AnyDirective, Context } from "./directive.ts";
import type { DirectiveTable } from "./directives/mod.ts";
import { closest } from "./suggest.ts";
import type { StatementEnd } from "./tokens.ts";

/** The entry that `call` is a use of. Throws {@linkcode ConfigError} when there is none. */
export function lookUp(call: Call, context: Context, table: DirectiveTable): AnyDirective {
  const entry = table.find(call.name, context);
  if (entry !== undefined) return entry;
  const elsewhere = table.named(call.name);
  if (elsewhere.length > 0) {
    throw call.error(`"${call.name}" directive is not allowed here`, `"${call.name}" belongs ${homes(elsewhere)}`);
  }
  throw call.error(`unknown directive "${call.name}"`, spelling(call.name, context, table));
}

/** Checks what nginx checks of any directive before it reads the arguments. Throws {@linkcode ConfigError}. */
export function checkForm(call: Call, entry: AnyDirective, form: {
  readonly end: StatementEnd;
  readonly context: Context;
  readonly table: DirectiveTable;
}): void {
  const hint = missingSemicolon(call, form.context, form.table);
  if (entry.type === "simple" && form.end === "open") {
    throw call.error(`directive "${call.name}" is not terminated by ";"`, hint);
  }
  if (entry.type === "block" && form.end !== "open") {
    throw call.error(`directive "${call.name}" has no opening "{"`);
  }
  const { least, most } = entry.type === "simple" ? entry.kind.count : entry.count;
  if (call.args.length < least || call.args.length > most) {
    throw call.error(`invalid number of arguments in "${call.name}" directive`, hint);
  }
  if (entry.state.type === "planned") throw call.error(`"${call.name}" directive is not supported yet`);
}

/** Names that fit in this place come first, then those of other places. */
function spelling(name: Octets, context: Context, table: DirectiveTable): Octets | undefined {
  if (name.startsWith(BYTE_ORDER_MARK)) {
    return "the file begins with a byte order mark, which nginx does not know either";
  }
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

/** An argument that is a directive here hints at the usual slip. */
function missingSemicolon(call: Call, context: Context, table: DirectiveTable): Octets | undefined {
  const next = call.args.find((arg) => table.find(arg, context) !== undefined);
  return next === undefined ? undefined : `is a ";" missing before "${next}"?`;
}

const BYTE_ORDER_MARK = "\xef\xbb\xbf";
