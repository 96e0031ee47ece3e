import { assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "node:test";
import { bindingsOf } from "../../../src/proxy/addresses.ts";
import { Listeners } from "../../../src/proxy/listeners.ts";
import { StartError } from "../../../src/proxy/mod.ts";
import type { Listener, ListenOptions, Socket, SystemFailure } from "../../../src/runtime.ts";
import { load } from "../../support/config.ts";
import { FakeRuntime } from "../../support/fake_runtime.ts";

const BOTH = ["127.0.0.1:143", "127.0.0.1:144"];
const [FIRST = ""] = BOTH;

/** A process that was given the sockets 3 and 4 for two ports. */
class Scene {
  readonly runtime = new Host();
  readonly #listeners = new Listeners({
    runtime: this.runtime,
    attempts: 2,
    inherited: new Map([["127.0.0.1 143", 3], ["127.0.0.1 144", 4]]),
    accept: () => {},
  });

  async listenOn(...listens: readonly string[]): Promise<void> {
    const servers = listens.map((listen) => `server { listen ${listen}; protocol imap; }`).join(" ");
    const config = load(`events {} mail { auth_http 127.0.0.1; ${servers} }`);
    await this.#listeners.replace(await bindingsOf(config, this.runtime), "serve");
  }

  /** The descriptors that were listened on, in order; `undefined` for a socket that was bound. */
  get descriptors(): (number | undefined)[] {
    return this.runtime.asked.map(({ descriptor }) => descriptor);
  }

  get open(): number {
    return this.runtime.listeners.filter(({ isClosed }) => !isClosed).length;
  }
}

/** Nobody waits, and ports may be anybody's. */
class Host extends FakeRuntime {
  readonly asked: ListenOptions[] = [];
  /** What the next attempts are answered with. */
  readonly failures: (SystemFailure | undefined)[] = [];

  override listen(options: ListenOptions, accept: (socket: Socket) => void): Promise<Listener | SystemFailure> {
    this.asked.push(options);
    const failure = this.failures.shift();
    return failure === undefined ? super.listen(options, accept) : Promise.resolve(failure);
  }

  override timer(_delay: number, fire: () => void): () => void {
    fire();
    return () => {};
  }
}

describe("a socket that the process was given", () => {
  it("is listened on as long as it is wanted, and bound anew once it was closed", async () => {
    const scene = new Scene();
    await scene.listenOn(...BOTH);
    await scene.listenOn(...BOTH);
    assertEquals(scene.descriptors, [3, 4]);
    await scene.listenOn(FIRST);
    await scene.listenOn(...BOTH);
    assertEquals([scene.descriptors, scene.open], [[3, 4, undefined], 2]);
  });

  it("is bound anew when it was closed since another could not be opened", async () => {
    const scene = new Scene();
    scene.runtime.failures.push(undefined, { number: 22, text: "Invalid argument" });
    await assertRejects(
      () => scene.listenOn(...BOTH),
      StartError,
      "bind() to 127.0.0.1:144 failed (22: Invalid argument)",
    );
    assertEquals([scene.descriptors, scene.open], [[3, 4], 0]);
    await scene.listenOn(...BOTH);
    assertEquals([scene.descriptors, scene.open], [[3, 4, undefined, undefined], 2]);
  });

  it("is not tried a second time by its number", async () => {
    const scene = new Scene();
    scene.runtime.failures.push({ number: 98, text: "Address already in use" });
    await scene.listenOn(FIRST);
    assertEquals(scene.descriptors, [3, undefined]);
  });
});
