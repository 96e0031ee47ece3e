import { after, before, it } from "node:test";
import { createHash } from "node:crypto";
import { connect as connectRaw, type Socket as RawSocket } from "node:net";
import { assert, assertEquals } from "@std/assert";
import type { Relay, RelayOptions, RelayResult, RelayWatch, Runtime, Socket } from "../../src/runtime.ts";
import { areSame, describeBoth, Exchange, LEAVING, pattern, Peer } from "./_peer.ts";

const NOTHING = new Uint8Array(0);

describeBoth("a relay", (load) => {
  let runtime: Runtime;
  let exchange: Exchange;

  before(async () => {
    runtime = await load();
    exchange = await Exchange.open(runtime);
  });

  after(() => exchange.close());

  /** A client and a mail server with a relay between them, its two sockets being `left` and `right`. */
  interface Session {
    readonly client: Peer;
    readonly upstream: Peer;
    readonly left: Socket;
    readonly right: Socket;
    readonly relay: Relay;
    readonly done: Promise<RelayResult>;
    readonly dones: RelayResult[];
  }

  async function start(options: Partial<RelayOptions> = {}): Promise<Session> {
    const front = await exchange.connect();
    const back = await exchange.connect();
    const sockets = { client: front.far, upstream: back.near };
    return begin({ near: front.near, far: back.far, ...sockets }, options);
  }

  interface Ends {
    readonly near: Socket;
    readonly far: Socket;
    readonly client: Socket;
    readonly upstream: Socket;
  }

  function begin({ near, far, client, upstream }: Ends, options: Partial<RelayOptions>): Session {
    const started = startRelay({ client, upstream, ...options });
    const session = { client: new Peer(near), upstream: new Peer(far), left: client, right: upstream };
    session.client.socket.resume();
    session.upstream.socket.resume();
    return { ...session, ...started };
  }

  function startRelay(
    options: Pick<RelayOptions, "client" | "upstream"> & Partial<RelayOptions>,
  ): Pick<Session, "relay" | "done" | "dones"> {
    const dones: RelayResult[] = [];
    let tell: (result: RelayResult) => void = () => {};
    const done = new Promise<RelayResult>((resolve) => tell = resolve);
    const relay = runtime.relay({
      toClient: NOTHING,
      toUpstream: NOTHING,
      clientEnded: false,
      timeout: 60_000,
      done: (result) => {
        dones.push(result);
        tell(result);
      },
      ...options,
    });
    return { relay, done, dones };
  }

  /** The same with a client that may be rude. */
  async function startRaw(): Promise<{ raw: RawSocket; upstream: Peer; done: Promise<RelayResult> }> {
    const raw = await connectRawTo(exchange.port);
    const client = await exchange.accept();
    const back = await exchange.connect();
    const upstream = new Peer(back.far);
    upstream.socket.resume();
    const { done } = startRelay({ client, upstream: back.near });
    return { raw, upstream, done };
  }

  /** Ends both outer sockets and checks that nothing is told twice. */
  async function finish({ client, upstream, done, dones }: Session): Promise<RelayResult> {
    client.socket.close();
    upstream.socket.close();
    await Promise.all([client.untilClosed(), upstream.untilClosed()]);
    const result = await done;
    await Promise.resolve();
    assertEquals(dones.length, 1);
    return result;
  }

  for (const [length, watch] of [13, 300_000, 3_000_000].flatMap((length) => [[length], [length, LEAVING]] as const)) {
    const whom = watch === undefined ? "one" : "a leaving one";
    it(`sends ${length} octets and the end that comes with them, also to ${whom} that reads late`, async () => {
      const session = await start({ watch });
      const { client, upstream } = session;
      const octets = pattern(length);
      client.socket.pause();
      upstream.socket.write(octets);
      upstream.socket.end();
      await exchange.untilTold();
      client.socket.resume();
      await client.untilEnded();
      assert(areSame(client.chunks, octets));
      const { end, bytesToClient, failure } = await finish(session);
      assertEquals([end, bytesToClient, failure], ["upstreamClosed", length, undefined]);
    });
  }

  it("sends first what was read before, then moves octets both ways, and counts them", async () => {
    const session = await start({
      toClient: new TextEncoder().encode("a1 OK\r\n"),
      toUpstream: new TextEncoder().encode("a2 SELECT INBOX\r\n"),
    });
    const { client, upstream } = session;
    await upstream.untilReceived(17);
    upstream.say("a2 OK\r\n");
    await client.untilReceived(14);
    client.say("a3 LOGOUT\r\n");
    await upstream.untilReceived(28);
    assertEquals(client.text, "a1 OK\r\na2 OK\r\n");
    assertEquals(upstream.text, "a2 SELECT INBOX\r\na3 LOGOUT\r\n");
    client.socket.end();
    await upstream.untilEnded();
    upstream.socket.end();
    const result = await session.done;
    assertEquals(result, { end: "clientClosed", failure: undefined, bytesToClient: 14, bytesToUpstream: 28 });
    await finish(session);
  });

  it("passes the client's end on behind its octets, and the answers still flow", async () => {
    const session = await start();
    const { client, upstream } = session;
    const asked = pattern(3_000_000, 1);
    const answered = pattern(3_000_000, 2);
    client.socket.write(asked);
    client.socket.end();
    await upstream.untilEnded();
    assert(areSame(upstream.chunks, asked));
    upstream.socket.write(answered);
    upstream.socket.end();
    await client.untilEnded();
    assert(areSame(client.chunks, answered));
    assertEquals(await session.done, {
      end: "clientClosed",
      failure: undefined,
      bytesToClient: 3_000_000,
      bytesToUpstream: 3_000_000,
    });
    await finish(session);
  });

  it("passes the upstream's end on behind its octets", async () => {
    const session = await start();
    const { client, upstream } = session;
    upstream.say("* BYE\r\n");
    upstream.socket.end();
    await client.untilEnded();
    assertEquals(client.text, "* BYE\r\n");
    client.say("too late\r\n");
    await upstream.untilReceived(10);
    client.socket.end();
    assertEquals(await session.done, {
      end: "upstreamClosed",
      failure: undefined,
      bytesToClient: 7,
      bytesToUpstream: 10,
    });
    await finish(session);
  });

  it("closes a client that does not end 10 seconds after its upstream did", { timeout: 60_000 }, async () => {
    const session = await start();
    const { client, upstream } = session;
    const started = runtime.now();
    upstream.say("* BYE\r\n");
    upstream.socket.end();
    await client.untilEnded();
    assertEquals(session.dones, []);
    await upstream.untilEnded();
    const waited = runtime.now() - started;
    assert(waited > 9_500 && waited < 15_000, `waited ${waited} ms`);
    assertEquals((await finish(session)).end, "upstreamClosed");
  });

  it("waits no longer than a close does for a client that has taken its leave", { timeout: 60_000 }, async () => {
    const session = await start({ watch: LEAVING });
    const { client, upstream } = session;
    const started = runtime.now();
    upstream.say("* BYE\r\n");
    upstream.socket.end();
    await client.untilEnded();
    assertEquals(client.text, "* BYE\r\n");
    const { end, failure } = await session.done;
    const waited = runtime.now() - started;
    assert(waited < (load.sockets === "kernel" ? 1_500 : 8_000), `waited ${waited} ms`);
    assertEquals([end, failure], ["upstreamClosed", undefined]);
    await finish(session);
  });

  it("tells the upstream that the client had ended before", async () => {
    const front = await exchange.connect();
    const back = await exchange.connect();
    const early = new Peer(front.far);
    front.far.resume();
    front.near.end();
    await early.untilEnded();
    const session = begin({ near: front.near, far: back.far, client: front.far, upstream: back.near }, {
      clientEnded: true,
      toUpstream: new TextEncoder().encode("QUIT\r\n"),
    });
    await session.upstream.untilEnded();
    assertEquals(session.upstream.text, "QUIT\r\n");
    session.upstream.say("+OK\r\n");
    session.upstream.socket.end();
    await session.client.untilEnded();
    assertEquals(session.client.text, "+OK\r\n");
    assertEquals((await finish(session)).end, "clientClosed");
  });

  it("ends when its sockets were gone before it began", async () => {
    const front = await exchange.connect();
    const back = await exchange.connect();
    const [client, upstream] = [new Peer(front.far), new Peer(back.near)];
    front.far.abort();
    back.near.abort();
    await Promise.all([client.untilClosed(), upstream.untilClosed()]);
    const session = begin({ near: front.near, far: back.far, client: front.far, upstream: back.near }, {});
    assertEquals(session.dones, []);
    assertEquals((await finish(session)).end, "clientClosed");
  });

  it("holds back a server whose client does not read", { timeout: 60_000 }, async () => {
    const session = await start();
    const { client, upstream, left } = session;
    client.socket.pause();
    const octets = pattern(50_000_000);
    upstream.socket.write(octets);
    upstream.socket.end();
    while (left.queued === 0) await roundTrip();
    for (let i = 0; i < 50; i++) {
      await roundTrip();
      assert(left.queued < 2_000_000, `${left.queued} octets wait`);
    }
    assert(upstream.socket.queued > 0, "the server should be held back");
    client.socket.resume();
    await client.untilEnded();
    assertEquals(hash(client.chunks), hash([octets]));
    client.socket.end();
    assertEquals((await session.done).bytesToClient, octets.length);
    await finish(session);
  });

  it("gives the upstream what a client said before its reset", async () => {
    const { raw, upstream, done } = await startRaw();
    raw.write("DELE 1\r\n");
    await upstream.untilReceived(8);
    raw.resetAndDestroy();
    await upstream.untilEnded();
    upstream.socket.close();
    const result = await done;
    assertEquals(result, {
      end: "clientClosed",
      failure: { number: 104, text: "Connection reset by peer", side: "client" },
      bytesToClient: 0,
      bytesToUpstream: 8,
    });
  });

  it("ends after a time without traffic, and traffic either way restarts it", { timeout: 60_000 }, async () => {
    const session = await start({ timeout: 2_000 });
    const { client, upstream } = session;
    const started = runtime.now();
    let ticks = 0;
    await new Promise<void>((resolve) => {
      const timer = setInterval(() => {
        if (++ticks % 2 === 0) client.say("x");
        else upstream.say("y");
        if (ticks < 20) return;
        clearInterval(timer);
        resolve();
      }, 150);
    });
    const lastTraffic = runtime.now();
    assertEquals(session.dones, []);
    assert(lastTraffic - started > 2_500);
    await client.untilEnded();
    const waited = runtime.now() - lastTraffic;
    assert(waited > 1_950 && waited < 30_000, `waited ${waited} ms`);
    assertEquals((await finish(session)).end, "timedOut");
  });

  it("says a last line when it is stopped, behind what is under way", async () => {
    const session = await start();
    const { client, upstream } = session;
    upstream.say("* 1 EXISTS\r\n");
    await client.untilReceived(12);
    session.relay.stop(new TextEncoder().encode("* BYE Restarting\r\n"));
    session.relay.stop(new TextEncoder().encode("twice"));
    await Promise.all([client.untilEnded(), upstream.untilEnded()]);
    assertEquals(client.text, "* 1 EXISTS\r\n* BYE Restarting\r\n");
    assertEquals(upstream.text, "");
    assertEquals((await finish(session)).end, "stopped");
    session.relay.stop(NOTHING);
  });

  it("says no last line in the middle of another", async () => {
    const session = await start();
    const { client, upstream } = session;
    upstream.say("* 1 FETCH (BODY[] {10}\r\nabc");
    await client.untilReceived(27);
    session.relay.stop(new TextEncoder().encode("* BYE Restarting\r\n"));
    await client.untilEnded();
    assertEquals(client.text, "* 1 FETCH (BODY[] {10}\r\nabc");
    await finish(session);
  });

  it("tells its watch of what it moves in bulk without reading it, and has it see the end", async () => {
    const sides = {
      client: { read: 0, unread: 0, end: NOTHING },
      upstream: { read: 0, unread: 0, end: NOTHING },
    };
    type Seen = typeof sides.client;
    const see = (seen: Seen, bytes: Uint8Array) => {
      seen.read += bytes.length;
      seen.end = new Uint8Array([...seen.end, ...bytes.slice(-1024)]).slice(-1024);
    };
    const pass = (seen: Seen, octets: number) => {
      seen.unread += octets;
      seen.end = NOTHING;
    };
    const watch: RelayWatch = {
      client: (bytes) => see(sides.client, bytes),
      upstream: (bytes) => see(sides.upstream, bytes),
      clientUnseen: (octets) => pass(sides.client, octets),
      upstreamUnseen: (octets) => pass(sides.upstream, octets),
      isBetweenReplies: false,
      isClientLeaving: false,
    };
    const session = await start({ watch });
    const { client, upstream } = session;
    const [asked, answered] = [pattern(20_000_000, 1), pattern(20_000_000, 2)];
    client.socket.write(asked);
    upstream.socket.write(answered);
    await Promise.all([upstream.untilReceived(asked.length), client.untilReceived(answered.length)]);
    assertEquals([hash(upstream.chunks), hash(client.chunks)], [hash([asked]), hash([answered])]);
    for (const [side, octets] of [["client", asked], ["upstream", answered]] as const) {
      const { read, unread, end } = sides[side];
      assertEquals(read + unread, octets.length);
      assertEquals([side, unread > octets.length / 2], [side, load.sockets === "kernel"]);
      if (load.sockets === "kernel") assertEquals(end, octets.slice(-1024));
    }
    const { bytesToClient, bytesToUpstream } = await finish(session);
    assertEquals([bytesToClient, bytesToUpstream], [answered.length, asked.length]);
  });

  it("is told why a client is gone that was sent bulk, and ends", { timeout: 60_000 }, async () => {
    const { raw, upstream, done } = await startRaw();
    let read = 0;
    await new Promise<void>((resolve) => {
      raw.on("data", (bytes) => (read += bytes.length) > 4_000_000 && resolve());
      upstream.socket.write(pattern(60_000_000));
    });
    raw.resetAndDestroy();
    await upstream.untilEnded();
    upstream.socket.abort();
    const { end, failure } = await done;
    assertEquals([end, failure?.side], ["clientClosed", "client"]);
    assert(failure?.number === 104 || failure?.number === 32, failure?.text);
  });

  it("stops in the middle of bulk", async () => {
    const session = await start();
    const { client, upstream, left } = session;
    client.socket.pause();
    const octets = new Uint8Array(20_000_000).fill(0x0a);
    upstream.socket.write(octets);
    while (left.queued === 0) await roundTrip();
    session.relay.stop(NOTHING);
    client.socket.resume();
    await client.untilEnded();
    assert(client.chunks.every((chunk) => chunk.every((octet) => octet === 0x0a)));
    assertEquals(client.received, (await finish(session)).bytesToClient);
    assert(client.received < octets.length);
  });

  it("keeps the octets of sessions in bulk apart, readers that pause among them", { timeout: 120_000 }, async () => {
    const sessions = await Promise.all(Array.from({ length: 6 }, () => start()));
    await Promise.all(sessions.map(async ({ client, upstream }, at) => {
      const [up, down] = [pattern(9_000_000, at), pattern(9_000_000, at + 100)];
      client.socket.write(up);
      upstream.socket.write(down);
      for (let part = 1; part <= 4; part++) {
        await client.untilReceived(part * 2_000_000);
        client.socket.pause();
        await roundTrip();
        client.socket.resume();
      }
      await Promise.all([upstream.untilReceived(up.length), client.untilReceived(down.length)]);
      assertEquals([hash(upstream.chunks), hash(client.chunks)], [hash([up]), hash([down])]);
    }));
    for (const session of sessions) await finish(session);
  });

  it("asks its watch, which sees all that passes, where a last line may stand", async () => {
    for (const isBetweenReplies of [true, false]) {
      const seen = { client: "", upstream: "" };
      const watch: RelayWatch = {
        client: (bytes) => void (seen.client += new TextDecoder().decode(bytes)),
        upstream: (bytes) => void (seen.upstream += new TextDecoder().decode(bytes)),
        clientUnseen: () => {},
        upstreamUnseen: () => {},
        isBetweenReplies,
        isClientLeaving: false,
      };
      const [toClient, toUpstream] = [new TextEncoder().encode("a OK\r\n"), new TextEncoder().encode("b ")];
      const session = await start({ watch, toClient, toUpstream });
      const { client, upstream } = session;
      client.say("NOOP\r\n");
      await upstream.untilReceived(8);
      upstream.say("* 1 FETCH (BODY[] {10}\r\n");
      await client.untilReceived(30);
      session.relay.stop(new TextEncoder().encode("* BYE\r\n"));
      await client.untilEnded();
      assertEquals(client.text, `a OK\r\n* 1 FETCH (BODY[] {10}\r\n${isBetweenReplies ? "* BYE\r\n" : ""}`);
      assertEquals(seen, { client: "b NOOP\r\n", upstream: "a OK\r\n* 1 FETCH (BODY[] {10}\r\n" });
      await finish(session);
    }
  });

  it("leaks no descriptor and loses no octet in 300 sessions, aborted ones among them", {
    timeout: 120_000,
  }, async () => {
    const before = runtime.descriptors().open;
    const sockets = runtime.sockets();
    const random = generator(20240607);
    let running: Promise<void>[] = [];
    for (let i = 0; i < 300; i++) {
      running.push(randomSession(random, i));
      if (running.length < 20) continue;
      await Promise.all(running);
      running = [];
    }
    await Promise.all(running);
    assertEquals(runtime.sockets(), sockets);
    // The last descriptors may be closed a turn after their socket told so.
    for (let i = 0; i < 1_000 && runtime.descriptors().open > before; i++) {
      await new Promise<void>((resolve) => setTimeout(resolve, 5));
    }
    assert(runtime.descriptors().open <= before, `${runtime.descriptors().open} open, ${before} before`);
  });

  /** One session of a random length that ends in a random way; unless it is aborted all octets must arrive. */
  async function randomSession(random: () => number, number: number): Promise<void> {
    const session = await start();
    const { client, upstream } = session;
    const up = pattern(Math.floor(random() ** 3 * 1_000_000), number);
    const down = pattern(Math.floor(random() ** 3 * 3_000_000), number + 1_000);
    const abortion = random() < 0.12 ? Math.floor(random() * 4) : undefined;
    client.socket.write(up);
    upstream.socket.write(down);
    if (abortion === undefined) {
      const [first, second] = random() < 0.5 ? [client, upstream] : [upstream, client];
      first.socket.end();
      await second.untilEnded();
      second.socket.end();
      await first.untilEnded();
      assertEquals([hash(upstream.chunks), hash(client.chunks)], [hash([up]), hash([down])]);
    } else {
      if (abortion < 2) await client.until(() => client.received >= down.length / 2);
      const victims = [client.socket, upstream.socket, session.left, session.right];
      victims[abortion]?.abort();
    }
    await finish(session);
  }

  /** Another connection comes and goes meanwhile. */
  async function roundTrip(): Promise<void> {
    const { near, far } = await exchange.connect();
    const [left, right] = [new Peer(near), new Peer(far)];
    right.socket.resume();
    left.say("ping");
    await right.untilReceived(4);
    left.socket.close();
    right.socket.close();
    await Promise.all([left.untilClosed(), right.untilClosed()]);
  }
});

function connectRawTo(port: number): Promise<RawSocket> {
  return new Promise((resolve, reject) => {
    const raw = connectRaw({ host: "127.0.0.1", port, allowHalfOpen: true });
    raw.once("connect", () => resolve(raw)).once("error", reject);
  });
}

function hash(chunks: readonly Uint8Array[]): string {
  const sum = createHash("sha256");
  for (const chunk of chunks) sum.update(chunk);
  return sum.digest("hex");
}

/** Numbers from 0 to 1 that are the same in each run. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = Math.imul(state, 1664525) + 1013904223 | 0;
    return (state >>> 8) / 2 ** 24;
  };
}
