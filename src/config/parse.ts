/**
 * Reads a configuration statement by statement, as nginx does: each directive is checked and its value kept before the
 * next is looked at, so that the first mistake in reading order is the one that is told.
 *
 * @module
 */

import { describeFailure, isFailure } from "../runtime.ts";
import type { Files, Octets } from "../runtime.ts";
import { decode } from "../session/bytes.ts";
import { Call } from "./call.ts";
import type { AnyDirective, Block, Directive, Entries } from "./directive.ts";
import { include } from "./directives/core.ts";
import { DirectiveTable } from "./directives/mod.ts";
import { ConfigError, inPlace, lineOf } from "./error.ts";
import { expand, isPattern } from "./glob.ts";
import { checkForm, explainWord, lookUp, type Setting } from "./lookup.ts";
import { oddCharacter } from "./odd_characters.ts";
import { fullName } from "./paths.ts";
import { PROTOCOLS } from "./protocols.ts";
import { Scope } from "./scope.ts";
import { Tokenizer } from "./tokens.ts";
import type { Statement } from "./tokens.ts";
import type { ConfigWarning, Place, Protocol } from "./types.ts";

/** What a {@linkcode Parser} may read, and how. */
export interface ParserOptions {
  readonly files: Pick<Files, "read" | "list">;
  /** The directory that `include` starts from. */
  readonly base: Octets;
  /** The protocols that are left out, as if nginx had been built without them. */
  readonly without: readonly Protocol[];
}

/** What is done with each statement. */
type Take = (statement: Statement, tokens: Tokenizer) => void;

/** How deep files may include one another, and how many may be read: more is a mistake that feeds on itself. */
export const INCLUDE_DEPTH_LIMIT = 50;
export const INCLUDE_COUNT_LIMIT = 10_000;

/** Reads any number of texts into one {@linkcode Scope}. Its methods throw {@linkcode ConfigError}. */
export class Parser {
  /** What stands outside of all blocks, and the blocks. */
  readonly main: Scope;
  readonly warnings: ConfigWarning[] = [];
  /** The texts of all files read, by path. */
  readonly texts = new Map<Octets, Octets>();
  readonly #options: ParserOptions;
  readonly #table: DirectiveTable;
  /** The files that are being read, each included by the one before. */
  readonly #open: Octets[] = [];
  #included = 0;

  constructor(options: ParserOptions) {
    this.#options = options;
    this.#table = new DirectiveTable(options.without);
    this.main = new Scope(undefined, PROTOCOLS.filter((protocol) => !options.without.includes(protocol)));
  }

  /** Reads the directives of the `-g` option. */
  parameter(text: Octets): void {
    this.#statements(new Tokenizer(text, undefined), this.#directives(this.main), "parameter");
  }

  /** Reads the main file. */
  file(path: Octets): void {
    this.#file(path, this.#directives(this.main));
  }

  /** Reads a text that goes by the name of `path`. */
  text(text: Octets, path: Octets): void {
    this.#text(text, path, this.#directives(this.main));
  }

  #file(path: Octets, take: Take, place?: Place): void {
    const bytes = this.#options.files.read(path);
    if (isFailure(bytes)) throw new ConfigError(`open() "${path}" failed ${describeFailure(bytes)}`, { place });
    this.#text(decode(bytes), path, take);
  }

  #text(text: Octets, path: Octets, take: Take): void {
    if (!this.texts.has(path)) this.texts.set(path, text);
    this.#open.push(path);
    const hasMark = text.startsWith(BYTE_ORDER_MARK);
    if (hasMark) {
      this.#warn("warn", "the file begins with a byte order mark, which nginx refuses", { file: path, line: 1 });
    }
    this.#statements(new Tokenizer(hasMark ? text.slice(BYTE_ORDER_MARK.length) : text, path), take, "file");
    this.#open.pop();
  }

  #statements(tokens: Tokenizer, take: Take, within: "file" | "parameter" | Call): void {
    for (;;) {
      const statement = tokens.next();
      const { end } = statement;
      if (end === "end" && within instanceof Call) throw notClosed(within, tokens);
      if (end === "close" && !(within instanceof Call)) throw here(tokens, 'unexpected "}"');
      if (end === "end" || end === "close") return;
      if (end === "open" && within === "parameter") {
        throw here(tokens, "block directives are not supported in -g option");
      }
      take(statement, tokens);
    }
  }

  #directives(scope: Scope): Take {
    return (statement, tokens) => this.#statement(statement, tokens, scope);
  }

  #call({ words }: Statement, { place }: Tokenizer, scope: Scope): Call {
    const { base, files } = this.#options;
    return new Call(words, { place, scope, warn: (text) => this.#warn("warn", text, place), base, files });
  }

  #settingOf({ scope }: Call): Setting {
    return { context: scope.block?.opens ?? "main", table: this.#table };
  }

  #statement(statement: Statement, tokens: Tokenizer, scope: Scope): void {
    const call = this.#call(statement, tokens, scope);
    const setting = this.#settingOf(call);
    const entry = lookUp(call, setting);
    checkForm(call, entry, { ...setting, end: statement.end });
    this.#warnOf(call, entry);
    if (entry === include) this.#include(call, this.#directives(scope));
    else if (entry.type === "simple") this.#simple(call, entry);
    else this.#block(call, entry.standsFor ?? entry, tokens);
  }

  /** What is no mistake, but likely not what its writer meant, or not for much longer. */
  #warnOf(call: Call, entry: AnyDirective): void {
    const odd = oddCharacter(call.args);
    if (odd !== undefined) call.warn(odd);
    if (entry.today !== undefined) call.warn(deprecation(entry));
  }

  #simple<V, D>(call: Call, entry: Directive<V, D>): void {
    const slot = entry.storedAs ?? entry;
    call.scope.set(slot, this.#value(call, entry), call.place);
  }

  #value<V, D>(call: Call, entry: Directive<V, D>): V {
    try {
      return entry.kind.read(call, call.scope.own(entry.storedAs ?? entry));
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      throw error.hinted(explainWord(error, call, this.#settingOf(call)));
    }
  }

  #block(call: Call, entry: Block, tokens: Tokenizer): void {
    const { place, scope: parent } = call;
    if (!entry.repeatable && parent.children(entry).length > 0) {
      throw call.error(`"${call.name}" directive is duplicate`);
    }
    if (entry.entries !== undefined) return this.#entries(call, entry.entries(call), tokens);
    const scope = new Scope({ block: entry, place, parent, args: call.args });
    if (entry.opens === undefined) {
      tokens.skipBlock();
      this.#warn("notice", `the "${call.name}" block is left to nginx, skipped`, place);
    } else {
      this.#statements(tokens, this.#directives(scope), call);
      entry.check(scope, tokens.place);
    }
  }

  /** Reads a block whose lines are no directives, but for `include`. */
  #entries(block: Call, entries: Entries, tokens: Tokenizer): void {
    const take: Take = (statement, tokens) => {
      const call = this.#call(statement, tokens, block.scope);
      if (statement.end === "open") throw here(tokens, 'unexpected "{"');
      if (call.name === "include" && call.args.length === 1) this.#include(call, take);
      else entries.entry(call);
    };
    this.#statements(tokens, take, block);
    entries.end(tokens.place);
  }

  #include(call: Call, take: Take): void {
    const path = fullName(this.#options.base, call.arg(0));
    const paths = isPattern(path) ? expand(path, this.#options.files) : [path];
    for (const each of paths) {
      if (this.#open.includes(each)) throw call.error(`"include" directive makes "${each}" include itself`);
      if (this.#open.length > INCLUDE_DEPTH_LIMIT) throw call.error(`"include" directive is nested too deeply`);
      if (++this.#included > INCLUDE_COUNT_LIMIT) throw call.error(`"include" directive reads too many files`);
      this.#file(each, take, call.place);
    }
  }

  #warn(level: ConfigWarning["level"], text: Octets, place: Place): void {
    this.warnings.push({ level, text: text + inPlace(place) });
  }
}

function deprecation({ name, today }: AnyDirective): Octets {
  return `the "${name}" directive is deprecated, ${today}`;
}

function notClosed({ name, place }: Call, tokens: Tokenizer): ConfigError {
  const hint = `the "${name}" block of line ${lineOf(place).line} is not closed`;
  return new ConfigError('unexpected end of file, expecting "}"', { place: tokens.place, hint });
}

function here(tokens: Tokenizer, text: Octets): ConfigError {
  return new ConfigError(text, { place: tokens.place });
}

/** UTF-8's, which editors on Windows put first. */
const BYTE_ORDER_MARK = "\xef\xbb\xbf";
