import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { SessionStore } from "../../adapters/_session_store.ts";

const [FIRST, SECOND] = [Uint8Array.of(1), Uint8Array.of(2)];

describe("sessions with servers", () => {
  it("are kept one for each server, until their time is over", () => {
    const store = new SessionStore();
    store.put("a", { session: FIRST, until: 10 }, 0);
    store.put("a", { session: SECOND, until: 20 }, 1);
    assertEquals([store.get("a", 19), store.get("b", 19)], [SECOND, undefined]);
    assertEquals(store.get("a", 20), undefined);
  });

  it("are not kept for a while where one was refused", () => {
    const store = new SessionStore();
    store.put("a", { session: FIRST, until: 100 }, 0);
    store.put("b", { session: FIRST, until: 100 }, 0);
    store.refuse("a", 10);
    assertEquals([store.get("a", 1), store.get("b", 1)], [undefined, FIRST]);
    store.put("a", { session: SECOND, until: 100 }, 9);
    assertEquals(store.get("a", 9), undefined);
    store.put("a", { session: SECOND, until: 100 }, 10);
    assertEquals(store.get("a", 10), SECOND);
  });

  it("are not kept sooner for another that was given up", () => {
    const store = new SessionStore();
    store.refuse("a", 10);
    store.refuse("a", 1);
    store.put("a", { session: FIRST, until: 100 }, 9);
    assertEquals(store.get("a", 9), undefined);
  });

  it("are forgotten, the oldest first, when there are too many", () => {
    const store = new SessionStore();
    for (let i = 0; i < 1_000; i++) store.put(`${i}`, { session: FIRST, until: 100 }, 0);
    assertEquals(store.get("0", 0), FIRST);
    store.refuse("1000", 100);
    assertEquals([store.get("0", 0), store.get("1", 0)], [undefined, FIRST]);
  });
});
