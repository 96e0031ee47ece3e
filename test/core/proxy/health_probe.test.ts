import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { ImapProbe } from "../../../src/protocol/imap/probe.ts";
import { probeServer, type ProbeSetting } from "../../../src/proxy/health_probe.ts";
import type { Cancel, Socket, TlsContext } from "../../../src/runtime.ts";
import { encode } from "../../../src/session/bytes.ts";
import { Probe, type ProbeVerdict } from "../../../src/upstream/health/mod.ts";
import { type FakeConnect, FakeRuntime } from "../../support/fake_runtime.ts";
import type { FakeSocket } from "../../support/fake_socket.ts";

/** A runtime whose handshakes the test ends. */
class TlsRuntime extends FakeRuntime {
  handshake: { secured(socket: Socket): void; failed(text: string): void } | undefined;
  isHandshakeCancelled = false;

  override secureClient(...args: readonly unknown[]): Cancel {
    this.handshake = args[2] as typeof this.handshake;
    return () => this.isHandshakeCancelled = true;
  }
}

/** A check whose server the test plays. */
class Bench {
  readonly runtime = new TlsRuntime();
  readonly verdicts: (ProbeVerdict | undefined)[] = [];
  readonly cancel: Cancel;

  constructor(tls?: "starttls" | "implicit", changes: Partial<ProbeSetting> = {}) {
    const { runtime } = this;
    const setting: ProbeSetting = {
      runtime,
      connect: (target, handler) => runtime.connect(target, handler),
      upstreamTls: tls && { isImplicit: tls === "implicit", contextFor: () => ({}) as TlsContext },
      proxyHeader: () => undefined,
      createProbe: ({ isImplicitTls }) => {
        const script = new ImapProbe({ startsTls: tls === "starttls" });
        return new Probe({ script, timeout: 5000, longestReply: 512, isImplicitTls }, runtime.now());
      },
      ...changes,
    };
    const server = { target: { host: "192.0.2.1", port: 143 } };
    this.cancel = probeServer(server, setting, (verdict) => this.verdicts.push(verdict));
  }

  get connect(): FakeConnect {
    const [connect] = this.runtime.connects;
    if (connect === undefined) throw new Error("there is no connect");
    return connect;
  }

  /** What is left behind: sockets, and timers. */
  get left(): readonly number[] {
    this.runtime.clock.advance(2000);
    return [this.runtime.sockets(), this.runtime.clock.pending];
  }
}

function talk(socket: FakeSocket): void {
  socket.says("* OK ready\r\n");
  socket.says("h OK done\r\n");
}

describe("a health check on the wire", () => {
  it("speaks, tells its verdict and leaves in good manners", () => {
    const bench = new Bench();
    const socket = bench.connect.accept();
    talk(socket);
    assertEquals(bench.verdicts, [{ isHealthy: true }]);
    assertEquals([socket.written, socket.ending], ["h CAPABILITY\r\nh LOGOUT\r\n", undefined]);
    socket.says("* BYE\r\nh OK\r\n");
    assertEquals([socket.ending, bench.verdicts.length, bench.left], ["close", 1, [0, 0]]);
  });

  it("begins with a PROXY header where there is to be one", () => {
    const bench = new Bench(undefined, {
      proxyHeader: ({ local }) => encode(`from port ${"port" in local && local.port}\r\n`),
    });
    const socket = bench.connect.accept();
    assertEquals(socket.written, "from port 50000\r\n");
  });

  it("names a connect that fails", () => {
    const bench = new Bench();
    bench.connect.refuse();
    assertEquals(bench.verdicts, [{ isHealthy: false, reason: "connect() failed (111: Connection refused)" }]);
    assertEquals(bench.left, [0, 0]);
  });

  it("has no verdict where we have no socket to try with", () => {
    const bench = new Bench();
    bench.connect.refuse({ number: 24, text: "Too many open files" });
    assertEquals([bench.verdicts, bench.left], [[undefined], [0, 0]]);
  });

  it("gives up a server that hangs, before and behind its connect", () => {
    const connecting = new Bench();
    connecting.runtime.clock.advance(5000);
    assertEquals(connecting.verdicts, [{ isHealthy: false, reason: "no connection within 5s" }]);
    assertEquals([connecting.connect.isCancelled, connecting.left], [true, [0, 0]]);
    const greeting = new Bench();
    const socket = greeting.connect.accept();
    greeting.runtime.clock.advance(5000);
    assertEquals(greeting.verdicts, [{ isHealthy: false, reason: "no greeting within 5s" }]);
    assertEquals([socket.ending, greeting.left], ["close", [0, 0]]);
  });

  it("names a connection that breaks or ends", () => {
    const broken = new Bench();
    broken.connect.accept().breaks();
    assertEquals(broken.verdicts, [{ isHealthy: false, reason: "recv() failed (104: Connection reset by peer)" }]);
    assertEquals(broken.left, [0, 0]);
    const ended = new Bench();
    ended.connect.accept().hangsUp();
    assertEquals(ended.verdicts, [{ isHealthy: false, reason: "no greeting: the server closed the connection" }]);
    assertEquals(ended.left, [0, 0]);
  });

  it("speaks TLS first", () => {
    const bench = new Bench("implicit");
    const socket = bench.connect.accept();
    assertEquals(socket.isPaused, true);
    bench.runtime.handshake?.secured(socket);
    talk(socket);
    assertEquals(bench.verdicts, [{ isHealthy: true }]);
    const hanging = new Bench("implicit");
    hanging.connect.accept();
    hanging.runtime.clock.advance(5000);
    assertEquals(hanging.verdicts, [{ isHealthy: false, reason: "no TLS within 5s" }]);
    assertEquals(hanging.runtime.isHandshakeCancelled, true);
  });

  it("asks for TLS, and names a handshake that fails", () => {
    const bench = new Bench("starttls");
    const socket = bench.connect.accept();
    socket.says("* OK ready\r\n");
    socket.says("h OK begin\r\n");
    bench.runtime.handshake?.failed("unable to get local issuer certificate");
    const reason = "SSL_do_handshake() failed (SSL: unable to get local issuer certificate)";
    assertEquals(bench.verdicts, [{ isHealthy: false, reason }]);
    assertEquals(bench.runtime.clock.pending, 0);
  });

  it("can be taken back", () => {
    const connecting = new Bench();
    connecting.cancel();
    assertEquals([connecting.connect.isCancelled, connecting.left], [true, [0, 0]]);
    const talking = new Bench();
    const socket = talking.connect.accept();
    talking.cancel();
    assertEquals([socket.ending, talking.verdicts, talking.left], ["abort", [], [0, 0]]);
  });
});
