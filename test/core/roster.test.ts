import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { type Listed, NOWHERE, Roster } from "../../src/roster.ts";

interface Named extends Listed {
  readonly name: string;
}

describe("a roster", () => {
  const named = (name: string): Named => ({ name, place: NOWHERE });
  const namesOn = (roster: Roster<Named>) => roster.all().map(({ name }) => name).sort().join("");

  it("has whoever was added and not deleted, each once, whoever leaves first", () => {
    for (const order of ["abc", "acb", "bac", "bca", "cab", "cba"]) {
      const roster = new Roster<Named>();
      const members = new Map([..."abc"].map((name) => [name, named(name)]));
      for (const member of [...members.values(), ...members.values()]) roster.add(member);
      const left = new Set("abc");
      for (const name of order) {
        const member = members.get(name) ?? named("");
        assertEquals([roster.has(member), roster.size], [true, left.size]);
        roster.delete(member);
        roster.delete(member);
        left.delete(name);
        assertEquals([roster.has(member), namesOn(roster)], [false, [...left].join("")]);
      }
    }
  });

  it("knows nobody who stands on another", () => {
    const [one, other] = [new Roster<Named>(), new Roster<Named>()];
    const [member, stranger] = [named("a"), named("b")];
    one.add(member);
    other.add(stranger);
    one.delete(stranger);
    assertEquals([one.has(stranger), other.has(stranger), namesOn(one)], [false, true, "a"]);
  });

  it("gives a list that does not change under whoever goes through it", () => {
    const roster = new Roster<Named>();
    for (const name of "abc") roster.add(named(name));
    for (const member of roster.all()) roster.delete(member);
    assertEquals(roster.size, 0);
  });
});
