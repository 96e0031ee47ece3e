/** Which failures take a server out of its group, for how long, and what brings it back. */

import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { MOST_CLIENTS } from "../../../src/upstream/standing.ts";
import type { Outcome } from "../../../src/upstream/mod.ts";
import { TestGroup } from "../../support/group.ts";

const OUT = 'warn upstream server temporarily disabled: 192.0.2.1:1 in upstream "g", ';
const BACK = 'notice upstream server is back: 192.0.2.1:1 in upstream "g", after ';

/** Clients of networks of their own. */
function client(number: number): string {
  return `10.${number >> 16 & 255}.${number >> 8 & 255}.${number & 255}`;
}

/** Logins come to `a` until that has failed so often, each from another client unless `who` says otherwise. */
function failAt(group: TestGroup, times: number, outcome: Outcome, who = client): void {
  for (let i = 0; i < times;) {
    const from = who(i);
    const attempt = group.select(from).next();
    if (group.nameOf(attempt) === "a") i++;
    attempt?.ended(group.nameOf(attempt) === "a" ? outcome : "loggedIn", `reason ${i}`);
    attempt?.released();
  }
}

describe("a server that cannot be reached", () => {
  it("is out at once, and the log says why", () => {
    const group = new TestGroup([{}, {}]);
    failAt(group, 1, "unreachable");
    assertEquals(group.log, [`${OUT}1 failure, reason 1`]);
    assertEquals(group.logins(4), "bbbb");
  });

  it("is out after as many failures as max_fails says", () => {
    const group = new TestGroup([{ maxFails: 3 }, {}]);
    failAt(group, 2, "unreachable");
    assertEquals(group.log, []);
    failAt(group, 1, "unreachable");
    assertEquals(group.log, [`${OUT}3 failures, the last: reason 1`]);
    assertEquals(group.logins(4), "bbbb");
  });

  it("is never out with max_fails=0", () => {
    const group = new TestGroup([{ maxFails: 0 }, {}]);
    failAt(group, 50, "unreachable");
    assertEquals([group.log, new Set(group.logins(4))], [[], new Set("ab")]);
  });

  it("is never out when there is no other", () => {
    const group = new TestGroup([{}]);
    failAt(group, 50, "unreachable");
    assertEquals([group.log, group.logins(3)], [[], "aaa"]);
  });

  it("has failures that are older than fail_timeout forgiven", () => {
    const group = new TestGroup([{ maxFails: 2 }, {}]);
    failAt(group, 1, "unreachable");
    group.clock.advance(10_001);
    failAt(group, 1, "unreachable");
    assertEquals(group.log, []);
    group.clock.advance(10_000);
    failAt(group, 1, "unreachable");
    assertEquals(group.log.length, 1);
  });

  it("is tried by one login after fail_timeout, and by all once that is in", () => {
    const group = new TestGroup([{}, {}]);
    failAt(group, 1, "unreachable");
    group.clock.advance(9_999);
    assertEquals(group.logins(2), "bb");
    group.clock.advance(1);
    const stay = group.stay(8);
    assertEquals([...group.namesOf(stay)].sort().join(""), "abbbbbbb");
    stay.find((attempt) => group.nameOf(attempt) === "a")?.ended("loggedIn");
    assertEquals(group.log.at(-1), `${BACK}10s`);
    assertEquals(new Set(group.logins(4)), new Set("ab"));
  });

  it("is out as long again when the trial fails, which the log knows already", () => {
    const group = new TestGroup([{}, {}]);
    failAt(group, 1, "unreachable");
    for (let i = 0; i < 3; i++) {
      group.clock.advance(10_000);
      failAt(group, 1, "unreachable");
      assertEquals(group.logins(3), "bbb");
    }
    assertEquals(group.log.length, 1);
    group.clock.advance(10_000);
    failAt(group, 1, "refused");
    assertEquals(group.log.at(-1), `${BACK}40s`);
  });

  it("is tried again after fail_timeout when the login that tried it has left", () => {
    const group = new TestGroup([{}, {}]);
    failAt(group, 1, "unreachable");
    group.clock.advance(10_000);
    const names = group.logins(20, "abandoned");
    assertEquals([[...names].filter((name) => name === "a").length, group.log.length], [1, 1]);
    group.clock.advance(10_000);
    failAt(group, 1, "loggedIn");
    assertEquals(group.log.length, 2);
  });

  it("is not taken out again by logins that began before it was back", () => {
    const group = new TestGroup([{}, {}]);
    const late = group.stay(4);
    failAt(group, 1, "unreachable");
    group.clock.advance(10_000);
    failAt(group, 1, "loggedIn");
    for (const attempt of late) attempt.ended("unreachable", "timed out");
    assertEquals(group.log.filter((line) => line.startsWith(OUT)).length, 1);
  });

  it("is not brought back by logins that began before it was out", () => {
    const group = new TestGroup([{}, {}]);
    const early = group.stay(2);
    group.clock.advance(1);
    failAt(group, 1, "unreachable");
    for (const attempt of early) attempt.ended("loggedIn");
    assertEquals([group.log.length, group.logins(2)], [1, "bb"]);
  });
});

describe("a login that fails once the server knows the client", () => {
  it("takes no server out as long as it is one client's, however often", () => {
    for (const maxFails of [1, 2, 5]) {
      const group = new TestGroup([{ maxFails }, {}]);
      failAt(group, 500, "failed", () => "198.51.100.7");
      assertEquals([group.log, new Set(group.logins(4))], [[], new Set("ab")]);
    }
  });

  it("is one client's in all of an IPv6 network", () => {
    const group = new TestGroup([{}, {}]);
    failAt(group, 50, "failed", (i) => `2001:db8:0:1::${i}`);
    assertEquals(group.log, []);
    failAt(group, 1, "failed", () => "2001:db8:0:2::1");
    assertEquals(group.log, [`${OUT}2 failures, the last: reason 1`]);
  });

  it("takes the server out when it happens to two", () => {
    const group = new TestGroup([{}, {}]);
    failAt(group, 2, "failed");
    assertEquals(group.log, [`${OUT}2 failures, the last: reason 2`]);
    assertEquals(group.logins(4), "bbbb");
  });

  it("counts each client once, up to max_fails", () => {
    const group = new TestGroup([{ maxFails: 4 }, {}]);
    failAt(group, 30, "failed", (i) => client(i % 3));
    assertEquals(group.log, []);
    failAt(group, 1, "failed", () => client(3));
    assertEquals(group.log.length, 1);
  });

  it("counts together with failures that no client has a part in, for more than one client", () => {
    const group = new TestGroup([{ maxFails: 3 }, {}]);
    failAt(group, 2, "unreachable");
    failAt(group, 20, "failed", () => client(1));
    assertEquals(group.log, []);
    failAt(group, 1, "failed", () => client(2));
    assertEquals(group.log.length, 1);
  });

  it("counts no more once somebody was served", () => {
    for (const outcome of ["loggedIn", "refused"] as const) {
      const group = new TestGroup([{}, {}]);
      for (let i = 0; i < 20; i++) {
        failAt(group, 1, "failed", () => client(i));
        failAt(group, 1, outcome);
      }
      assertEquals(group.log, []);
    }
  });

  it("counts for fail_timeout", () => {
    const group = new TestGroup([{}, {}]);
    failAt(group, 1, "failed", () => client(1));
    group.clock.advance(10_001);
    failAt(group, 1, "failed", () => client(2));
    assertEquals(group.log, []);
  });

  it("tells apart as many clients as the table has room for", () => {
    const group = new TestGroup([{ maxFails: 1_000_000, failTimeout: 1e9 }, {}]);
    const [member] = group.group.members;
    const late = group.stay(2);
    failAt(group, MOST_CLIENTS - 1, "failed");
    assertEquals([member?.standing.fails, group.log], [MOST_CLIENTS - 1, []]);
    failAt(group, 1, "failed", () => client(MOST_CLIENTS));
    assertEquals([member?.standing.fails, group.log.length], [MOST_CLIENTS, 1]);
    for (const attempt of late) attempt.ended("failed");
    assertEquals(member?.standing.fails, MOST_CLIENTS);
  });
});

describe("what speaks against no server", () => {
  for (const outcome of ["loggedIn", "refused", "abandoned"] as const) {
    it(outcome, () => {
      const group = new TestGroup([{}, {}]);
      failAt(group, 100, outcome);
      assertEquals([group.log, new Set(group.logins(4))], [[], new Set("ab")]);
    });
  }
});

describe("a group of which servers are out", () => {
  it("has backups serve", () => {
    const group = new TestGroup([{}, {}, { isBackup: true }]);
    failAt(group, 1, "unreachable");
    const [attempt] = [group.select().next()];
    assertEquals(group.nameOf(attempt), "b");
    attempt?.ended("unreachable");
    assertEquals(group.logins(3), "ccc");
  });

  it("tries all of them once more before a login fails", () => {
    const group = new TestGroup([{}, {}, { isBackup: true }]);
    assertEquals(group.way("unreachable"), "abc");
    assertEquals([...group.way("unreachable")].sort().join(""), "abc");
    assertEquals(group.log.length, 3);
  });

  it("has one that serves again take all logins, and the others their turn later", () => {
    const group = new TestGroup([{}, {}]);
    group.way("unreachable");
    const first = group.login();
    assertEquals(group.logins(3), first.repeat(3));
    assertEquals(group.log.at(-1)?.startsWith("notice upstream server is back"), true);
    group.clock.advance(10_000);
    assertEquals(new Set(group.logins(4)), new Set("ab"));
  });

  it("never tries what is down or drained, or has as many connections as it may", () => {
    const group = new TestGroup([{}, { isDown: true }, { isDraining: true }, { maxConns: 1 }]);
    group.way("unreachable");
    assertEquals(group.namesOf(group.stay(6)).replaceAll("a", ""), "d");
  });
});

describe("slow_start", () => {
  it("has the share of a server grow that is back", () => {
    const group = new TestGroup([{ slowStart: 10_000, weight: 10 }, { weight: 10 }]);
    failAt(group, 1, "unreachable");
    group.clock.advance(10_000);
    failAt(group, 1, "loggedIn");
    const share = () => {
      const names = group.logins(100, "abandoned");
      return [...names].filter((name) => name === "a").length;
    };
    const shares = [share()];
    for (let i = 0; i < 3; i++) {
      group.clock.advance(4_000);
      shares.push(share());
    }
    assertEquals(shares, [0, 29, 44, 50]);
  });

  it("does not hold where a server has never been out", () => {
    const group = new TestGroup([{ slowStart: 10_000 }, {}]);
    assertEquals(group.logins(4), "abab");
  });
});

describe("a group whose servers change", () => {
  const [one, other] = [{ maxFails: 1 }, {}];

  it("keeps what is known of those that stay", () => {
    const group = new TestGroup([one, other, { maxConns: 1 }]);
    const stay = group.stay(3);
    failAt(group, 1, "unreachable");
    const specs = group.group.members.map(({ spec }) => spec);
    group.group.setServers(specs.slice().reverse());
    assertEquals(group.logins(3), "bbb");
    for (const attempt of stay) attempt.released();
    assertEquals(new Set(group.logins(4)), new Set("bc"));
    assertEquals(group.group.members.map(({ standing }) => standing.connections), [0, 0, 0]);
  });

  it("forgets those that go", () => {
    const group = new TestGroup([one, other]);
    failAt(group, 1, "unreachable");
    const specs = group.group.members.map(({ spec }) => spec);
    group.group.setServers(specs.slice(1));
    group.group.setServers(specs);
    assertEquals(new Set(group.logins(4)), new Set("ab"));
  });

  it("lets a login under way go on among those it began with", () => {
    const group = new TestGroup([one, other]);
    const selection = group.select();
    const first = selection.next();
    group.group.setServers(group.group.members.map(({ spec }) => spec).slice(1));
    first?.ended("unreachable");
    first?.released();
    assertEquals([group.nameOf(first), group.nameOf(selection.next()), selection.next()], ["a", "b", undefined]);
  });
});

describe("a server that is checked", () => {
  it("gets no sessions unless it is up, not even as the last resort", () => {
    const group = new TestGroup([{}, {}]);
    const [a, b] = group.group.members;
    a?.standing.checked("down", group.clock.now());
    assertEquals(group.logins(3), "bbb");
    b?.standing.checked("checking", group.clock.now());
    assertEquals(group.select("192.0.2.77").next(), undefined);
    a?.standing.checked("up", group.clock.now());
    assertEquals(group.logins(3), "aaa");
  });
});
