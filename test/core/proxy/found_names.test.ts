/** What a worker process that begins hears from the first one of names that are looked up again. */

import { assert, assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { LONGEST } from "../../../src/process/worker_board.ts";
import { FoundNames, MOST_TOLD } from "../../../src/proxy/found_names.ts";
import type { FoundServer } from "../../../src/upstream/name_watch.ts";
import { Boards } from "../../support/boards.ts";

const A: FoundServer = { address: "192.0.2.1", port: 143, name: "a.test", weight: 3, isBackup: false };
const B: FoundServer = { address: "2001:db8::1", port: undefined, name: "b.test", weight: undefined, isBackup: true };

/** A name as a watch has it that takes whatever it is given. */
function named(key: string, servers: readonly FoundServer[] = []) {
  const watch = { servers, adopt: (found: readonly FoundServer[]) => void (watch.servers = found) };
  return { key, watch };
}

describe("names that the first worker has found", () => {
  it("are told to one that asks, each to the lines that have it", () => {
    const boards = new Boards();
    new FoundNames([named("one", [A, B]), named("two", [B]), named("empty")], boards.board(1));
    const mine = ["one", "one", "two", "empty", "new"].map((key) => named(key));
    new FoundNames(mine, boards.board(2)).ask();
    assertEquals(mine.map(({ watch }) => watch.servers), [[A, B], [A, B], [B], [], []]);
  });

  it("are not asked for where they are known, and are nobody's but the first one's to tell", () => {
    const boards = new Boards();
    const heard: unknown[] = [];
    boards.board(9).subscribe("names", (value) => heard.push(value));
    new FoundNames([named("one", [A])], boards.board(2));
    new FoundNames([named("one", [B]), named("two"), named("two")], boards.board(3)).ask();
    assertEquals(heard, [{ wanted: "two" }]);
    const late = named("one");
    new FoundNames([late], boards.board(4)).ask();
    assertEquals(late.watch.servers, []);
  });

  it("are told no more behind the end", () => {
    const cancelled: string[] = [];
    const board = { ...new Boards().board(1), subscribe: (topic: string) => () => void cancelled.push(topic) };
    new FoundNames([], board).stop();
    assertEquals(cancelled, ["names"]);
  });

  it("fit into a message however many and long they are", () => {
    const boards = new Boards();
    const told: unknown[] = [];
    boards.board(9).subscribe("names", (value) => told.push(value));
    const name = "n".repeat(253);
    const address = "2001:0db8:1111:2222:3333:4444:5555:6666";
    const servers = Array.from({ length: 256 }, () => ({ address, port: 65535, name, weight: 65535, isBackup: false }));
    new FoundNames([named("one", servers)], boards.board(1));
    const mine = named("one");
    new FoundNames([mine], boards.board(2)).ask();
    assertEquals(mine.watch.servers.length, MOST_TOLD);
    assert(JSON.stringify(told.at(-1)).length < LONGEST - 1000);
  });
});
