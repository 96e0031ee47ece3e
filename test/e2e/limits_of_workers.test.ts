/** Limits that hold for all worker processes together, and over a reload that brings others. */

import process from "node:process";
import { after, before, describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { accept, FakeAuth, refuse } from "../support/fake_auth.ts";
import { FakeUpstream, IMAP_LOGIN } from "../support/fake_upstream.ts";
import { freePorts } from "../support/free_ports.ts";
import { Program, TestFolder } from "../support/program.ts";
import { connectTo } from "../support/raw_client.ts";
import { WORDS } from "../support/scene.ts";
import type { Wire } from "../support/wire.ts";

const BYE = "* BYE [LIMIT] too many connections\r\n";
/** A busy machine needs it. */
const PATIENCE = 30_000;
const SLOW = { timeout: 180_000 };

describe("with two worker processes", () => {
  const folder = new TestFolder();
  const wires: Wire[] = [];
  let auth: FakeAuth;
  let upstream: FakeUpstream;
  let program: Program;
  let port = 0;

  before(async () => {
    [port = 0] = await freePorts(1);
    upstream = await FakeUpstream.start(IMAP_LOGIN);
    auth = await FakeAuth.start(accept(upstream.port));
    const file = folder.write(
      "postern.conf",
      `daemon off; worker_processes 2; pid ${folder.path}/pid; error_log stderr info; events {}
       mail {
         auth_http 127.0.0.1:${auth.port}/;
         limit_conn_zone $remote_addr zone=perip:1m;
         limit_conn perip 4;
         auth_failure_delay 1ms 4ms;
         server { listen 127.0.0.1:${port}; protocol imap; }
       }`,
    );
    program = new Program(["-c", file]);
    await program.prints("start worker process ");
    await greeted("127.0.0.99");
  }, SLOW);
  after(async () => {
    for (const wire of wires) wire.destroy();
    program.signal("SIGTERM");
    await program.ending;
    await Promise.all([auth.stop(), upstream.stop()]);
    folder.remove();
  }, SLOW);

  async function connect(from: string): Promise<Wire> {
    const wire = await connectTo({ port, from });
    wires.push(wire);
    await wire.until(() => wire.received.includes("\r\n"), PATIENCE);
    return wire;
  }

  /** A client that may come in, sooner or later: what the others count is known a moment later. */
  async function greeted(from: string): Promise<Wire> {
    for (;;) {
      const wire = await connect(from).catch(() => undefined);
      if (wire?.received === WORDS.imap.greeting) return wire;
    }
  }

  async function turnedAway(from: string): Promise<void> {
    while ((await connect(from)).received !== BYE);
  }

  /** How many of so many clients may come in. */
  async function countOf(from: string, attempts: number): Promise<number> {
    let count = 0;
    for (let i = 0; i < attempts; i++) if ((await connect(from)).received !== BYE) count++;
    return count;
  }

  /** What happens while one of the workers is stopped. */
  async function without(stopped: number, happens: () => Promise<void>): Promise<void> {
    process.kill(stopped, "SIGSTOP");
    try {
      await happens();
    } finally {
      process.kill(stopped, "SIGCONT");
    }
  }

  let guesses = 0;

  async function guess(times: number): Promise<void> {
    for (let i = 0; i < times; i++) {
      const wire = await greeted("127.0.0.4");
      wire.send(`a LOGIN joe guess${guesses++}\r\n`);
      await wire.until(() => wire.received.includes("a NO"), PATIENCE);
      wire.destroy();
    }
  }

  function knowsMoreThanItsOwn(pid: number): boolean {
    const line = new RegExp(`\\] ${pid}#.*wrong password number (\\d+) from this address, answer held back for`, "g");
    return [...program.stderr.matchAll(line)].some(([, number], i) => Number(number) > i + 1);
  }

  it("one address has as many connections as is configured, and whichever worker they come to", SLOW, async () => {
    const held = await Promise.all([
      greeted("127.0.0.1"),
      greeted("127.0.0.1"),
      greeted("127.0.0.1"),
      greeted("127.0.0.1"),
    ]);
    await turnedAway("127.0.0.1");
    // Those that came in before the workers had heard of each other are few.
    let others = 0;
    for (let more = 1; more > 0; others += more) more = await countOf("127.0.0.1", 40);
    assert(others <= 4, `${others} came in`);
    assertEquals((await connect("127.0.0.2")).received, WORDS.imap.greeting);
    for (const wire of wires) if (wire.received === WORDS.imap.greeting) wire.destroy();
    await greeted("127.0.0.1");
    assertEquals(held.length, 4);
  });

  it("sessions under way are counted by the workers that a reload brings", SLOW, async () => {
    for (let i = 0; i < 4; i++) {
      const wire = await greeted("127.0.0.3");
      await wire.expect(WORDS.imap.greeting);
      await wire.ask(WORDS.imap.login, WORDS.imap.heard + WORDS.imap.welcome);
    }
    await turnedAway("127.0.0.3");
    program.signal("SIGHUP");
    await program.prints("gracefully shutting down");
    // While an old worker has not told of its sessions yet, some are let in; they leave again.
    for (let rounds = 1; await countOf("127.0.0.3", 40) > 0; rounds++) {
      assert(rounds < 20, "the sessions under way are not counted");
      for (const wire of wires) if (wire.received === WORDS.imap.greeting) wire.destroy();
    }
    // Also those that came in before the workers had heard of each other: they may be as many as the sessions.
    for (const wire of wires) wire.destroy();
    await greeted("127.0.0.3");
  });

  it("wrong passwords of one address are counted together", SLOW, async () => {
    auth.answer = refuse("no");
    const [one = 0, other = 0] = [...program.stderr.matchAll(/start worker process (\d+)/g)]
      .slice(-2).map(([, pid]) => Number(pid));
    // One of them gets more than the other, who says a number that it cannot have counted alone: sooner or later, for it
    // has to be told.
    while (!knowsMoreThanItsOwn(other)) {
      await without(other, () => guess(3));
      await without(one, () => guess(1));
    }
  });
});
