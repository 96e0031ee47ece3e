/**
 * The client's half of SASL (RFC 4422): how a login that came to us is said again to a mail server, by a mechanism that
 * this server has.
 *
 * @module
 */

import type { Octets } from "../../runtime.ts";
import { toBase64 } from "../../session/base64.ts";
import type { Proof } from "./mod.ts";

/** One exchange with a server. Everything is in base64. */
export interface SaslClient {
  readonly mechanism: Octets;
  /** What can go along with the command; `undefined` when the server has to speak first. */
  readonly initialResponse: Octets | undefined;
  /** Takes a challenge. */
  answer(challenge: Octets): SaslAnswer;
}

export type SaslAnswer =
  | { readonly type: "respond"; readonly text: Octets }
  /** The client has to answer that, for nobody else can. */
  | { readonly type: "relay" }
  /** An error told as a challenge (RFC 7628, 3.2.2): `text` is what it is to be answered with. */
  | { readonly type: "error"; readonly text: Octets }
  /** The mechanism knows of no such challenge. */
  | { readonly type: "unexpected" };

/**
 * Chooses a mechanism for what a client has shown, among those that a server has, in capital letters. What a client
 * proved without showing its secret can only be told by the mechanism that it chose. `undefined` when none will do.
 */
export function chooseSaslClient(proof: Proof, has: (mechanism: Octets) => boolean): SaslClient | undefined {
  switch (proof.method) {
    case "plain":
      if (has("PLAIN")) return new OneResponse("PLAIN", toBase64(proof.message?.reveal() ?? plain(proof)), undefined);
      return has("LOGIN") ? new LoginClient(proof) : undefined;
    case "external":
      return has("EXTERNAL") ? new OneResponse("EXTERNAL", toBase64(proof.login), undefined) : undefined;
    case "xoauth2":
    case "oauthbearer":
      return chooseForToken(proof, has);
    case "cram-md5":
    case "scram-sha-1":
    case "scram-sha-256": {
      const mechanism = proof.method.toUpperCase();
      return has(mechanism)
        ? new RelayedClient(mechanism, proof.message && toBase64(proof.message.reveal()))
        : undefined;
    }
    default:
      return undefined;
  }
}

function chooseForToken(proof: Proof, has: (mechanism: Octets) => boolean): SaslClient | undefined {
  const own = proof.method.toUpperCase();
  const message = proof.message?.reveal();
  if (has(own) && message !== undefined) return new OneResponse(own, toBase64(message), ERROR_ANSWERS[own]);
  if (has("OAUTHBEARER")) {
    return new OneResponse("OAUTHBEARER", toBase64(oauthBearer(proof)), ERROR_ANSWERS["OAUTHBEARER"]);
  }
  if (has("XOAUTH2")) return new OneResponse("XOAUTH2", toBase64(xoauth2(proof)), ERROR_ANSWERS["XOAUTH2"]);
  return undefined;
}

/** What an error is answered with: an empty line, or a single ^A (RFC 7628, 3.2.3). */
const ERROR_ANSWERS: Readonly<Record<string, Octets>> = { XOAUTH2: "", OAUTHBEARER: "AQ==" };

function plain({ login, secret }: Proof): Octets {
  return `\0${login}\0${secret.reveal()}`;
}

function xoauth2({ login, secret }: Proof): Octets {
  return `user=${login}\x01auth=Bearer ${secret.reveal()}\x01\x01`;
}

function oauthBearer({ login, secret }: Proof): Octets {
  const name = login.replaceAll("=", "=3D").replaceAll(",", "=2C");
  return `n,a=${name},\x01auth=Bearer ${secret.reveal()}\x01\x01`;
}

/** All is said in one response. */
class OneResponse implements SaslClient {
  readonly mechanism: Octets;
  readonly initialResponse: Octets;
  readonly #errorAnswer: Octets | undefined;
  #isSaid = false;

  constructor(mechanism: Octets, response: Octets, errorAnswer: Octets | undefined) {
    this.mechanism = mechanism;
    this.initialResponse = response;
    this.#errorAnswer = errorAnswer;
  }

  /** The empty challenge asks for the response, unless that went with the command and this is the error. */
  answer(challenge: Octets): SaslAnswer {
    if (challenge === "" && !this.#isSaid) {
      this.#isSaid = true;
      return { type: "respond", text: this.initialResponse };
    }
    return this.#errorAnswer === undefined ? { type: "unexpected" } : { type: "error", text: this.#errorAnswer };
  }
}

/** LOGIN: the server asks for the name, and then for the password, whatever it calls them. */
class LoginClient implements SaslClient {
  readonly mechanism = "LOGIN";
  readonly initialResponse = undefined;
  readonly #answers: Octets[];

  constructor({ login, secret }: Proof) {
    this.#answers = [toBase64(login), toBase64(secret.reveal())];
  }

  answer(): SaslAnswer {
    const text = this.#answers.shift();
    return text === undefined ? { type: "unexpected" } : { type: "respond", text };
  }
}

/** A mechanism whose responses nobody but the client can make. */
class RelayedClient implements SaslClient {
  readonly mechanism: Octets;
  readonly initialResponse: Octets | undefined;
  #isSaid: boolean;
  #rounds = 0;

  constructor(mechanism: Octets, initialResponse: Octets | undefined) {
    this.mechanism = mechanism;
    this.initialResponse = initialResponse;
    this.#isSaid = initialResponse === undefined;
  }

  answer(challenge: Octets): SaslAnswer {
    if (!this.#isSaid && challenge === "") {
      this.#isSaid = true;
      return { type: "respond", text: this.initialResponse ?? "" };
    }
    return ++this.#rounds > MOST_ROUNDS ? { type: "unexpected" } : { type: "relay" };
  }
}

/** SCRAM (RFC 5802) needs two challenges, or three with its empty first one. */
const MOST_ROUNDS = 4;
