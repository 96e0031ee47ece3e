import { assert, assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { runWorker } from "../../../src/process/worker_process.ts";
import { StartError } from "../../../src/proxy/mod.ts";
import { load } from "../../support/config.ts";
import { FakeRuntime } from "../../support/fake_runtime.ts";

const MAIL = "events {} mail { auth_http 127.0.0.1; server { listen 127.0.0.1:143; protocol imap; } }";

const USERS =
  "events {} mail { auth_users_file /users; server { listen 127.0.0.1:143; protocol imap; proxy_pass 192.0.2.3; } }";

const NAMED = `events {} mail {
  upstream mail { resolver 192.0.2.53 ipv6=off; server mail.test:143 resolve; }
  server { listen 127.0.0.1:143; protocol imap; proxy_pass mail; }
}`;

/** A worker, and the test in the main process's place. */
class Scene {
  readonly runtime = new FakeRuntime();
  readonly said: { readonly type: string }[] = [];
  readonly code: Promise<number>;
  #tell: (message: unknown) => void = () => {};

  constructor(text = MAIL) {
    this.code = runWorker({
      runtime: this.runtime,
      link: {
        send: (message) => this.said.push(message as { readonly type: string }) > 0,
        onMessage: (hear) => {
          this.#tell = hear;
          return () => {};
        },
        onGone: () => () => {},
      },
      readConfig: () => {
        return { config: load(text), errorLog: { target: { type: "stderr" }, level: "notice" } };
      },
      explain: (error) => ({ lines: error instanceof StartError ? error.lines : ["?"], hint: undefined }),
    });
  }

  async tell(message: unknown): Promise<void> {
    this.#tell(message);
    for (let i = 0; i < 50; i++) await Promise.resolve();
  }

  order(more: object = {}): Promise<void> {
    const account = { name: "nobody", uid: 65534, gid: 65534 };
    const order = { type: "work", number: 1, args: [], files: { texts: [], folders: [] }, inherited: [], account };
    return this.tell({ ...order, ticketKeys: ["k".repeat(48)], secretFiles: [], isDaemon: false, ...more });
  }

  get types(): string[] {
    return this.said.map(({ type }) => type);
  }

  get log(): string[] {
    return this.runtime.process.err.split("\n").slice(0, -1).map((line) => line.replace(/^.*#0: /, ""));
  }
}

describe("a worker", () => {
  it("says that it hears, takes on its account, then listens, and ends when it is told to", async () => {
    const scene = new Scene();
    await scene.tell("what a test runner says");
    assertEquals(scene.types, ["ready"]);
    await scene.order({ descriptors: 4096 });
    for (let i = 0; i < 20 && !scene.types.includes("listening"); i++) await scene.tell({ type: "open" });
    assertEquals(scene.types.at(-1), "listening");
    assertEquals(scene.runtime.workers.accounts.map(({ name }) => name), ["nobody"]);
    assertEquals(scene.runtime.workers.limits, [4096]);
    assertEquals(scene.runtime.listeners.length, 1);
    await scene.tell({ type: "stop", how: "graceful" });
    await scene.tell({ type: "stop", how: "graceful" });
    assertEquals([await scene.code, scene.types.at(-1)], [0, "closed"]);
    assertEquals(scene.log.slice(-3), ["gracefully shutting down", "exiting", "exit"]);
  });

  it("does what a signal to it alone asks for, and ignores what is the main process's", async () => {
    const scene = new Scene();
    await scene.order();
    for (let i = 0; i < 20 && !scene.types.includes("listening"); i++) await scene.tell({ type: "open" });
    for (const name of ["SIGHUP", "SIGUSR2", "SIGUSR1", "SIGQUIT"] as const) scene.runtime.process.receive(name);
    assertEquals(await scene.code, 0);
    assertEquals(scene.log, [
      "signal 1 (SIGHUP) received, ignoring",
      "signal 12 (SIGUSR2) received, ignoring",
      "signal 10 (SIGUSR1) received, reopening logs",
      "reopening logs",
      "signal 3 (SIGQUIT) received, shutting down",
      "gracefully shutting down",
      "exiting",
      "exit",
    ]);
  });

  it("knows the users that the main process says there are, whatever it can read itself", async () => {
    const scene = new Scene(USERS);
    await scene.order({ secretFiles: [["/users", "anna:{PLAIN}one:\n"]] });
    for (let i = 0; i < 20 && !scene.types.includes("listening"); i++) await scene.tell({ type: "open" });
    const { runtime } = scene;
    const login = (user: string) => {
      runtime.listeners[0]?.client().says(`a LOGIN ${user} one\r\n`);
      return runtime.connects.length;
    };
    assertEquals([login("anna"), login("berta")], [1, 1]);
    await scene.tell({ type: "secretFiles", texts: [["/users", "berta:{PLAIN}one:\n"]] });
    assertEquals([login("anna"), login("berta")], [1, 2]);
    // It is the main process that tells of the file.
    assertEquals(scene.log.filter((line) => line.includes("users file")), []);
  });

  it("hears what others have found while it begins, and waits for no name server then", async () => {
    const scene = new Scene(NAMED);
    await scene.order();
    const question = scene.said.find((message) => "topic" in message && message.topic === "names");
    assert(question !== undefined && "value" in question);
    const { wanted } = question.value as { readonly wanted: string };
    assertEquals(scene.types.includes("opening"), false);
    const servers = [["192.0.2.3", 143, "mail.test", null, false]];
    await scene.tell({ type: "news", topic: "names", value: { key: wanted, servers }, from: 2, isEarlier: true });
    for (let i = 0; i < 20 && !scene.types.includes("listening"); i++) await scene.tell({ type: "open" });
    assertEquals(scene.types.at(-1), "listening");
    const { listeners, connects } = scene.runtime;
    listeners[0]?.client().says("a LOGIN anna one\r\n");
    assertEquals(connects.map(({ target }) => target), [{ host: "192.0.2.3", port: 143 }]);
  });

  it("is prepared for hashed passwords if it is to give up rights, and has a users file", async () => {
    const preparations = async (text: string, more = {}) => {
      const scene = new Scene(text);
      await scene.order({ secretFiles: [["/users", "anna:{PLAIN}one:\n"]], ...more });
      for (let i = 0; i < 20 && !scene.types.includes("listening"); i++) await scene.tell({ type: "open" });
      return scene.runtime.hashing.preparations;
    };
    const counts = [
      await preparations(USERS),
      await preparations(USERS, { account: undefined }),
      await preparations(MAIL),
    ];
    assertEquals(counts, [1, 0, 0]);
  });

  it("says why it cannot begin", async () => {
    const scene = new Scene(MAIL.replace("127.0.0.1:143", "nowhere.example:143"));
    await scene.order();
    assertEquals(await scene.code, 2);
    assertEquals(scene.said.at(-1), {
      type: "failed",
      lines: ['host not found in "nowhere.example:143" of the "listen" directive in f:1'],
      hint: undefined,
    } as { readonly type: string });
  });
});
