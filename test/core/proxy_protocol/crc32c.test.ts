import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { crc32c } from "../../../src/protocol/proxy_protocol/crc32c.ts";
import { encode } from "../../../src/session/bytes.ts";

describe("CRC32c", () => {
  const ascending = Uint8Array.from({ length: 32 }, (_, i) => i);
  // RFC 3720, B.4, which writes the octets of each sum in reverse.
  const rows: readonly [what: string, bytes: Uint8Array, sum: number][] = [
    ["nothing", new Uint8Array(0), 0],
    ["123456789", encode("123456789"), 0xe3069283],
    ["a single a", encode("a"), 0xc1d04330],
    ["32 zeros", new Uint8Array(32), 0x8a9136aa],
    ["32 times 255", new Uint8Array(32).fill(255), 0x62a8ab43],
    ["0 to 31", ascending, 0x46dd794e],
    ["31 to 0", ascending.toReversed(), 0x113fdb5c],
  ];
  for (const [what, bytes, sum] of rows) it(`sums up ${what}`, () => assertEquals(crc32c(bytes), sum));

  it("goes on from the sum of what came before", () => {
    const bytes = encode("123456789");
    for (let at = 0; at <= bytes.length; at++) {
      assertEquals(crc32c(bytes.subarray(at), crc32c(bytes.subarray(0, at))), 0xe3069283);
    }
  });
});
