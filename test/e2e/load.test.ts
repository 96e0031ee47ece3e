import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { accept, FakeAuth } from "../support/fake_auth.ts";
import { echo, FakeUpstream, type Script } from "../support/fake_upstream.ts";
import { freePorts } from "../support/free_ports.ts";
import { startProxy, type TestProxy } from "../support/proxy.ts";
import { connectTo } from "../support/raw_client.ts";
import { assertTellsNoSecret, type Protocol, PROTOCOLS, WORDS } from "../support/scene.ts";
import { eventually } from "../support/watch.ts";
import type { Wire } from "../support/wire.ts";

const SESSIONS = 201;
const ROUNDS = 3;
const MEGABYTE = 1 << 20;

/** How many of the sessions are aborted somewhere. */
const ABORTED = 0.1;

/** How long one step of a session may take while all others run. */
const PATIENCE = 60_000;

describe("two hundred sessions at a time", () => {
  it("lose no octet and leave no socket, whoever breaks off", { timeout: 120_000 }, async () => {
    const auth = await FakeAuth.start("");
    const upstreams: FakeUpstream[] = [];
    for (const protocol of PROTOCOLS) upstreams.push(await FakeUpstream.start(hashing(WORDS[protocol].upstream)));
    auth.answer = (wire, request) => {
      const protocol = PROTOCOLS.findIndex((protocol) => request.includes(`Auth-Protocol: ${protocol}\r\n`));
      wire.send(`HTTP/1.0 200 OK\r\n${accept(upstreams[protocol]?.port ?? 0)}\r\n`);
      wire.end();
    };
    const proxy = await start(auth.port);
    try {
      const sessions = plan();
      for (let round = 0; round < ROUNDS; round++) {
        const some = sessions.slice(round * SESSIONS, (round + 1) * SESSIONS);
        await Promise.all(some.map((session) => run(proxy, session)));
        const left = () => `${proxy.server.connections} connections, ${proxy.sockets()} sockets`;
        await eventually(() => proxy.server.connections === 0 && proxy.sockets() === 0, left);
      }
      assertEquals(proxy.records.length, sessions.length);
      const whole = proxy.records.filter(({ bytesToUpstream }) => bytesToUpstream === MEGABYTE);
      assert(whole.length >= sessions.filter(({ abortAt }) => abortAt === undefined).length);
      assertEquals(proxy.log.filter((line) => !line.startsWith("info ")), []);
      assertTellsNoSecret(proxy.log);
    } finally {
      for (const server of [proxy, auth, ...upstreams]) await server.stop();
    }
  });
});

interface SessionPlan {
  readonly protocol: Protocol;
  /** What it says. */
  readonly octets: Uint8Array;
  /** Where it breaks off: 0 before the login, 1 when it has heard all. */
  readonly abortAt: number | undefined;
  readonly abort: (client: Wire) => void;
}

/** All sessions, the same each time. No two say the same at the same place. */
function plan(): SessionPlan[] {
  const random = seeded(20_260_301);
  const pool = new Uint32Array(MEGABYTE).map(() => random() * 2 ** 32);
  return Array.from({ length: ROUNDS * SESSIONS }, (_, i) => ({
    protocol: PROTOCOLS[i % PROTOCOLS.length] ?? "imap",
    octets: new Uint8Array(pool.buffer, 4 * i, MEGABYTE),
    abortAt: random() < ABORTED ? random() : undefined,
    abort: random() < 0.5 ? (client) => client.reset() : (client) => client.destroy(),
  }));
}

/** Logs in, says all, hears all of it again and then, as its last word, the hash of what the upstream got. */
async function run(proxy: TestProxy, { protocol, octets, abortAt, abort }: SessionPlan): Promise<void> {
  const { greeting, login, heard, welcome } = WORDS[protocol];
  const client = await connectTo(proxy.ports[PROTOCOLS.indexOf(protocol)] ?? 0);
  await client.until(() => client.received.length >= greeting.length, PATIENCE);
  await client.expect(greeting);
  client.send(login);
  if (abortAt !== undefined && abortAt < 0.1) return abort(client);
  await client.until(() => client.unread.length >= (heard + welcome).length || client.isOver, PATIENCE);
  await client.expect(heard + welcome);
  const hash = createHash("sha1");
  let length = 0;
  let lastWord = "";
  client.consume((bytes) => {
    const echoed = bytes.subarray(0, MEGABYTE - length);
    hash.update(echoed);
    length += echoed.length;
    lastWord += new TextDecoder().decode(bytes.subarray(echoed.length));
  });
  client.send(octets);
  const stop = abortAt === undefined ? MEGABYTE : Math.floor(abortAt * MEGABYTE);
  await client.until(() => length >= stop || client.isOver, PATIENCE);
  if (abortAt !== undefined) return abort(client);
  client.end();
  await client.untilOver(PATIENCE);
  const said = createHash("sha1").update(octets).digest("hex");
  assertEquals({ echoed: hash.digest("hex"), got: lastWord, failure: client.failure }, {
    echoed: said,
    got: said,
    failure: undefined,
  });
}

/** The script of an upstream that says everything back, and what it was when its client has ended. */
function hashing(script: Script): Script {
  return [...script.slice(0, -1), (wire) => {
    const hash = createHash("sha1");
    wire.isPatient = true;
    echo(wire, (bytes) => hash.update(bytes));
    wire.untilOver(PATIENCE).then(() => {
      wire.send(hash.digest("hex"));
      wire.end();
    }, () => wire.destroy());
  }];
}

async function start(authPort: number): Promise<TestProxy> {
  const ports = await freePorts(PROTOCOLS.length);
  const servers = PROTOCOLS.map((protocol, i) => `server { listen 127.0.0.1:${ports[i]}; protocol ${protocol}; }`);
  return await startProxy(`auth_http 127.0.0.1:${authPort}; ${servers.join(" ")}`);
}

/** Numbers from 0 to 1, the same each time (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = state + 0x6d2b79f5 | 0;
    let mixed = Math.imul(state ^ state >>> 15, state | 1);
    mixed ^= mixed + Math.imul(mixed ^ mixed >>> 7, mixed | 61);
    return ((mixed ^ mixed >>> 14) >>> 0) / 2 ** 32;
  };
}
