import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { accept, FakeAuth } from "../support/fake_auth.ts";
import { FakeUpstream } from "../support/fake_upstream.ts";
import { freePorts } from "../support/free_ports.ts";
import { Program, TestFolder } from "../support/program.ts";
import { startProxy } from "../support/proxy.ts";
import { connectTo } from "../support/raw_client.ts";
import { assertTellsNoSecret, WORDS } from "../support/scene.ts";
import { eventually } from "../support/watch.ts";
import type { Wire } from "../support/wire.ts";

const { greeting, login, welcome, upstream: SCRIPT, internalError } = WORDS.imap;

/** More than the descriptors that the program gets. */
const CROWD = 300;
const DESCRIPTORS = 100;

/** How long a crowd may take on a busy machine. */
const PATIENCE = 30_000;
const OPTIONS = { timeout: 60_000 };
const TOO_MANY = "* BYE [LIMIT] too many connections\r\n";

describe("with few descriptors the program", () => {
  it("survives a crowd and serves again", OPTIONS, () =>
    withProgram(async ({ program, port }) => {
      const crowd = await gather(port);
      const served = await servedOf(crowd);
      await program.prints("worker_connections are not enough");
      for (const client of served) await client.ask("a NOOP\r\n", "a OK completed\r\n");
      await leave(crowd);
      await logIn(port);
    }));

  it("survives a crowd that logs in and serves again", OPTIONS, () =>
    withProgram(async ({ port }) => {
      const crowd = await gather(port);
      const served = await servedOf(crowd);
      for (const client of served) client.send(login);
      await Promise.all(served.map(async (client) => {
        await client.until(() => client.unread.endsWith("\r\n") || client.isOver, PATIENCE);
        assert([welcome, internalError].includes(client.unread), `a client got ${JSON.stringify(client.unread)}`);
      }));
      await leave(crowd);
      await logIn(port);
    }));
});

describe("with few worker_connections", () => {
  it("the surplus is closed or told, and nobody else notices", async () => {
    const upstream = await FakeUpstream.start(SCRIPT);
    const auth = await FakeAuth.start(accept(upstream.port));
    const mail = `auth_http 127.0.0.1:${auth.port}; server { listen 127.0.0.1; protocol imap; }`;
    // The listener, both ends of a session, and three more.
    const proxy = await startProxy(mail, 6);
    const [port = 0] = proxy.ports;
    try {
      const session = await connectTo(port);
      await session.expect(greeting);
      await session.ask(login, welcome);
      await eventually(() => proxy.sockets() === 2, () => `${proxy.sockets()} sockets`);
      const newcomers = [await connectTo(port), await connectTo(port), await connectTo(port)];
      for (const newcomer of newcomers) await newcomer.expect(greeting);

      const surplus = await connectTo(port);
      await surplus.untilOver();
      assertEquals(surplus.received, TOO_MANY);
      const [claimant = surplus, ...others] = newcomers;
      claimant.send(login);
      await claimant.expectEnd(internalError);
      // Once a second, however many stay outside.
      const alerts = proxy.log.filter((line) => line.startsWith("alert"));
      assertEquals(alerts[0], "alert 6 worker_connections are not enough");

      await session.ask("still there?\r\n", "still there?\r\n");
      for (const other of others) await other.ask("a NOOP\r\n", "a OK completed\r\n");
      await eventually(() => proxy.sockets() === 4, () => `${proxy.sockets()} sockets`);
      const late = await connectTo(port);
      await late.expect(greeting);
      for (const client of [session, ...others, late]) client.end();
      await eventually(() => proxy.server.connections === 0, () => `${proxy.server.connections} connections`);
      await eventually(() => proxy.sockets() === 0, () => `${proxy.sockets()} sockets`);
      assertTellsNoSecret(proxy.log);
    } finally {
      for (const server of [proxy, auth, upstream]) await server.stop();
    }
  });
});

interface Running {
  readonly program: Program;
  readonly port: number;
}

/** Starts the program as its user would, with few descriptors, and checks that it ends in order. */
async function withProgram(play: (running: Running) => Promise<void>): Promise<void> {
  const folder = new TestFolder();
  const upstream = await FakeUpstream.start(SCRIPT);
  const auth = await FakeAuth.start(accept(upstream.port));
  const [port = 0] = await freePorts(1);
  const file = folder.write(
    "nginx.conf",
    `
      daemon off;
      master_process off;
      pid ${folder.path}/pid;
      error_log stderr info;
      events { worker_connections 1000; }
      mail {
        auth_http 127.0.0.1:${auth.port};
        server { listen 127.0.0.1:${port}; protocol imap; }
      }
    `,
  );
  const program = new Program(["-c", file], {
    wrapper: ["bash", "-c", `ulimit -n ${DESCRIPTORS}; exec "$0" "$@"`],
  });
  try {
    await program.prints("start worker process");
    await play({ program, port });
    program.signal("SIGTERM");
    assertEquals((await program.ending).code, 0, program.stderr);
    assertTellsNoSecret([program.stderr]);
  } finally {
    program.child.kill("SIGKILL");
    for (const server of [auth, upstream]) await server.stop();
    folder.remove();
  }
}

/** A crowd of clients, all connected. */
function gather(port: number): Promise<Wire[]> {
  return Promise.all(Array.from({ length: CROWD }, () => connectTo(port)));
}

/** Those who were greeted; all others are told or closed, and nobody waits. */
async function servedOf(crowd: readonly Wire[]): Promise<Wire[]> {
  await Promise.all(crowd.map((client) => client.until(() => client.received !== "" || client.isOver, PATIENCE)));
  const served = crowd.filter((client) => !isTurnedAway(client));
  assert(served.length > 10 && served.length < DESCRIPTORS, `${served.length} clients are served`);
  for (const client of served) await client.expect(greeting);
  return served;
}

/** Who is told so may not have heard yet that the connection is over. */
function isTurnedAway(client: Wire): boolean {
  return client.isOver || client.received.startsWith("* BYE");
}

async function leave(crowd: readonly Wire[]): Promise<void> {
  for (const client of crowd) client.destroy();
  await Promise.all(crowd.map((client) => client.untilClosed()));
}

/** A login that takes its time to be let in, once the crowd is gone. */
async function logIn(port: number): Promise<void> {
  let client: Wire;
  do {
    client = await connectTo(port);
    await client.until(() => client.received !== "" || client.isOver, PATIENCE);
  } while (isTurnedAway(client));
  await client.expect(greeting);
  await client.ask(login, welcome);
  await client.ask("b bye\r\n", "b bye\r\n");
  client.end();
  await client.expectEnd();
}
