import { ConfigError } from "../config/error.ts";
import { closest } from "../config/suggest.ts";
import type { Place } from "../config/types.ts";
import type { Octets } from "../runtime.ts";
import { BUILTINS } from "./builtin.ts";
import { type Complaint, isNameOctet, scan } from "./_scan.ts";
import type { Facts } from "./facts.ts";

/** A compiled text: put the facts in, and the text comes out. A variable that has no value is empty. */
export interface Template {
  (facts: Facts): Octets;
  /** As written. */
  readonly text: Octets;
  readonly parts: readonly Part[];
}

/** What a regular expression caught: its groups by number, the whole at 0. */
export type Captures = readonly (Octets | undefined)[];

/** Works out a variable; `undefined` where it has no value, which a log shows as `-`. */
export type Evaluate = (facts: Facts, captures?: Captures) => Octets | undefined;

/** A plain text or a variable. */
export type Part = Octets | Reference;

/** One mention of a variable. */
export interface Reference {
  readonly name: Octets;
  /** As written, with `$` and braces. */
  readonly written: Octets;
  readonly place: Place;
  /** Works the variable out. It has to be linked first. */
  readonly value: Evaluate;
  /** Whether it turned out to be no variable, and stands for its own text. */
  readonly isLiteral: boolean;
  /** Whether it is a group of a regular expression, and no variable. */
  readonly isGroup: boolean;
}

/** How a text is compiled. */
export interface CompileOptions {
  /** Whether a name that nobody knows, and a `$` without a name, stays as it is written; else it is an error. */
  readonly keepsUnknown?: boolean;
  /** Which groups of a regular expression go by which names, in lower case. */
  readonly groups?: ReadonlyMap<Octets, number>;
  /** What is said of a `$` without a name: `invalid variable name` unless given. */
  readonly complaint?: Complaint;
}

/** The variables of one configuration: those that Postern has, and those that `map` and the like make. */
export class VariableTable {
  readonly #defined = new Map<Octets, Definition>();
  readonly #mentions: Mention[] = [];

  /** Compiles a text. Throws {@linkcode ConfigError} with nginx's words when a name is not well written. */
  compile(text: Octets, place: Place, options: CompileOptions = {}): Template {
    const parts = this.parts(text, place, options);
    const evaluate = joined(parts);
    return Object.assign((facts: Facts) => evaluate(facts, NO_CAPTURES), { text, parts });
  }

  /** The parts of a text, for those who put them together in a way of their own. Throws {@linkcode ConfigError}. */
  parts(text: Octets, place: Place, options: CompileOptions = {}): readonly Part[] {
    const { keepsUnknown = false, groups, complaint = NO_NAME } = options;
    return scan(text, place, keepsUnknown ? undefined : complaint).map((piece) => {
      if (typeof piece === "string") return piece;
      const mention = new Mention({ ...piece, place }, keepsUnknown);
      const group = groups?.get(piece.name) ?? (groups !== undefined ? groupNumber(piece.name) : undefined);
      if (group === undefined) this.#mentions.push(mention);
      else mention.catches(group);
      return mention;
    });
  }

  /**
   * Makes a variable, whose `$` is left out of its name; `reads` are the variables that it is worked out from. A later
   * one of the same name takes its place, as in nginx. Throws {@linkcode ConfigError} where Postern has it already.
   */
  define(name: Octets, definition: Definition, place: Place): void {
    const lower = name.toLowerCase();
    if (name === "") throw new ConfigError('invalid variable name "$"', { place });
    if (BY_NAME.has(lower)) throw new ConfigError(`the duplicate "${lower}" variable`, { place });
    this.#defined.set(lower, definition);
  }

  /** Whether a variable exists by now. */
  has(name: Octets): boolean {
    return this.#find(name.toLowerCase()) !== undefined;
  }

  /** The variables of Postern's that a text is worked out from, by way of others too. Known once names are looked up. */
  sources({ parts }: Template): ReadonlySet<Octets> {
    const found = new Set<Octets>();
    const visited = new Set<Octets>();
    const visit = (name: Octets): void => {
      if (visited.has(name)) return;
      visited.add(name);
      const definition = this.#defined.get(name);
      if (definition === undefined) found.add(name);
      for (const read of definition?.reads ?? []) if (!read.isGroup && !read.isLiteral) visit(read.name);
    };
    for (const part of parts) if (typeof part !== "string" && !part.isLiteral && !part.isGroup) visit(part.name);
    return found;
  }

  /** Looks up all names that were mentioned. Throws {@linkcode ConfigError} when there is no such variable, or no end. */
  link(): void {
    for (const mention of this.#mentions.splice(0)) {
      const evaluate = this.#find(mention.name)?.evaluate;
      if (evaluate !== undefined) mention.resolve(evaluate);
      else if (mention.keepsUnknown) mention.keep();
      else throw this.#unknown(mention);
    }
    this.#refuseCycles();
  }

  #find(name: Octets): Definition | undefined {
    return this.#defined.get(name) ?? BY_NAME.get(name);
  }

  #unknown({ name, place }: Mention): ConfigError {
    const near = closest(name, [...BY_NAME.keys(), ...this.#defined.keys()]);
    const hint = near === undefined ? undefined : `did you mean "$${near}"?`;
    return new ConfigError(`unknown "${name}" variable`, { place, hint });
  }

  /** nginx notices when a session asks for such a variable; here nothing starts that could not be worked out. */
  #refuseCycles(): void {
    const settled = new Set<Octets>();
    const open = new Set<Octets>();
    const visit = (name: Octets, place: Place): void => {
      const definition = this.#defined.get(name);
      if (definition === undefined || settled.has(name)) return;
      if (open.has(name)) throw new ConfigError(`cycle while evaluating variable "${name}"`, { place });
      open.add(name);
      for (const read of definition.reads) visit(read.name, read.place);
      open.delete(name);
      settled.add(name);
    };
    for (const name of this.#defined.keys()) visit(name, "command line");
  }
}

/** What a variable is, and what it is worked out from. */
export interface Definition {
  readonly evaluate: Evaluate;
  readonly reads: readonly Reference[];
}

/** The text of a template that no variable is in; `undefined` for any other. Known once names are looked up. */
export function constantOf({ parts }: Template): Octets | undefined {
  const texts = parts.map((part) => typeof part === "string" ? part : part.isLiteral ? part.written : undefined);
  return texts.includes(undefined) ? undefined : texts.join("");
}

/** Whether `text` is `$` and a name, and nothing else. */
export function isVariableName(text: Octets): boolean {
  return text.startsWith("$") && text.length > 1 && [...text.slice(1)].every((each) => isNameOctet(each.charCodeAt(0)));
}

/** Puts parts together; captures go to those that ask for them. */
export function joined(parts: readonly Part[]): (facts: Facts, captures?: Captures) => Octets {
  const [only] = parts;
  if (only === undefined) return () => "";
  if (parts.length > 1) return (facts, captures) => join(parts, facts, captures);
  if (typeof only === "string") return () => only;
  return (facts, captures) => only.value(facts, captures) ?? "";
}

function join(parts: readonly Part[], facts: Facts, captures: Captures | undefined): Octets {
  let text = "";
  for (const part of parts) text += typeof part === "string" ? part : part.value(facts, captures) ?? "";
  return text;
}

class Mention implements Reference {
  readonly name: Octets;
  readonly written: Octets;
  readonly place: Place;
  readonly keepsUnknown: boolean;
  #evaluate: Evaluate | undefined;
  #isLiteral = false;
  #isGroup = false;

  constructor({ name, written, place }: Pick<Reference, "name" | "written" | "place">, keepsUnknown: boolean) {
    this.name = name;
    this.written = written;
    this.place = place;
    this.keepsUnknown = keepsUnknown;
  }

  get isLiteral(): boolean {
    return this.#isLiteral;
  }

  get isGroup(): boolean {
    return this.#isGroup;
  }

  readonly value: Evaluate = (facts, captures) => {
    if (this.#evaluate === undefined) throw new Error(`The variable ${this.written} is used before it is looked up`);
    return this.#evaluate(facts, captures);
  };

  resolve(evaluate: Evaluate): void {
    this.#evaluate = evaluate;
  }

  catches(group: number): void {
    this.#isGroup = true;
    this.#evaluate = (_facts, captures) => captures?.[group];
  }

  keep(): void {
    this.#isLiteral = true;
    this.#evaluate = () => this.written;
  }
}

/** `$1` in a text that captures are put into. */
function groupNumber(name: Octets): number | undefined {
  return /^[1-9]$/.test(name) ? Number(name) : undefined;
}

const NO_NAME: Complaint = () => "invalid variable name";
const NO_CAPTURES: Captures = [];

const BY_NAME: ReadonlyMap<Octets, Definition> = new Map(
  BUILTINS.map(({ name, value }) => [name, { evaluate: value, reads: [] }]),
);
