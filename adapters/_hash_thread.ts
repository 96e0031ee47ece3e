/**
 * What a hashing thread runs: one derivation after the other, each answered with a message. This is the only file that
 * loads the hashing package, so nothing is loaded where no password is hashed.
 */

import { Buffer } from "node:buffer";
import { pbkdf2Sync } from "node:crypto";
import { parentPort } from "node:worker_threads";
import { argon2i, argon2id, bcrypt } from "hash-wasm";
import type { KeyDerivation, Octets } from "../src/runtime.ts";
import { errorText } from "./_library_text.ts";
import { shaCrypt } from "./_sha_crypt.ts";

/** What a thread is given to do. */
export interface HashTask {
  readonly password: Octets;
  readonly derivation: KeyDerivation;
}

/** What it answers. */
export type HashAnswer = { readonly digest: Octets } | { readonly failure: string };

/** All that it says: first that it is there, with all that it will ever load. */
export type HashMessage = "started" | HashAnswer;

/** A thread of the web's kind has no port: its global object hears and answers. */
const WEB = globalThis as unknown as {
  onmessage: (event: { readonly data: HashTask }) => void;
  postMessage(message: HashMessage): void;
};

if (parentPort === null) WEB.onmessage = ({ data }) => work(data);
else parentPort.on("message", work);
say("started");

function work(task: HashTask): void {
  // The errors of the algorithms speak of parameters, never of the password.
  derive(task).then(
    (digest) => say({ digest }),
    (error: unknown) => say({ failure: errorText(error) }),
  );
}

function say(message: HashMessage): void {
  (parentPort ?? WEB).postMessage(message);
}

async function derive({ password: octets, derivation }: HashTask): Promise<Octets> {
  const password = Buffer.from(octets, "latin1");
  const salt = Buffer.from(derivation.salt, "latin1");
  switch (derivation.scheme) {
    case "bcrypt": {
      const counted = password.subarray(0, BCRYPT_COUNTS);
      const hash = await bcrypt({ password: counted, salt, costFactor: derivation.cost, outputType: "encoded" });
      return hash.slice(-BCRYPT_DIGEST);
    }
    case "argon2i":
    case "argon2id": {
      const argon2 = derivation.scheme === "argon2i" ? argon2i : argon2id;
      const { passes: iterations, lanes: parallelism, memory: memorySize, length: hashLength } = derivation;
      const cost = { iterations, parallelism, memorySize, hashLength };
      return fromBytes(await argon2({ password, salt, ...cost, outputType: "binary" }));
    }
    case "sha256-crypt":
    case "sha512-crypt":
      return shaCrypt(password, { ...derivation, salt });
    case "pbkdf2":
      return fromBytes(pbkdf2Sync(password, salt, derivation.iterations, derivation.length, derivation.hash));
  }
}

function fromBytes(bytes: Uint8Array): Octets {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

/** Octets: what follows them never had a part in the digest. */
const BCRYPT_COUNTS = 72;

/** Letters of the digest at the end of `$2a$…`. */
const BCRYPT_DIGEST = 31;
