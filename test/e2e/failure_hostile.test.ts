import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { inScene, type Protocol, PROTOCOLS, type Scene, WORDS } from "../support/scene.ts";
import { eventually } from "../support/watch.ts";

const MEGABYTE = 1_000_000;

describe("a client that sends", () => {
  for (const protocol of PROTOCOLS) {
    const { invalidCommand } = WORDS[protocol];

    it(`a megabyte without a line end: ${protocol}`, () =>
      inScene("", async (scene) => {
        const client = await scene.client(protocol);
        client.send("x".repeat(MEGABYTE));
        await client.expectEnd(invalidCommand);
        await assertEnded(scene, protocol, {
          lines: [`client sent too long command "${"x".repeat(NAME_LENGTH[protocol])}..."`],
          result: "tooLongCommand",
        });
      }));

    it(`a megabyte without a line end in place of a SASL response: ${protocol}`, () =>
      inScene("", async (scene) => {
        const client = await scene.client(protocol);
        const [ask, challenge, refusal] = SASL[protocol];
        await client.ask(ask, challenge);
        client.send("A".repeat(MEGABYTE));
        await client.expectEnd(refusal);
        await assertEnded(scene, protocol, {
          lines: ['client sent too long command "..."'],
          result: "tooLongCommand",
        });
      }));

    it(`a megabyte of empty lines: ${protocol}`, () =>
      inScene("", async (scene) => {
        const client = await scene.client(protocol);
        client.send("\r\n".repeat(MEGABYTE / 2));
        await client.expectEnd(invalidCommand.repeat(5));
        await assertEnded(scene, protocol, { lines: [TOO_MANY], result: "tooManyErrors" });
      }));

    it(`a megabyte of anything: ${protocol}`, () =>
      inScene("", async (scene) => {
        const client = await scene.client(protocol);
        client.send(noise(MEGABYTE));
        await client.expectEnd(invalidCommand.repeat(5));
        await assertEnded(scene, protocol, { lines: [TOO_MANY], result: "tooManyErrors" });
      }));

    it(`NUL, bare CR and control characters: ${protocol}`, () =>
      inScene("", async (scene) => {
        const client = await scene.client(protocol);
        const lines = ["\0", "\r", "\x1b[2J", "NO\0OP", "\x7f"];
        client.send(lines.map((line) => `${line}\r\n`).join(""));
        await client.expectEnd(invalidCommand.repeat(lines.length));
        await assertEnded(scene, protocol, { lines: [TOO_MANY], result: "tooManyErrors" });
      }));

    it(`a login with a character that cannot be passed on: ${protocol}`, () =>
      inScene("", async (scene) => {
        const client = await scene.client(protocol);
        const [, , refusal] = SASL[protocol];
        // "\0joe\0s3same\0"
        const word = protocol === "imap" ? "a AUTHENTICATE" : "AUTH";
        await client.ask(`${word} PLAIN AGpvZQBzM3NhbWUA\r\n`, refusal);
        client.end();
        await client.expectEnd();
        await assertEnded(scene, protocol, {
          lines: ["client sent invalid password in AUTH PLAIN command"],
          result: "clientGone",
        });
        assertEquals(scene.auth.requests, []);
      }));

    it(`nothing: ${protocol}`, () =>
      inScene("timeout 300ms;", async (scene) => {
        const client = await scene.client(protocol);
        await client.expectEnd();
        await assertEnded(scene, protocol, {
          lines: ["client timed out (110: Connection timed out)"],
          result: "timeout",
        });
      }));

    it(`a command now and then, but no login: ${protocol}`, () =>
      inScene("timeout 500ms; max_commands 1000000;", async (scene) => {
        const client = await scene.client(protocol);
        const [ask, answer] = PIPELINED[protocol];
        // The time is for all of it: commands do not start it anew.
        while (!client.isOver) {
          client.send(ask);
          const { length } = client.received;
          await client.until(() => client.received.length >= length + answer.length || client.isOver);
        }
        await assertEnded(scene, protocol, {
          lines: ["client timed out (110: Connection timed out)"],
          result: "timeout",
        });
      }));

    it(
      `a pipeline and does not read: ${protocol}`,
      { timeout: 180_000 },
      () =>
        inScene("max_commands 1000000;", async (scene) => {
          const client = await scene.client(protocol);
          client.pause();
          const [ask, answer] = PIPELINED[protocol];
          const count = 300_000;
          client.send(ask.repeat(count));
          await eventually(() => scene.proxy.queued() > 0, () => "nothing waits in the proxy");
          assert(scene.proxy.queued() <= MOST_QUEUED, `${scene.proxy.queued()} octets wait in the proxy`);
          let heard = 0;
          client.consume((bytes) => heard += bytes.length);
          client.resume();
          await client.until(() => heard >= count * answer.length, 100_000);
          assertEquals(heard, count * answer.length);
          client.end();
          await client.expectEnd();
          await assertEnded(scene, protocol, { lines: [], result: "clientGone" });
        }),
    );

    it(`one command too many: ${protocol}`, () =>
      inScene("max_commands 100;", async (scene) => {
        const client = await scene.client(protocol);
        const [ask, answer] = PIPELINED[protocol];
        client.send(ask.repeat(150));
        const refusal = protocol === "imap" ? "a BAD invalid command\r\n" : invalidCommand;
        await client.expectEnd(answer.repeat(100) + refusal);
        await assertEnded(scene, protocol, { lines: ["client sent too many commands"], result: "tooManyErrors" });
      }));
  }

  it("a literal of four gigabytes", () =>
    inScene("", async (scene) => {
      const client = await scene.client("imap");
      await client.ask("a LOGIN {4294967295}\r\n", "a BAD invalid command\r\n");
      await client.ask(`b LOGIN {${"9".repeat(400)}}\r\n`, "b BAD invalid command\r\n");
      await client.ask("c NOOP\r\n", "c OK completed\r\n");
      client.send("d LOGIN {4294967295+}\r\n");
      await client.expectEnd("d BAD invalid command\r\n");
      await assertEnded(scene, "imap", { lines: [], result: "protocolError" });
    }));

  it("one literal after the other", () =>
    inScene("", async (scene) => {
      for (const count of [4, 100]) {
        const client = await scene.client("imap");
        client.send(`a LOGIN${" {1+}\r\nx".repeat(count)}\r\n`);
        await client.expectEnd("a BAD invalid command\r\n");
      }
      await assertEnded(scene, "imap", { lines: [], result: "protocolError" });
    }));

  it("literals that together are larger than the buffer", () =>
    inScene("", async (scene) => {
      const client = await scene.client("imap");
      client.send(`a LOGIN {4000+}\r\n${"x".repeat(4000)} {4000+}\r\n${"y".repeat(4000)}\r\n`);
      await client.expectEnd("a BAD invalid command\r\n");
      await assertEnded(scene, "imap", { lines: [], result: "protocolError" });
    }));

  it("a literal's announcement and nothing more", () =>
    inScene("timeout 1s;", async (scene) => {
      const client = await scene.client("imap");
      await client.ask("a LOGIN {1000}\r\n", "+ OK\r\n");
      await client.expectEnd();
      await assertEnded(scene, "imap", {
        lines: ["client timed out (110: Connection timed out)"],
        result: "timeout",
      });
    }));
});

/** Expects what the log has, and how each session ended. */
async function assertEnded(scene: Scene, protocol: Protocol, { lines, result }: {
  readonly lines: readonly string[];
  readonly result: string;
}): Promise<void> {
  await scene.untilFree();
  assertEquals(scene.log, lines.map((line) => `info ${line} while in auth state${scene.tail(protocol)}`));
  assertEquals([...new Set(scene.results)], [`${protocol} ${result}`]);
}

/** Octets of every kind, the same each time, in lines that are no commands and not too long ones. */
function noise(length: number): Uint8Array {
  const octets = new Uint8Array(length);
  let state = 1;
  for (let i = 0; i < length; i++) {
    state = Math.imul(state, 1664525) + 1013904223 | 0;
    octets[i] = state >>> 24;
  }
  return octets;
}

const TOO_MANY = "client sent too many invalid commands";

/** How much of a command's beginning the log shows: a tag and a word, or the longest word. */
const NAME_LENGTH: Readonly<Record<Protocol, number>> = { imap: 46, pop3: 4, smtp: 8 };

/** How a SASL exchange begins, and how it is refused. */
const SASL: Readonly<Record<Protocol, readonly [ask: string, challenge: string, refusal: string]>> = {
  imap: ["a AUTHENTICATE PLAIN\r\n", "+ \r\n", "a BAD invalid command\r\n"],
  pop3: ["AUTH PLAIN\r\n", "+ \r\n", "-ERR invalid command\r\n"],
  smtp: ["AUTH PLAIN\r\n", "334 \r\n", "500 5.5.1 Invalid command\r\n"],
};

/** A command whose answer is longer than itself, and that answer. */
const PIPELINED: Readonly<Record<Protocol, readonly [ask: string, answer: string]>> = {
  imap: [
    "a CAPABILITY\r\n",
    "* CAPABILITY IMAP4 IMAP4rev1 UIDPLUS AUTH=PLAIN SASL-IR\r\na OK completed\r\n",
  ],
  pop3: ["CAPA\r\n", "+OK Capability list follows\r\nTOP\r\nUSER\r\nUIDL\r\nSASL PLAIN LOGIN\r\n.\r\n"],
  smtp: ["EHLO x\r\n", "250-test\r\n250 AUTH PLAIN LOGIN\r\n"],
};

/** The answers to one chunk of commands, the largest that a runtime reads. */
const MOST_QUEUED = 8_000_000;
