import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { parseBigSize, parseMillis, parseNumber, parseSeconds, parseSize } from "../../../src/config/values.ts";

type Row = readonly [text: string, value: number | undefined];

const NUMBERS: readonly Row[] = [
  ["0", 0],
  ["5", 5],
  ["007", 7],
  ["9223372036854775807", 2 ** 63],
  ["9223372036854775808", undefined],
  ["99999999999999999999", undefined],
  ["", undefined],
  ["-1", undefined],
  ["+1", undefined],
  ["1.5", undefined],
  ["1e3", undefined],
  ["0x10", undefined],
  [" 1", undefined],
  ["1 ", undefined],
];

const SIZES: readonly Row[] = [
  ["0", 0],
  ["512", 512],
  ["4k", 4096],
  ["4K", 4096],
  ["1m", 1048576],
  ["1M", 1048576],
  ["1g", undefined],
  ["k", undefined],
  ["", undefined],
  ["4kk", undefined],
  ["4 k", undefined],
  ["4b", undefined],
  ["-4k", undefined],
  ["9223372036854775807k", undefined],
];

const BIG_SIZES: readonly Row[] = [["1g", 2 ** 30], ["2G", 2 ** 31], ["1m", 2 ** 20], ["1t", undefined]];

const MILLIS: readonly Row[] = [
  ["0", 0],
  ["60", 60_000],
  ["60s", 60_000],
  ["500ms", 500],
  ["1m", 60_000],
  ["1m500ms", 60_500],
  ["1h30m", 5_400_000],
  ["1h 30m", 5_400_000],
  ["1h30", 3_630_000],
  ["1w2d3h4m5s6ms", 788_645_006],
  ["24h", 86_400_000],
  ["30d", 2_592_000_000],
  [" 5", 5_000],
  ["5 ", 5_000],
  ["1s 5", 6_000],
  ["1hm", 3_600_000],
  ["1y", undefined],
  ["1M", undefined],
  ["30m1h", undefined],
  ["1m1m", undefined],
  ["5ms1s", undefined],
  ["1 2s", undefined],
  [" 5s", undefined],
  ["", undefined],
  [" ", undefined],
  ["s", undefined],
  ["1x", undefined],
  ["1H", undefined],
  ["1S", undefined],
  ["-1", undefined],
  ["1.5s", undefined],
  ["1\t2", undefined],
  ["99999999999999999999", undefined],
];

const SECONDS: readonly Row[] = [
  ["5", 5],
  ["5m", 300],
  ["1M", 2_592_000],
  ["1y2M3w", 31_536_000 + 5_184_000 + 1_814_400],
  ["500ms", undefined],
  ["1M1y", undefined],
];

function table(name: string, rows: readonly Row[], parse: (text: string) => number | undefined): void {
  describe(name, () => {
    for (const [text, value] of rows) it(`"${text}" is ${value}`, () => assertEquals(parse(text), value));
  });
}

table("numbers", NUMBERS, parseNumber);
table("sizes", SIZES, parseSize);
table("sizes that may be large", BIG_SIZES, parseBigSize);
table("times in milliseconds", MILLIS, parseMillis);
table("times in seconds", SECONDS, parseSeconds);
