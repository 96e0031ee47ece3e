/** The lines of `map {}`. */

import type { Octets } from "../../runtime.ts";
import type { Facts } from "../../variables/mod.ts";
import { type Captures, joined, type Part, type Reference } from "../../variables/table.ts";
import { type Found, MapTable } from "../../variables/map.ts";
import { compileRegex, type Regex } from "../../variables/regex.ts";
import type { Call } from "../call.ts";
import type { Entries } from "../directive.ts";
import { checkPair } from "./_table_line.ts";
import { variableName } from "./_variable.ts";

/** A value as it is, or how to work it out. */
type Value = Octets | ((facts: Facts, captures: Captures | undefined) => Octets);

/** Begins the `map` that `call` opens. */
export function mapEntries(call: Call): Entries {
  return new MapEntries(call);
}

class MapEntries implements Entries {
  readonly #call: Call;
  readonly #table = new MapTable<Value>();
  readonly #source: readonly Part[];
  readonly #reads: Reference[];
  /** The names of groups in its expressions. */
  readonly #groups = new Set<Octets>();
  /** The first text that would be more than itself with `hostnames`. */
  #star: Octets | undefined;
  /** Large maps repeat few values. */
  readonly #values = new Map<Octets, Value>();

  constructor(call: Call) {
    this.#call = call;
    this.#source = call.scope.variables.parts(call.arg(0), call.place);
    this.#reads = this.#source.filter((part) => typeof part !== "string");
    const find = this.#finder();
    const name = variableName(call, call.arg(1));
    const evaluate = (facts: Facts) => {
      const found = find(facts);
      if (found === undefined) return "";
      return typeof found.value === "string" ? found.value : found.value(facts, found.captures);
    };
    call.scope.variables.define(name, { evaluate, reads: this.#reads }, call.place);
  }

  entry(call: Call): void {
    if (call.args.length === 0 && call.name === "hostnames") return this.#takeHostnames(call);
    if (call.args.length === 0 && call.name === "volatile") return;
    checkPair(call, "map");
    if (call.name.startsWith("~")) return this.#addRegex(call);
    const value = this.#value(call, call.arg(0));
    if (call.name !== "default") return this.#add(call, value);
    if (this.#table.default !== undefined) throw call.error("duplicate default map parameter");
    this.#table.default = value;
  }

  /** As in nginx, what stands above is not read again. */
  #takeHostnames(call: Call): void {
    this.#table.takesHostnames = true;
    if (this.#star !== undefined) call.warn(`"hostnames" has no effect on "${this.#star}", which stands above it`);
  }

  end(): void {
    this.#values.clear();
    // Elsewhere a named group is a variable too: what it caught in the text that the map is about now.
    const { place, scope: { variables } } = this.#call;
    const find = this.#finder();
    for (const name of this.#groups) {
      const evaluate = (facts: Facts) => {
        const found = find(facts);
        return found?.captures?.[found.regex?.names.get(name) ?? -1];
      };
      variables.define(name, { evaluate, reads: this.#source.filter((part) => typeof part !== "string") }, place);
    }
  }

  #finder(): (facts: Facts) => Found<Value> | undefined {
    const source = joined(this.#source);
    return (facts) => this.#table.find(source(facts));
  }

  #add(call: Call, value: Value): void {
    const text = call.name.startsWith("\\") ? call.name.slice(1) : call.name;
    if (/^\*?\.|\.\*$/.test(text)) this.#star ??= text;
    const problem = this.#table.add(text, value);
    if (problem === "invalid") throw call.error(`invalid hostname or wildcard "${text}"`);
    if (problem === "conflict") throw call.error(`conflicting parameter "${text}"`);
  }

  #addRegex(call: Call): void {
    const ignoresCase = call.name.startsWith("~*");
    const pattern = call.name.slice(ignoresCase ? 2 : 1);
    const regex = compileRegex(pattern, ignoresCase);
    if (typeof regex === "string") throw call.error(`invalid regular expression "${pattern}"`, regex);
    if (regex.isRisky) {
      call.warn(`the expression "${pattern}" repeats what fits in several ways, which some texts may make very slow`);
    }
    this.#table.addRegex(regex, this.#value(call, call.arg(0), regex));
    for (const name of regex.names.keys()) this.#groups.add(name);
  }

  #value(call: Call, text: Octets, regex?: Regex): Value {
    if (!text.includes("$")) return text;
    const known = this.#values.get(text);
    if (known !== undefined && regex === undefined) return known;
    const parts = call.scope.variables.parts(text, call.place, regex === undefined ? {} : { groups: regex.names });
    for (const part of parts) {
      if (typeof part !== "string" && !part.isGroup) this.#reads.push(part);
    }
    const value = joined(parts);
    if (regex === undefined) this.#values.set(text, value);
    return value;
  }
}
