import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { Answers, MOST, PROMPT } from "../../adapters/_bun_answers.ts";

describe("what is known of hosts that are connected to", () => {
  const target = { host: "192.0.2.1", port: 143 };

  it("is nothing at first, and then what their last answer was", () => {
    const answer = new Answers().of(target);
    assertEquals(answer.isPrompt(0), false);
    answer.came(0);
    assertEquals(answer.isPrompt(1_000_000), true);
    answer.failed();
    assertEquals(answer.isPrompt(1_000_000), false);
  });

  it("ends when nobody who waits gets an answer", () => {
    const answer = new Answers().of(target);
    answer.came(0);
    answer.begin(1_000);
    answer.begin(1_100);
    assertEquals(answer.isPrompt(1_000 + PROMPT - 1), true);
    assertEquals(answer.isPrompt(1_000 + PROMPT), false);
    answer.came(2_000);
    assertEquals(answer.isPrompt(2_000 + PROMPT - 1), true);
    assertEquals(answer.isPrompt(2_000 + PROMPT), false);
    answer.came(3_000);
    assertEquals(answer.isPrompt(1_000_000), true);
  });

  it("is kept for each port, and for so many of them", () => {
    const answers = new Answers();
    const first = answers.of(target);
    for (let port = 1_000; port < 1_000 + MOST - 1; port++) answers.of({ host: target.host, port });
    assert(answers.of(target) === first);
    answers.of({ host: target.host, port: 1 });
    assert(answers.of(target) !== first);
  });
});
