/** What `serve` and a reload make of a configuration that asks for more than the runtime can do. */

import { assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "node:test";
import { ConfigError, weighed } from "../../../src/config/mod.ts";
import { serve, type ServeOptions } from "../../../src/proxy/mod.ts";
import type { Capability, CapabilityState, Runtime } from "../../../src/runtime.ts";
import { load } from "../../support/config.ts";
import { FakeRuntime } from "../../support/fake_runtime.ts";

const REASON = "it never could";

/** A runtime that cannot do these. */
class Lacking extends FakeRuntime {
  override readonly capabilities: Runtime["capabilities"];

  constructor(...lacking: readonly Capability[]) {
    super();
    const state: CapabilityState = { state: "no", reason: REASON };
    this.capabilities = {
      ...new FakeRuntime().capabilities,
      ...Object.fromEntries(lacking.map((name) => [name, state])),
    };
  }

  /** What its log has of warnings. */
  get warnings(): string[] {
    return this.process.err.split("\n").flatMap((line) => /\[warn\] \S+ (.*)/.exec(line)?.[1] ?? []);
  }
}

const OPTIONS: ServeOptions = { errorLog: { target: { type: "stderr" }, level: "warn" } };

function configuration(listen: string, mail = "") {
  return load(`events {}\nmail {\nauth_http 127.0.0.1;\n${mail}\nserver { listen ${listen}; protocol imap; }\n}`);
}

/** As `inPlace` has it. */
const LINE = 5;

describe("what the runtime cannot do of a configuration", () => {
  it("is refused where it matters, before anything is open", async () => {
    const runtime = new Lacking("listen.ipv6Only");
    const error = await assertRejects(
      () => serve(configuration("[::]:143 ipv6only=on"), runtime, OPTIONS),
      ConfigError,
    );
    const text = `"ipv6only=on" of the "listen" directive is not possible with node: ${REASON} in f:${LINE}`;
    assertEquals([error.message, runtime.listeners.length], [text, 0]);
  });

  it("is refused by a reload as well, and everything is as it was", async () => {
    const runtime = new Lacking("listen.ipv6Only");
    const server = await serve(configuration("143"), runtime, OPTIONS);
    await assertRejects(() => server.reload(configuration("[::]:143 ipv6only=on")), ConfigError);
    assertEquals(server.listeners.map(({ text }) => text), ["0.0.0.0:143"]);
    await server.stop("fast");
  });

  const backlog = `"backlog" of the "listen" directive has no effect with node: ${REASON} in f:${LINE}`;

  it("is told in the log, once, with what the parser had to say", async () => {
    const runtime = new Lacking("listen.backlog");
    const config = configuration("143 backlog=9", "imap_auth plain plain;");
    const expected = [...config.warnings.map(({ text }) => text), backlog];
    assertEquals(expected.length, 2);
    const server = await serve(config, runtime, OPTIONS);
    assertEquals(runtime.warnings, expected);
    await server.reload(weighed(config, runtime));
    assertEquals(runtime.warnings, [...expected, ...expected]);
    await server.stop("fast");
  });

  it("is told by the main process alone", async () => {
    const runtime = new Lacking("listen.backlog");
    const server = await serve(configuration("143 backlog=9"), runtime, { ...OPTIONS, isWorker: true });
    assertEquals(runtime.warnings, []);
    await server.stop("fast");
  });

  it("leaves the blocks of the configuration as they are where nothing has to be left out", () => {
    const config = configuration("143");
    assertEquals(weighed(config, new Lacking("tls.oldVersions")).servers, config.servers);
    assertEquals(weighed(config, new Lacking("tls.oldVersions")).servers[0] === config.servers[0], true);
  });
});
