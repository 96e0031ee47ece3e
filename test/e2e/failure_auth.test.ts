import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { accept, type Answer } from "../support/fake_auth.ts";
import { inScene, PROTOCOLS, type Scene, WORDS } from "../support/scene.ts";
import type { Wire } from "../support/wire.ts";

interface Failure {
  readonly title: string;
  readonly answer: Answer;
  readonly complaint: string;
  readonly directives?: string;
}

/** For servers that are waited for in vain. */
const HASTY = "auth_http_timeout 1s;";

/** What an auth server does instead of answering, and what the log says of it. */
const FAILURES: readonly Failure[] = [
  {
    title: "ends without a word",
    answer: (wire) => wire.end(),
    complaint: "auth http server auth closed connection prematurely",
  },
  {
    title: "ends within its head",
    answer: said("HTTP/1.0 200 OK\r\nAuth-Status: OK\r\nAuth-Ser", "end"),
    complaint: "auth http server auth closed connection prematurely",
  },
  {
    title: "breaks the connection off",
    answer: (wire) => wire.reset(),
    complaint: "recv() failed (104: Connection reset by peer) with auth http server auth",
  },
  {
    title: "breaks the connection off within its head",
    answer: said("HTTP/1.0 200 OK\r\nAuth-Sta", "reset"),
    complaint: "recv() failed (104: Connection reset by peer) with auth http server auth",
  },
  {
    title: "is silent",
    answer: () => {},
    directives: HASTY,
    complaint: "auth http server auth timed out (110: Connection timed out)",
  },
  {
    title: "falls silent within its head",
    answer: said("HTTP/1.0 200 OK\r\nAuth-Status: OK\r\nAuth-Ser"),
    directives: HASTY,
    complaint: "auth http server auth timed out (110: Connection timed out)",
  },
  {
    title: "sends garbage",
    answer: said("\0\x01garbage\xff\r\n\r\n"),
    complaint: "auth http server auth sent invalid header in response",
  },
  {
    title: "speaks another protocol",
    answer: said("HTTP/two maybe\r\n\r\n"),
    complaint: "auth http server auth sent invalid response",
  },
  {
    title: "has an error of its own",
    answer: said("HTTP/1.0 503 Service Unavailable\r\n\r\nno\n"),
    complaint: "auth http server auth sent status 503",
  },
  {
    title: "knows nothing of this",
    answer: said("HTTP/1.0 404 Not Found\r\n\r\nno\n"),
    complaint: "auth http server auth sent status 404",
  },
  {
    title: "does not say who is meant",
    answer: said("HTTP/1.0 200 OK\r\n\r\nhi\n"),
    complaint: "auth http server auth did not send status",
  },
  {
    title: "does not say where to go",
    answer: said("HTTP/1.0 200 OK\r\nAuth-Status: OK\r\n\r\n"),
    complaint: "auth http server auth did not send server or port",
  },
  {
    title: "has a head without end",
    answer: (wire) => pour(wire, `X-Long: ${"x".repeat(4096)}\r\n`),
    complaint: "auth http server auth sent too long response header",
  },
];

describe("an auth server that", () => {
  for (const { title, answer, complaint, directives = "" } of FAILURES) {
    for (const protocol of PROTOCOLS) {
      it(`${title}: ${protocol}`, () =>
        inScene(directives, async (scene) => {
          scene.auth.answer = answer;
          const client = await scene.claimant(protocol);
          await client.expectEnd(WORDS[protocol].internalError);
          await (await scene.auth.asked(0)).untilOver();
          await assertFailed(scene, protocol, complaint);
        }));
    }
  }

  for (const protocol of PROTOCOLS) {
    it(`is down: ${protocol}`, () =>
      inScene("", async (scene) => {
        await scene.auth.stop();
        const client = await scene.claimant(protocol);
        await client.expectEnd(WORDS[protocol].internalError);
        await assertFailed(scene, protocol, "connect() failed (111: Connection refused) with auth http server auth");
      }));
  }

  it("has a body without end lets in all the same, and is cut off", () =>
    inScene("", async (scene) => {
      scene.auth.answer = (wire) => {
        wire.send(`HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n${accept(scene.upstream.port)}\r\n`);
        pour(wire, "x".repeat(4096));
      };
      const client = await scene.session("imap");
      await (await scene.auth.asked(0)).untilOver();
      client.end();
      await client.expectEnd();
      await scene.untilFree();
      assertEquals(scene.results, ["imap clientClosed"]);
    }));

  it("recovers is asked again by the next client", () =>
    inScene(HASTY, async (scene) => {
      scene.auth.answer = () => {};
      await (await scene.claimant("pop3")).expectEnd(WORDS.pop3.internalError);
      scene.auth.answer = accept(scene.upstream.port);
      const client = await scene.session("pop3");
      client.end();
      await client.expectEnd();
      await scene.untilFree();
      assertEquals(scene.results, ["pop3 authUnavailable", "pop3 clientClosed"]);
    }));
});

async function assertFailed(scene: Scene, protocol: typeof PROTOCOLS[number], complaint: string): Promise<void> {
  await scene.untilFree();
  assertEquals(scene.log, [`error ${complaint} while in http auth state${scene.tail(protocol, "login")}`]);
  assertEquals(scene.results, [`${protocol} authUnavailable`]);
}

/** Says this, and then nothing more, or ends, or breaks off once it has left. */
function said(octets: string, then?: "end" | "reset"): Answer {
  return async (wire) => {
    wire.send(octets);
    if (then === "end") wire.end();
    if (then !== "reset") return;
    await wire.untilDrained();
    wire.reset();
  };
}

/** Says this again and again, as fast as it is taken, until the peer has enough. */
async function pour(wire: Wire, octets: string): Promise<void> {
  while (!wire.isOver) {
    if (!wire.send(octets)) await wire.untilDrained();
  }
}
