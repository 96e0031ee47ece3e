/**
 * How the servers of a group are chosen. The sequences and mappings are those of nginx 1.22's stream module with the same
 * lines, of which `d` was a unix socket.
 */

import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { MOST_WEIGHT } from "../../../src/upstream/_consistent_hash.ts";
import type { ServerSpec } from "../../../src/upstream/mod.ts";
import { templateOf } from "../../support/facts.ts";
import { TestGroup, type TestGroupOptions } from "../../support/group.ts";

const KEY = templateOf("$auth_user");

describe("by turns", () => {
  const rows: readonly [weights: readonly number[], order: string][] = [
    [[1], "aaaa"],
    [[1, 1], "abababab"],
    [[1, 1, 1], "abcabcabc"],
    [[5, 1, 1], "aabacaaaabacaa"],
    [[5, 1, 2], "acaabacaacaabacaacaabacaacaabacaacaabaca"],
  ];
  for (const [weights, order] of rows) {
    it(`of weights ${weights.join(", ")}`, () => {
      const group = new TestGroup(weights.map((weight) => ({ weight })));
      assertEquals(group.logins(order.length), order);
    });
  }

  it("gives one login each server once", () => {
    const group = new TestGroup([{}, { weight: 2 }, {}]);
    assertEquals([group.way("abandoned"), group.way("abandoned")], ["bac", "cab"]);
  });

  it("passes over those that are down, are drained or are full", () => {
    const group = new TestGroup([{ isDown: true }, {}, { isDraining: true }, { maxConns: 2 }]);
    assertEquals(group.namesOf(group.stay(7)), "bdbdbbb");
  });

  it("takes backups only when nobody else can serve", () => {
    const group = new TestGroup([{ maxConns: 1 }, { isBackup: true }, { maxConns: 1 }, { isBackup: true }]);
    const [first] = group.stay(1);
    assertEquals(group.namesOf(group.stay(4)), "cbdb");
    first?.released();
    assertEquals(group.namesOf(group.stay(2)), "ad");
  });

  it("gives no server when there is none", () => {
    assertEquals(new TestGroup([{ isDown: true }, { isDraining: true, isBackup: true }]).way(), "");
  });
});

describe("least_conn", () => {
  const balancing = { type: "least_conn" } as const;

  it("takes the server with the fewest connections, and by turns of several", () => {
    const group = new TestGroup([{}, {}, {}], { balancing });
    const stay = group.stay(5);
    assertEquals(group.namesOf(stay), "abccb");
    for (const attempt of stay.filter((each) => group.nameOf(each) === "b")) attempt.released();
    assertEquals(group.namesOf(group.stay(5)), "babbc");
  });

  it("goes by turns where nobody stays", () => {
    const group = new TestGroup([{ weight: 5 }, {}, { weight: 2 }], { balancing });
    assertEquals(group.logins(40), "acaabacaacaabacaacaabacaacaabacaacaabaca");
  });

  it("counts connections in proportion to weights", () => {
    const group = new TestGroup([{ weight: 3 }, {}], { balancing });
    assertEquals(group.namesOf(group.stay(8)), "abaaabaa");
  });

  it("counts backups among themselves", () => {
    const group = new TestGroup([{ isDown: true }, { isBackup: true }, { isBackup: true, weight: 2 }], { balancing });
    assertEquals(group.namesOf(group.stay(6)), "cbcbcc");
  });
});

describe("random", () => {
  it("goes by weight", () => {
    const group = new TestGroup([{ weight: 2 }, {}, {}], {
      balancing: { type: "random", isOfTwo: false },
      numbers: [0, 1, 2, 3, 4, 7],
    });
    assertEquals(group.logins(6), "aabcac");
  });

  it("draws again for a server that cannot serve, and then goes by turns", () => {
    const numbers = [0, 0, 1, ...Array(20).fill(0), ...Array(20).fill(0)];
    const group = new TestGroup([{ isDown: true }, {}, {}], { balancing: { type: "random", isOfTwo: false }, numbers });
    assertEquals(group.logins(3), "bbc");
  });

  it("takes the one of two with fewer connections", () => {
    const group = new TestGroup([{}, {}, {}], {
      balancing: { type: "random", isOfTwo: true },
      numbers: [0, 1, 1, 0, 0, 0, 2, 2, 1, 0, 2],
    });
    assertEquals(group.namesOf(group.stay(5)), "bacbc");
  });

  it("takes the one that there is, of two", () => {
    const balancing = { type: "random", isOfTwo: true } as const;
    const group = new TestGroup([{ isDown: true }, {}], { balancing, numbers: [1, 1, 1] });
    assertEquals(group.logins(1), "b");
  });
});

/** user1, user2 and so on, as whom each logs in once. */
function users(group: TestGroup, count = 40): string {
  return Array.from({ length: count }, (_, i) => group.login("loggedIn", undefined, `user${i + 1}`)).join("");
}

/** The servers that nginx was asked about. */
function asked(...changes: readonly Partial<ServerSpec>[]): Partial<ServerSpec>[] {
  const texts = ["127.0.0.1:7101", "127.0.0.1:7102", "127.0.0.1:7103", "unix:/tmp/d.sock"];
  return texts.map((text, i) => ({ text, server: text, weight: i === 1 ? 3 : 1, ...changes[i] }));
}

describe("hash", () => {
  const options: TestGroupOptions = { balancing: { type: "hash", key: KEY, isConsistent: false } };

  it("leads each key where nginx does", () => {
    assertEquals(users(new TestGroup(asked(), options)), "bcbbbdcbbbbbbbcdcbcdcbabbabababbdbcbbbbb");
  });

  it("leads on where nginx does when servers are down", () => {
    const group = new TestGroup(asked({ isDown: true }, { isDown: true }), options);
    assertEquals(users(group), "cccccdcccccdcccdcccdcddcccccdddddccccdcd");
  });

  it("leads back when the server is back", () => {
    const group = new TestGroup(asked(), options);
    const [attempt] = [group.select("192.0.2.9", "user2").next()];
    assertEquals(group.nameOf(attempt), "c");
    attempt?.ended("unreachable");
    attempt?.released();
    const [, elsewhere] = users(group, 2);
    group.clock.advance(10_000);
    assertEquals([elsewhere === "c", users(group, 2)], [false, "bc"]);
  });

  it("goes by turns without a key", () => {
    assertEquals(new TestGroup(asked(), options).logins(6), "babcdb");
  });

  it("comes to every server for one login", () => {
    assertEquals([...new TestGroup(asked(), options).way()].sort().join(""), "abcd");
  });
});

describe("hash consistent", () => {
  const options: TestGroupOptions = { balancing: { type: "hash", key: KEY, isConsistent: true } };

  it("leads each key where nginx does", () => {
    const [a = {}, b = {}, , d = {}] = asked();
    const c = { text: "localhost:7103", server: "localhost:7103" };
    assertEquals(users(new TestGroup([a, b, c, d], options)), "bbbbabccbdbcabcdbbbbabbbadbbabdbbbaabcda");
  });

  it("moves nobody but the users of a server that goes", () => {
    const [a = {}, b = {}, , d = {}] = asked();
    // The letters are those of four servers: nginx has the same users at each of the others.
    const before = "bbbbabccbdbcabcdbbbbabbbadbbabdbbbaabcda";
    const after = users(new TestGroup([a, b, d], options)).replaceAll("c", "d");
    assertEquals(after, "bbbbabbbbdbbabadbbbbabbbadbbabdbbbaabada");
    assertEquals([...before].every((server, i) => server === "c" || server === after[i]), true);
  });

  it("sends the users of a server that is out to others, as if it were gone, and back", () => {
    const servers = asked();
    const group = new TestGroup(servers, options);
    const all = users(group, 200);
    const at = all.indexOf("c");
    const attempt = group.select("192.0.2.9", `user${at + 1}`).next();
    attempt?.ended("unreachable");
    attempt?.released();
    const without = users(group, 200);
    assertEquals(without.includes("c"), false);
    assertEquals([...all].every((server, i) => server === "c" || server === without[i]), true);
    group.clock.advance(10_000);
    assertEquals([group.login("loggedIn", undefined, `user${at + 1}`), users(group, 200)], ["c", all]);
  });

  it("keeps shares of weights that are too big for a ring of their own", () => {
    const at = (...weights: readonly number[]) =>
      users(new TestGroup(weights.map((weight) => ({ weight })), options), 400);
    const whole = at(MOST_WEIGHT / 4 * 3, MOST_WEIGHT / 4);
    assertEquals(at(MOST_WEIGHT * 15, MOST_WEIGHT * 5), whole);
    const share = [...whole].filter((server) => server === "a").length / whole.length;
    assertEquals(share > 0.65 && share < 0.85, true, `${share}`);
    // One past the bound: nobody is left without a share.
    assertEquals(at(MOST_WEIGHT, 1), at(MOST_WEIGHT - 1, 1));
  });

  it("takes turns among the addresses of one name", () => {
    const group = new TestGroup([{ server: "x:1" }, { server: "x:1" }], options);
    assertEquals(users(group, 6), "ababab");
  });

  it("goes by turns without a key", () => {
    assertEquals(new TestGroup(asked(), options).logins(6), "babcdb");
  });
});
