import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { accept } from "../support/fake_auth.ts";
import { breakOff, hangUp, type Script } from "../support/fake_upstream.ts";
import { freePorts } from "../support/free_ports.ts";
import { inScene, type Protocol, PROTOCOLS, type Scene, WORDS } from "../support/scene.ts";

/** What the proxy is at behind each thing that an upstream said, the greeting first; SMTP is told the client's name. */
const ACTIONS: Readonly<Record<Protocol, readonly string[]>> = {
  imap: [
    "sending LOGIN command to upstream",
    "sending user name to upstream",
    "sending password to upstream",
  ],
  pop3: ["sending user name to upstream", "sending password to upstream"],
  smtp: [
    "sending HELO/EHLO to upstream",
    "sending XCLIENT to upstream",
    "sending client HELO/EHLO to upstream",
  ],
};

const READING = "reading response from upstream";

/** It depends on who is faster. */
const RESET_AT_ONCE = new RegExp(
  "^error (connect\\(\\) failed \\(104: Connection reset by peer\\) while connecting to upstream" +
    `|recv\\(\\) failed \\(104: Connection reset by peer\\) while ${READING})`,
);

describe("an upstream that", () => {
  for (const protocol of PROTOCOLS) {
    it(`refuses connections: ${protocol}`, () =>
      inScene("", async (scene) => {
        const [port = 0] = await freePorts(1);
        scene.auth.answer = accept(port);
        const client = await scene.claimant(protocol);
        await client.expectEnd(WORDS[protocol].internalError);
        await scene.untilFree();
        const who = `${scene.tail(protocol, "login")}, upstream: 127.0.0.1:${port}`;
        assertEquals(scene.log, [
          `error connect() failed (111: Connection refused) while connecting to upstream${who}`,
        ]);
        assertEquals(scene.results, [`${protocol} upstreamUnavailable`]);
      }));

    for (const [said, place] of places(protocol)) {
      it(`is silent ${place}: ${protocol}`, () =>
        inScene("timeout 1s;", async (scene) => {
          const action = said === 0 ? READING : ACTIONS[protocol][said - 1];
          await assertFailed(scene, protocol, {
            script: WORDS[protocol].upstream.slice(0, said),
            line: `error upstream timed out (110: Connection timed out) while ${action}`,
          });
        }));

      it(`ends ${place}: ${protocol}`, () =>
        inScene("", (scene) =>
          assertFailed(scene, protocol, {
            script: [...WORDS[protocol].upstream.slice(0, said), hangUp],
            line: `error upstream prematurely closed connection while ${READING}`,
          })));

      it(`breaks off ${place}: ${protocol}`, () =>
        inScene("", (scene) =>
          assertFailed(scene, protocol, {
            // What it said before a reset would be lost with it, so it hears one thing more first.
            script: [...WORDS[protocol].upstream.slice(0, said), ...said === 0 ? [] : [""], breakOff],
            line: said === 0 ? RESET_AT_ONCE : `error recv() failed (104: Connection reset by peer) while ${READING}`,
          })));

      it(`says a line without end ${place}: ${protocol}`, () =>
        inScene("proxy_buffer 1k;", (scene) =>
          assertFailed(scene, protocol, {
            script: [...WORDS[protocol].upstream.slice(0, said), "x".repeat(100_000)],
            line: `error upstream sent too long response line: "${"x".repeat(128)}..." while ${READING}`,
          })));

      it(`says what makes no sense ${place}: ${protocol}`, () =>
        inScene("", async (scene) => {
          await assertFailed(scene, protocol, {
            script: [...WORDS[protocol].upstream.slice(0, said), "\0\xff\x1b[2J \r\n"],
            line: `error upstream sent invalid response: "\\x00\xff\\x1B[2J " while ${READING}`,
            result: "upstreamRefused",
          });
        }));
    }
  }
});

/** After how many of its words an upstream fails, and how that is called. */
function places(protocol: Protocol): [number, string][] {
  return Array.from({ length: ACTIONS[protocol].length + 1 }, (_, said) => [
    said,
    said === 0 ? "at once" : said === 1 ? "behind its greeting" : `behind ${said - 1} of its replies`,
  ]);
}

/** Plays a login with an upstream of this script, and checks what comes of it. */
async function assertFailed(scene: Scene, protocol: Protocol, { script, line, result = "upstreamUnavailable" }: {
  readonly script: Script;
  readonly line: string | RegExp;
  readonly result?: string;
}): Promise<void> {
  scene.upstream.script = script;
  const client = await scene.claimant(protocol);
  await client.expectEnd(WORDS[protocol].internalError);
  await (await scene.upstream.wire(0)).untilOver();
  await scene.untilFree();
  const tail = scene.tail(protocol, "upstream");
  if (typeof line === "string") assertEquals(scene.log, [line + tail]);
  else assertEquals(scene.log.map((text) => text.replace(line, "").replace(tail, "")), [""]);
  assertEquals(scene.results, [`${protocol} ${result}`]);
}
