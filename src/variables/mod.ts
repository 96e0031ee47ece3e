/**
 * Variables: texts of a configuration with `$name` in them, and what such names stand for.
 *
 * A text is compiled once, when it is read, to a {@linkcode Template}; names are looked up when the whole configuration
 * has been read, so that a `map` may stand below its use. Nothing is worked out before it is asked for, and nothing is
 * kept: a variable says what is so at that moment.
 *
 * @module
 */

export { BUILTINS } from "./builtin.ts";
export type { Builtin } from "./builtin.ts";
export { ENDINGS } from "./ending.ts";
export type { Ending, Fault } from "./ending.ts";
export type * from "./facts.ts";
export { lineWriter } from "./log_format.ts";
export type { Escaping, LineWriter } from "./log_format.ts";
export { constantOf, isVariableName, VariableTable } from "./table.ts";
export type { Captures, CompileOptions, Definition, Evaluate, Part, Reference, Template } from "./table.ts";
