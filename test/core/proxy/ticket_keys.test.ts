import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { TICKET_KEY_LIFE, TicketKeyRing } from "../../../src/proxy/ticket_keys.ts";
import { FakeClock } from "../../support/fake_clock.ts";

/** Each key is another number, 48 times. */
function ring(key?: Uint8Array) {
  const clock = new FakeClock(5);
  let last = 0;
  const runtime = { now: () => clock.now(), random: (bytes: Uint8Array) => bytes.fill(++last) };
  const keys = new TicketKeyRing(runtime, key);
  return { clock, keys, first: () => keys.keys().map(([octet]) => octet) };
}

describe("the keys of session tickets", () => {
  it("are new ones every twelve hours, and those before are taken as long again", () => {
    const { clock, keys, first } = ring();
    assertEquals(keys.keys(), [new Uint8Array(48).fill(1)]);
    clock.advance(TICKET_KEY_LIFE - 1);
    assertEquals(first(), [1]);
    assertEquals(keys.keys() === keys.keys(), true);
    clock.advance(1);
    assertEquals(first(), [2, 1]);
    clock.advance(TICKET_KEY_LIFE);
    assertEquals(first(), [3, 2]);
  });

  it("are all forgotten when nobody has asked for longer than that", () => {
    const { clock, first } = ring();
    clock.advance(2 * TICKET_KEY_LIFE);
    assertEquals(first(), [2 + 1, 2]);
    clock.advance(100 * TICKET_KEY_LIFE);
    assertEquals(first(), [5, 4]);
  });

  it("are changed by nobody but the others where they are shared", () => {
    const { clock, keys, first } = ring(new Uint8Array(48).fill(100));
    clock.advance(10 * TICKET_KEY_LIFE);
    assertEquals(first(), [100]);
    keys.rotate(new Uint8Array(48).fill(101));
    assertEquals(first(), [101, 100]);
    keys.rotate(new Uint8Array(48).fill(102));
    assertEquals(first(), [102, 101]);
  });
});
