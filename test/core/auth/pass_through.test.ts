/** EXTERNAL without a source of logins: the server believes us, so that we look who it is. */

import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import type { Credentials, Verdict } from "../../../src/auth/mod.ts";
import { PassThrough } from "../../../src/auth/pass_through.ts";
import { Secret } from "../../../src/session/secret.ts";
import { TLS } from "../../support/transcript.ts";
import { credentials, ROUTE } from "./_support.ts";

describe("EXTERNAL without a source of logins", () => {
  it("is passed on for the name in a verified certificate", () => {
    for (const login of ["anna", ""]) {
      const { verdict, notes } = ask({ login, tls: tls("CN=anna,O=Example") });
      assertEquals(verdict.type === "accepted" && [verdict.login, verdict.isPassThrough], ["anna", true]);
      assertEquals(notes, []);
    }
  });

  it("is known to be hers before anybody is asked", () => {
    const who = (changes: Partial<Credentials>) => {
      return new PassThrough(() => ROUTE).identify(credentials({ login: "", method: "external", ...changes }));
    };
    assertEquals(who({ tls: tls("CN=anna,O=Example") }), "anna");
    const others = [{ tls: unverified("FAILED:certificate has expired") }, {
      method: "plain",
      tls: tls("CN=anna"),
    }] as const;
    assertEquals(others.map(who), [undefined, undefined]);
  });

  it("knows names with all that needs an escape", () => {
    for (
      const [subject, name] of [
        ["O=Example,CN=Berta\\, the first", "Berta, the first"],
        ["OU=staff+CN=\\C3\\A9lodie", "\xc3\xa9lodie"],
        ["emailAddress=c@example.test,CN=c\\+d\\\\e=f", "c+d\\e=f"],
      ] as const
    ) {
      const { verdict } = ask({ login: name, tls: tls(subject) });
      assertEquals([subject, verdict.type], [subject, "accepted"]);
    }
  });

  it("is refused for anybody else's name", () => {
    for (
      const subject of [
        "CN=carl",
        "CN=Anna",
        "CN=anna ",
        "CN=anna\\00",
        "O=anna",
        "O=x\\,CN=anna",
        "O=x\\+CN=anna,CN=carl",
        "CN=carl,CN=anna",
        "CN=anna+CN=carl",
        "CN=#0C04616E6E61",
        "CN=",
        "",
      ]
    ) {
      const { verdict, notes } = ask({ tls: tls(subject) });
      assertEquals([subject, verdict.type], [subject, "refused"]);
      assertEquals(notes, [`info: client certificate of "${subject}" is not for this login`]);
    }
  });

  it("is refused for nobody's name, and for one that cannot be a login", () => {
    for (const subject of ["O=Example", "CN=", "CN=a\\0D\\0Ab", "CN=a,CN=b"]) {
      assertEquals(ask({ login: "", tls: tls(subject) }).verdict.type, "refused");
    }
  });

  it("is refused without a certificate that was verified", () => {
    for (const given of [undefined, unverified("FAILED:certificate has expired"), unverified(undefined)]) {
      const { verdict, notes } = ask({ tls: given });
      assertEquals([verdict, notes], [{
        type: "refused",
        text: "Authentication failed",
        wait: 2000,
        smtpCode: "535 5.7.8",
        saslError: undefined,
      }, ["info: client showed no valid certificate for EXTERNAL"]]);
    }
  });

  it("leaves other mechanisms to the server", () => {
    for (const method of ["plain", "xoauth2", "cram-md5"] as const) {
      assertEquals(ask({ method }).verdict.type, "accepted");
    }
  });
});

/** What becomes of anna, who has no password to show. */
function ask(changes: Partial<Credentials>) {
  const notes: string[] = [];
  const verdicts: Verdict[] = [];
  const asked = credentials({ method: "external", secret: new Secret(""), ...changes });
  new PassThrough(() => ROUTE).authenticate(
    asked,
    (level, text) => notes.push(`${level}: ${text}`),
    (verdict) => verdicts.push(verdict),
  );
  const [verdict, ...others] = verdicts;
  assertEquals(others, []);
  if (verdict === undefined) throw new Error("no verdict");
  return { verdict, notes };
}

/** How a client came whose certificate is somebody's. */
function tls(subject: string) {
  const certificate = { subject, issuer: "CN=ca", serial: "01", fingerprint: "00", pem: "", verifyError: undefined };
  return { facts: { ...TLS, certificate }, verification: "SUCCESS" };
}

function unverified(verification: string | undefined): Credentials["tls"] {
  return { ...tls("CN=anna"), verification };
}
