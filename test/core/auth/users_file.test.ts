/** Users files: what a line may not have, and EXTERNAL. */

import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import type { Credentials, Verdict } from "../../../src/auth/mod.ts";
import { parseUsers } from "../../../src/auth/_users_table.ts";
import { ConfigError } from "../../../src/config/mod.ts";
import { UsersFileAuthenticator } from "../../../src/auth/users_file.ts";
import { Secret } from "../../../src/session/secret.ts";
import { FakeHashing } from "../../support/fake_hashing.ts";
import { TLS } from "../../support/transcript.ts";
import { credentials, ROUTE } from "./_support.ts";

const UNKNOWN_SCHEME =
  "unknown password scheme in /users:1\nthe schemes are ARGON2I, ARGON2ID, BLF-CRYPT, SHA256-CRYPT, SHA512-CRYPT, CRYPT, PBKDF2, PLAIN";

const ANNA = "a1".repeat(20);
const SHARED = "b2".repeat(20);

const USERS = [
  `anna:{PLAIN}one::pass=inner`,
  `anna:{PLAIN}two::cert=${ANNA} pass=inner`,
  `anna:{PLAIN}three::cert=${ANNA} pass=inner`,
  `berta:{PLAIN}one::cert=${SHARED} pass=inner`,
  `carl:{PLAIN}one::cert=${SHARED} pass=inner`,
  `dora:{PLAIN}one::cert=${SHARED} pass=inner`,
].join("\n");

describe("EXTERNAL with a users file", () => {
  it("is the only user's with the certificate where the client says no name", () => {
    assertEquals(ask({ login: "", tls: tls(ANNA) }), ["anna", []]);
    assertEquals(ask({ login: "anna", tls: tls(ANNA) }), ["anna", []]);
  });

  it("is nobody's by a certificate of several users, of none, or one that was not verified", () => {
    const note = `info: one user of the client's certificate was not found in "/users"`;
    const failed = { ...tls(ANNA), verification: "FAILED:certificate has expired" };
    for (
      const shown of [tls(SHARED), tls("c3".repeat(20)), failed, { ...tls(ANNA), verification: undefined }, undefined]
    ) {
      assertEquals(ask({ login: "", tls: shown }), [undefined, [note]]);
    }
    assertEquals(ask({ login: "carl", tls: tls(SHARED) }), ["carl", []]);
    assertEquals(ask({ login: "carl", tls: tls(ANNA) }), [undefined, ['info: user "carl": certificate mismatch']]);
  });

  it("alone may leave the name to the certificate", () => {
    assertEquals(ask({ method: "plain", login: "", secret: new Secret("two"), tls: tls(ANNA) }), [undefined, [
      'info: user "" was not found in "/users"',
    ]]);
  });
});

describe("a password in a users file", () => {
  const rows: readonly (readonly [password: string, problem: string])[] = [
    ["$2b$12$tooshort", "invalid password hash in /users:1"],
    ["{BLF-CRYPT}$2b$12$tooshort", "invalid BLF-CRYPT hash in /users:1"],
    // These are good hashes, of schemes that crypt(3) and Apache have.
    ["$y$j9T$abcdefghijklmnop$1UdvS7DTX26fxRSI0zpW7Y.FzFZi3PUSW9SghS0vCv1", UNKNOWN_SCHEME],
    ["$apr1$rLnABEeh$C69hCEFIiKdE0RDGmNrU61", UNKNOWN_SCHEME],
    ["$2", UNKNOWN_SCHEME],
    ["{SSHA512}LWmedQNNWA0wsVfFu08V8vMZ", UNKNOWN_SCHEME],
  ];
  for (const [password, expected] of rows) {
    it(`${password}: ${expected.split("\n", 1)[0]}`, () => assertEquals(problem(`anna:${password}`), expected));
  }
});

/** What is wrong with a users file, or "ok". */
function problem(text: string): string {
  try {
    parseUsers(text, { name: "/users", upstreamProblem: () => undefined });
    return "ok";
  } catch (error) {
    if (error instanceof ConfigError) {
      return [error.message, ...error.hint === undefined ? [] : [error.hint]].join("\n");
    }
    throw error;
  }
}

/** Who the client becomes, and what the log hears. */
function ask(changes: Partial<Credentials>): readonly [login: string | undefined, notes: readonly string[]] {
  const users = parseUsers(USERS, { name: "/users", upstreamProblem: () => undefined });
  const authenticator = new UsersFileAuthenticator({
    users: () => users,
    routeFor: () => ROUTE,
    runtime: { hashing: new FakeHashing(), now: () => 0 },
  });
  const notes: string[] = [];
  const verdicts: Verdict[] = [];
  const said = credentials({ method: "external", secret: new Secret(""), ...changes });
  const login = said.login || authenticator.identify(said) || "";
  authenticator.authenticate(
    { ...said, login },
    (level, text) => notes.push(`${level}: ${text}`),
    (verdict) => verdicts.push(verdict),
  );
  const [verdict] = verdicts;
  assertEquals(verdicts.length, 1);
  return [verdict?.type === "accepted" ? verdict.login : undefined, notes];
}

/** How a client came with a certificate that was verified. */
function tls(fingerprint: string) {
  const certificate = { subject: "CN=x", issuer: "CN=ca", serial: "01", fingerprint, pem: "", verifyError: undefined };
  return { facts: { ...TLS, certificate }, verification: "SUCCESS" };
}
