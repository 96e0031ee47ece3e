import type { Octets } from "../../runtime.ts";
import { fromBase64, toBase64 } from "../../session/base64.ts";
import { Secret } from "../../session/secret.ts";
import { failed } from "./failure.ts";
import type { SaslExchange, SaslStep } from "./mod.ts";

/** CRAM-MD5 (RFC 2195): the client answers a salt with its name and a digest. The auth server checks the digest. */
export class CramMd5Exchange implements SaslExchange {
  readonly firstChallenge: Octets;
  readonly takesInitialResponse = false;
  readonly errorAnswer = undefined;
  readonly #salt: Octets;

  constructor(salt: Octets) {
    this.#salt = salt;
    this.firstChallenge = toBase64(salt);
  }

  respond(response: Octets): SaslStep {
    const answer = fromBase64(response);
    if (answer === undefined) return failed("base64 encoding", "CRAM-MD5");
    // The name may have blanks in it; the digest has none.
    const blank = answer.length - DIGEST_LENGTH - 1;
    if (blank < 0 || answer[blank] !== " ") return failed("CRAM-MD5 hash", "CRAM-MD5");
    const secret = new Secret(answer.slice(blank + 1));
    const login = answer.slice(0, blank);
    return { type: "done", proof: { method: "cram-md5", login, secret, salt: this.#salt } };
  }
}

/** Hexadecimal digits of an MD5 digest. */
const DIGEST_LENGTH = 32;
