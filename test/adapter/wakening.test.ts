import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { reopenUnixSockets } from "../../adapters/_wakening.ts";
import type { Listener, ListenOptions, SystemFailure } from "../../src/runtime.ts";

const TOO_MANY: SystemFailure = { number: 24, text: "Too many open files" };
const ADDRESS = { family: "unix", path: "/run/mail" } as const;
const OPTIONS: ListenOptions = {
  address: { path: ADDRESS.path },
  ipv6Only: false,
  backlog: undefined,
  keepAlive: undefined,
};

/** A `listen` that answers in this way each time, and a shortage of descriptors that comes and goes. */
class Scene {
  opened = 0;
  closed = 0;
  readonly #answers: boolean[];
  #hear: (failure: SystemFailure | undefined) => void = () => {};
  #waiting: { readonly count: number; readonly resolve: () => void } | undefined;

  constructor(...answers: readonly boolean[]) {
    this.#answers = [...answers];
  }

  async listen(): Promise<Listener> {
    const onShortage = (hear: (failure: SystemFailure | undefined) => void) => {
      this.#hear = hear;
      return () => void (this.#hear = () => {});
    };
    const listener = await reopenUnixSockets(() => Promise.resolve(this.#answer()), { onShortage })(OPTIONS, () => {});
    if ("number" in listener) throw new Error(listener.text);
    return listener;
  }

  comesAndGoes(): void {
    this.#hear(TOO_MANY);
    this.#hear(undefined);
  }

  untilOpened(count: number): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting = { count, resolve };
      this.#tell();
    });
  }

  #answer(): Listener | SystemFailure {
    const isThere = this.#answers.shift() ?? true;
    this.opened++;
    queueMicrotask(() => this.#tell());
    if (!isThere) return TOO_MANY;
    const close = () => Promise.resolve(void this.closed++);
    return { address: ADDRESS, close };
  }

  #tell(): void {
    if (this.#waiting !== undefined && this.opened >= this.#waiting.count) this.#waiting.resolve();
  }
}

describe("a unix socket that may have gone deaf", () => {
  it("is opened anew, again and again until there is a descriptor for it", async () => {
    const scene = new Scene(true, false, true);
    const listener = await scene.listen();
    // Timers of the adapters keep nobody alive.
    const alive = setInterval(() => {}, 1_000);
    scene.comesAndGoes();
    scene.comesAndGoes();
    await scene.untilOpened(3);
    clearInterval(alive);
    assertEquals([scene.opened, scene.closed], [3, 1]);
    await listener.close();
    assertEquals([scene.opened, scene.closed], [3, 2]);
  });

  it("is opened anew at each shortage", async () => {
    const scene = new Scene();
    const listener = await scene.listen();
    for (const count of [2, 3]) {
      scene.comesAndGoes();
      await scene.untilOpened(count);
      await Promise.resolve();
    }
    await listener.close();
    assertEquals([scene.opened, scene.closed], [3, 3]);
  });

  it("is not opened any more once it is closed", async () => {
    const scene = new Scene();
    const listener = await scene.listen();
    const closed = listener.close();
    scene.comesAndGoes();
    await closed;
    assertEquals([scene.opened, scene.closed], [1, 1]);
  });
});
