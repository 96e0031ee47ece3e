import { describe, it } from "node:test";
import { assert, assertEquals, assertNotStrictEquals } from "@std/assert";
import { CHUNK_SIZE, ChunkPool, MOST_IDLE } from "../../adapters/_chunk_pool.ts";
import { areSame, pattern } from "./_peer.ts";

describe("memory for octets on their way", () => {
  const sizes = [0, 1, 2048, 2049, CHUNK_SIZE - 1, CHUNK_SIZE, CHUNK_SIZE + 1];

  it("is a copy, whatever the size", () => {
    const pool = new ChunkPool();
    for (const size of sizes) {
      const lent = pattern(size);
      const copy = pool.copy(lent);
      lent.fill(0);
      assert(areSame([copy], pattern(size)));
      pool.giveBack(copy);
    }
  });

  it("is used again once it was given back, and not before", () => {
    const pool = new ChunkPool();
    const first = pool.copy(pattern(3000, 1));
    const second = pool.copy(pattern(3000, 2));
    assertNotStrictEquals(first.buffer, second.buffer);
    assert(areSame([first], pattern(3000, 1)));
    pool.giveBack(first);
    assertEquals(pool.copy(pattern(CHUNK_SIZE, 3)).buffer, first.buffer);
    assert(areSame([second], pattern(3000, 2)));
  });

  it("is kept up to a bound", () => {
    const pool = new ChunkPool();
    const copies = Array.from({ length: MOST_IDLE + 1 }, () => pool.copy(pattern(3000)));
    for (const copy of copies) pool.giveBack(copy);
    assertEquals(pool.idle, MOST_IDLE);
  });
});
