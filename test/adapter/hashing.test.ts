import { before, describe, it } from "node:test";
import { spawnSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { assert, assertEquals, assertGreater } from "@std/assert";
import { HashPool } from "../../adapters/_hash_pool.ts";
import { type HashWorker, type HashWorkerHandler, startNodeWorker } from "../../adapters/_hash_worker.ts";
import { loadRuntime } from "../../adapters/detect.ts";
import type { Hashing, KeyDerivation, Octets } from "../../src/runtime.ts";
import { needs } from "../support/clients.ts";
import { ARGON2ID, VECTORS } from "./_hash_vectors.ts";

const LIMIT = { timeout: 60_000 };

describe("hashing", () => {
  let hashing: Hashing;
  before(async () => {
    hashing = (await loadRuntime()).hashing;
  });

  /** The digest, or why there is none. */
  function derive(
    password: Octets,
    derivation: KeyDerivation,
    by: Pick<Hashing, "derive"> = hashing,
  ): Promise<Octets> {
    return new Promise((resolve) => {
      by.derive(password, derivation, {
        derived: resolve,
        failed: (reason) => resolve(`failed: ${reason}`),
      });
    });
  }

  describe("of passwords", () => {
    for (const [name, password, derivation, digest] of VECTORS) {
      it(`computes ${derivation.scheme} of ${name}`, LIMIT, async () => {
        assertEquals(shown(await derive(password, derivation), derivation), digest);
      });
    }

    it(
      "computes SHA-crypt as OpenSSL does, for passwords of every length",
      { ...LIMIT, ...needs("openssl") },
      async () => {
        const lengths = [1, 2, 15, 31, 32, 33, 63, 64, 65, 95, 96, 127, 128, 129, 200];
        const passwords = lengths.map((length) => "Pass\xe9 word".repeat(length).slice(0, length));
        for (const [flag, scheme] of [["-5", "sha256-crypt"], ["-6", "sha512-crypt"]] as const) {
          const args = ["passwd", flag, "-salt", "rounds=1000$saltsalt", "-stdin"];
          const input = Buffer.from(passwords.join("\n"), "latin1");
          const wanted = spawnSync("openssl", args, { input }).stdout.toString().trim().split("\n");
          for (const [i, password] of passwords.entries()) {
            const digest = await derive(password, { scheme, rounds: 1000, salt: "saltsalt" });
            assertEquals(
              `${lengths[i]}: $${flag.slice(1)}$rounds=1000$saltsalt$${digest}`,
              `${lengths[i]}: ${wanted[i]}`,
            );
          }
        }
      },
    );

    it("leaves the sessions their time", LIMIT, async () => {
      await derive("warm up", cheap("1"));
      let turns = 0;
      let isOver = false;
      const derived = derive("x", { ...ARGON2ID, memory: 65536, passes: 3 }).finally(() => isOver = true);
      while (!isOver) {
        await new Promise(setImmediate);
        turns++;
      }
      assertEquals((await derived).length, 32);
      assertGreater(turns, 100);
    });

    it("goes on when parameters make no sense", LIMIT, async () => {
      assertEquals(
        await derive("x", { scheme: "bcrypt", cost: 4, salt: "short" }),
        "failed: Salt should be 16 bytes long",
      );
      assertEquals((await derive("x", cheap("2"))).length, 31);
    });

    it("forgets what is cancelled, waiting or under way", LIMIT, async () => {
      const told: string[] = [];
      const handler = (name: string) => {
        return { derived: () => void told.push(name), failed: (reason: Octets) => void told.push(reason) };
      };
      const cancels = ["running", "running too", "waiting"].map((name) =>
        hashing.derive("x", cheap("3"), handler(name))
      );
      for (const cancel of cancels) cancel();
      await derive("y", cheap("4"));
      await derive("z", cheap("5"));
      assertEquals(told, []);
    });

    it("lets so many wait and no more", LIMIT, async () => {
      // Of its own, so that no thread still has work of another test.
      hashing = (await loadRuntime()).hashing;
      const derivations = Array.from({ length: RUNNING + WAITING + 1 }, (_, i) => derive("x", cheap(`${i}`)));
      const digests = await Promise.all(derivations);
      assertEquals(digests.pop(), `failed: ${WAITING} passwords are waiting to be hashed already`);
      assert(digests.every((digest) => digest.length === 31), digests.find((digest) => digest.length !== 31));
      assertEquals(new Set(digests).size, RUNNING + WAITING);
    });
  });

  describe("that was prepared", () => {
    it("has others take the place of threads that have worked", LIMIT, async () => {
      const threads = new Threads();
      const pool = new HashPool(threads.start, { longestRest: 1 });
      await pool.prepare();
      const replaced = threads.untilEnded();
      assertEquals((await derive("x", cheap("1"), pool)).length, 31);
      await replaced;
      assertEquals([threads.started, threads.alive], [2, 1]);
      assertEquals((await derive("x", cheap("2"), pool)).length, 31);
    });

    for (const failure of ["breaks", "throws"] as const) {
      it(`does with the thread that it has when another one ${failure}`, LIMIT, async () => {
        const threads = new Threads();
        const pool = new HashPool(threads.start, { longestRest: 1 });
        await pool.prepare();
        threads.failure = failure;
        for (let round = 0; round < 3; round++) {
          const digests = await Promise.all(["1", "2", "3", "4"].map((salt) => derive("x", cheap(salt), pool)));
          assertEquals(digests.map(({ length }) => length), [31, 31, 31, 31]);
        }
        assertEquals([threads.started, threads.alive], [2, 1]);
      });

      it(`says what is wrong when there is none, since it ${failure}`, LIMIT, async () => {
        const threads = new Threads();
        const pool = new HashPool(threads.start, { longestRest: 1 });
        threads.failure = failure;
        await pool.prepare();
        assertEquals(await derive("x", cheap("1"), pool), "failed: the hashing thread broke: may not be started");
        threads.failure = undefined;
        assertEquals((await derive("x", cheap("1"), pool)).length, 31);
      });
    }

    it("tries again after a while whether another one can be started", LIMIT, async () => {
      const threads = new Threads();
      const pool = new HashPool(threads.start, { forbearance: 1 });
      await pool.prepare();
      threads.failure = "breaks";
      const two = () => Promise.all(["1", "2"].map((salt) => derive("x", cheap(salt), pool)));
      await two();
      assertEquals(threads.alive, 1);
      threads.failure = undefined;
      while (threads.alive === 1) await two();
      assertEquals(threads.alive, 2);
    });
  });

  it("knows MD5 and HMAC-MD5", () => {
    // RFC 1321, A.5; the examples of RFC 1939, 7 and RFC 2195, 2.
    assertEquals(hex(hashing.md5("")), "d41d8cd98f00b204e9800998ecf8427e");
    assertEquals(hex(hashing.md5("<1896.697170952@dbc.mtview.ca.us>tanstaaf")), "c4c9334bac560ecc979e58001b3e22fb");
    const challenge = "<1896.697170952@postoffice.reston.mci.net>";
    assertEquals(hex(hashing.hmacMd5("tanstaaftanstaaf", challenge)), "b913a602c7eda7a495b4e6e7334d3890");
    // RFC 2202, 2: a key with eight bits, and one that is longer than a block.
    assertEquals(hex(hashing.hmacMd5("\xaa".repeat(16), "\xdd".repeat(50))), "56be34521d144c88dbb8c733f0e8b3f6");
    const text = "Test Using Larger Than Block-Size Key - Hash Key First";
    assertEquals(hex(hashing.hmacMd5("\xaa".repeat(80), text)), "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd");
  });

  it("loads its package in the thread alone", () => {
    const root = join(import.meta.dirname, "..", "..");
    const files = globSync("{src,adapters}/**/*.ts", { cwd: root });
    const loading = files.filter((file) => readFileSync(join(root, file), "utf8").includes('"hash-wasm"'));
    assertEquals(loading, [join("adapters", "_hash_thread.ts")]);
  });
});

/** Starts threads as long as it can. */
class Threads {
  /** What happens at a start. */
  failure: "breaks" | "throws" | undefined;
  started = 0;
  alive = 0;
  #ended: () => void = () => {};

  untilEnded(): Promise<void> {
    return new Promise((resolve) => this.#ended = resolve);
  }

  readonly start = (handler: HashWorkerHandler): HashWorker => {
    this.started++;
    if (this.failure === "throws") throw new Error(STILLBORN);
    this.alive++;
    const worker = this.failure === undefined ? startNodeWorker(handler) : stillborn(handler);
    const terminate = () => {
      this.alive--;
      worker.terminate();
      this.#ended();
    };
    return { ...worker, terminate };
  };
}

/** A thread that breaks at its start. */
function stillborn(handler: HashWorkerHandler): HashWorker {
  setImmediate(() => handler.broke(STILLBORN));
  return { post() {}, ref() {}, unref() {}, terminate() {} };
}

const STILLBORN = "may not be started";

/** As many as there are threads, and as many as may wait for them. */
const RUNNING = 2;
const WAITING = 256;

/** A derivation that takes no time to speak of. */
function cheap(salt: string): KeyDerivation {
  return { scheme: "bcrypt", cost: 4, salt: salt.padStart(16, "s") };
}

function hex(octets: Octets): string {
  return Buffer.from(octets, "latin1").toString("hex");
}

function shown(digest: Octets, { scheme }: KeyDerivation): string {
  return scheme.startsWith("argon2") || scheme === "pbkdf2" ? hex(digest) : digest;
}
