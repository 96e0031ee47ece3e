import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { POP3_LOGIN } from "../support/fake_upstream.ts";
import { inScene, type Scene, WORDS } from "../support/scene.ts";
import { eventually } from "../support/watch.ts";
import type { Wire } from "../support/wire.ts";

/** A session that is logged in, and the upstream's end of it, which says nothing on its own. */
interface Relayed {
  readonly client: Wire;
  readonly upstream: Wire;
}

const IN = "info client logged in";
const DONE = "info proxied session done";
const CLIENT_RESET = "info recv() failed (104: Connection reset by peer) while proxying and reading from client";
const UPSTREAM_RESET = "error recv() failed (104: Connection reset by peer) while proxying and reading from upstream";

/** Plays with a logged-in session, and expects these lines of the log behind its login, and this end. */
async function inRelay(
  { directives = "", lines, result }: {
    readonly directives?: string;
    readonly lines: readonly string[];
    readonly result: string;
  },
  play: (relayed: Relayed, scene: Scene) => Promise<void>,
): Promise<void> {
  await inScene(directives, async (scene) => {
    scene.upstream.script = POP3_LOGIN.slice(0, -1);
    const client = await scene.claimant("pop3");
    await client.expect(WORDS.pop3.welcome);
    const upstream = await scene.upstream.wire(0);
    await play({ client, upstream }, scene);
    await scene.untilFree();
    const tail = scene.tail("pop3", "upstream");
    assertEquals(scene.log, [IN, ...lines].map((line) => line + tail));
    assertEquals(scene.results, [`pop3 ${result}`]);
  });
}

describe("a logged-in session", () => {
  it("ends when its client does, and not before the upstream has had its say", () =>
    inRelay({ lines: [DONE], result: "clientClosed" }, async ({ client, upstream }) => {
      upstream.isPatient = true;
      client.send("QUIT\r\n");
      client.end();
      await upstream.expectEnd("QUIT\r\n");
      const answer = "x".repeat(3_000_000);
      upstream.send(answer);
      upstream.end();
      assertEquals(await client.rest(), answer);
    }));

  it("ends when its upstream does, and not before its client has heard all", () =>
    inRelay({ lines: [DONE], result: "upstreamClosed" }, async ({ client, upstream }) => {
      client.pause();
      const answer = "x".repeat(3_000_000);
      upstream.send(answer);
      upstream.end();
      client.resume();
      await client.untilOver();
      await client.expectEnd(answer);
    }));

  it("ends when its client breaks off", () =>
    inRelay({ lines: [CLIENT_RESET, DONE], result: "clientClosed" }, async ({ client, upstream }) => {
      client.reset();
      await upstream.untilOver();
    }));

  it("ends when its upstream breaks off", () =>
    inRelay({ lines: [UPSTREAM_RESET, DONE], result: "upstreamClosed" }, async ({ client, upstream }) => {
      upstream.reset();
      await client.untilOver();
    }));

  it(
    "ends when its client breaks off instead of reading",
    { timeout: 180_000 },
    () =>
      inRelay({ lines: [CLIENT_RESET, DONE], result: "clientClosed" }, async ({ client, upstream }, scene) => {
        client.pause();
        await fill(upstream, scene);
        client.reset();
        await upstream.untilOver();
      }),
  );

  it(
    "ends when its upstream breaks off instead of reading",
    { timeout: 180_000 },
    () =>
      inRelay({ lines: [UPSTREAM_RESET, DONE], result: "upstreamClosed" }, async ({ client, upstream }, scene) => {
        upstream.pause();
        await fill(client, scene);
        upstream.reset();
        await client.untilOver();
      }),
  );

  it(
    "ends when its client breaks off while it is held back",
    { timeout: 180_000 },
    () =>
      inRelay({ lines: [CLIENT_RESET, DONE], result: "clientClosed" }, async ({ client, upstream }, scene) => {
        upstream.pause();
        await fill(client, scene);
        client.reset();
        upstream.resume();
        await upstream.untilOver();
      }),
  );

  it(
    "ends when its upstream breaks off while it is held back",
    { timeout: 180_000 },
    () =>
      inRelay({ lines: [UPSTREAM_RESET, DONE], result: "upstreamClosed" }, async ({ client, upstream }, scene) => {
        client.pause();
        await fill(upstream, scene);
        upstream.reset();
        client.resume();
        await client.untilOver();
      }),
  );

  it("ends when nothing has moved for too long", () => {
    const lines = ["info client timed out (110: Connection timed out) while proxying"];
    return inRelay({ directives: "proxy_timeout 300ms;", lines, result: "timedOut" }, async ({ client, upstream }) => {
      await client.expectEnd();
      await upstream.untilOver();
    });
  });

  it("ends in time when its client has ended and its upstream does not", () => {
    const end = { directives: "proxy_timeout 1s;", lines: [DONE], result: "clientClosed" };
    return inRelay(end, async ({ client, upstream }) => {
      upstream.isPatient = true;
      client.end();
      await upstream.expectEnd();
      await client.expectEnd();
      upstream.end();
    });
  });
});

/** Says more than anybody takes, until the proxy holds some of it; that must not be much. */
async function fill(sender: Wire, scene: Scene): Promise<void> {
  const piece = new Uint8Array(1_000_000);
  for (let said = 0; said < 100 && sender.send(piece); said++) await sender.untilDrained();
  await eventually(() => scene.proxy.queued() > 0, () => "nothing waits in the proxy");
  assert(scene.proxy.queued() <= 2_000_000, `${scene.proxy.queued()} octets wait in the proxy`);
}
