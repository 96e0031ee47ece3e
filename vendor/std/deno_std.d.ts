/**
 * Types for the modules of `deno-std` that the doors beside this file open. Written after the documentation of Deno's
 * std; only what Postern uses is here.
 */

declare module "deno-std/assert/mod.js" {
  // deno-lint-ignore no-explicit-any
  type Class<T> = abstract new (...args: any[]) => T;

  export class AssertionError extends Error {}

  export function assert(expr: unknown, msg?: string): asserts expr;
  export function assertFalse(expr: unknown, msg?: string): asserts expr is false;
  export function assertExists<T>(actual: T, msg?: string): asserts actual is NonNullable<T>;
  export function assertEquals<T>(actual: T, expected: T, msg?: string): void;
  export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void;
  export function assertStrictEquals<T>(actual: unknown, expected: T, msg?: string): asserts actual is T;
  export function assertNotStrictEquals<T>(actual: T, expected: T, msg?: string): void;
  export function assertAlmostEquals(actual: number, expected: number, tolerance?: number, msg?: string): void;
  export function assertGreater<T>(actual: T, expected: T, msg?: string): void;
  export function assertGreaterOrEqual<T>(actual: T, expected: T, msg?: string): void;
  export function assertLess<T>(actual: T, expected: T, msg?: string): void;
  export function assertLessOrEqual<T>(actual: T, expected: T, msg?: string): void;
  export function assertMatch(actual: string, expected: RegExp, msg?: string): void;
  export function assertNotMatch(actual: string, expected: RegExp, msg?: string): void;
  export function assertStringIncludes(actual: string, expected: string, msg?: string): void;
  export function assertArrayIncludes<T>(actual: ArrayLike<T>, expected: ArrayLike<T>, msg?: string): void;
  export function assertObjectMatch(
    actual: Record<PropertyKey, unknown>,
    expected: Record<PropertyKey, unknown>,
    msg?: string,
  ): void;
  export function assertInstanceOf<T>(actual: unknown, expected: Class<T>, msg?: string): asserts actual is T;
  export function assertIsError<T extends Error = Error>(
    error: unknown,
    expected?: Class<T>,
    msgMatches?: string | RegExp,
    msg?: string,
  ): asserts error is T;
  export function assertThrows(fn: () => unknown, msg?: string): unknown;
  export function assertThrows<T extends Error>(
    fn: () => unknown,
    expected: Class<T>,
    msgIncludes?: string,
    msg?: string,
  ): T;
  export function assertRejects(fn: () => PromiseLike<unknown>, msg?: string): Promise<unknown>;
  export function assertRejects<T extends Error>(
    fn: () => PromiseLike<unknown>,
    expected: Class<T>,
    msgIncludes?: string,
    msg?: string,
  ): Promise<T>;
  export function equal(a: unknown, b: unknown): boolean;
  export function fail(msg?: string): never;
  export function unreachable(msg?: string): never;
}

declare module "deno-std/cli/parse_args.js" {
  /** What {@linkcode parseArgs} looks for. A name may be given alone or in a list. */
  export interface ParseOptions {
    /** Collects everything after `--` in `result["--"]` instead of `_`. */
    readonly "--"?: boolean;
    readonly alias?: Readonly<Record<string, string | readonly string[]>>;
    /** Flags without a value; `true` makes every flag without `=` one. */
    readonly boolean?: boolean | string | readonly string[];
    readonly default?: Readonly<Record<string, unknown>>;
    /** Stops at the first argument that is no flag; the rest goes to `_`. */
    readonly stopEarly?: boolean;
    /** Flags whose value is never read as a number; `"_"` keeps the positional arguments as strings, too. */
    readonly string?: string | readonly string[];
    /** Flags that may be given several times; their value is a list. */
    readonly collect?: string | readonly string[];
    /** Boolean flags that `--no-NAME` turns off. */
    readonly negatable?: string | readonly string[];
    /** Told about each argument that no other option names; `false` leaves it out of the result. */
    readonly unknown?: (arg: string, key?: string, value?: unknown) => unknown;
  }

  /** The flags by name. `_` has the positional arguments: numbers where they look like numbers, see `string`. */
  export interface Args {
    readonly _: readonly (string | number)[];
    readonly "--"?: readonly string[];
    readonly [flag: string]: unknown;
  }

  export function parseArgs(args: readonly string[], options?: ParseOptions): Args;
}
