import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { CipherChoice, leftOut, securityLevel, withoutSecurityLevel } from "../../adapters/_tls_ciphers.ts";
import { RUSTLS } from "../../adapters/_tls_traits.ts";

const SUITES = RUSTLS.fixedCiphers ?? new Map<string, number>();
const NAMES = [...SUITES.keys()];
const CHACHA = ["ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305"];
const AES128 = ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"];
const ECDSA = NAMES.filter((name) => name.includes("ECDSA"));

/** What operators write: nginx's default, Mozilla's generator, cipherli.st, and what else guides of the years have. */
const LISTS: readonly [string, readonly string[]][] = [
  ["HIGH:!aNULL:!MD5", []],
  ["HIGH:!aNULL:!MD5:!RC4:!3DES:!SEED:!IDEA:!CAMELLIA", []],
  ["HIGH !aNULL !MD5", []],
  ["DEFAULT", []],
  ["DEFAULT@SECLEVEL=1", []],
  ["HIGH:!aNULL:@STRENGTH", []],
  ["ALL:!aNULL:!ADH:!eNULL:!LOW:!EXP:RC4+RSA:+HIGH:+MEDIUM", []],
  ["ALL:!aNULL:!EXPORT56:RC4+RSA:+HIGH:+MEDIUM:+LOW:+SSLv2:+EXP", []],
  ["ALL:!kRSA:!SRP:!kDHd:!DSS:!aNULL:!eNULL:!EXPORT:!DES:!3DES:!MD5:!PSK:!RC4:!ADH:!LOW@STRENGTH", []],
  [
    "kEECDH+ECDSA:kEECDH:kEDH:HIGH:+3DES:!aNULL:!eNULL:!LOW:!MD5:!EXP:!DSS:!PSK:!SRP:!kECDH:!RC4",
    [],
  ],
  [
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:" +
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:" +
    "DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:DHE-RSA-CHACHA20-POLY1305",
    [],
  ],
  ["EECDH+AESGCM:EECDH+CHACHA20", []],
  ["ECDHE:!kRSA", []],
  [NAMES.join(":"), []],
  ["EECDH+AESGCM:EDH+AESGCM", CHACHA],
  ["EECDH+AESGCM:EDH+AESGCM:AES256+EECDH:AES256+EDH", CHACHA],
  ["AES256+EECDH:AES256+EDH:!aNULL", [...AES128, ...CHACHA]],
  ["HIGH:!AES128", AES128],
  ["HIGH:!ECDSA", ECDSA],
  ["HIGH:-CHACHA20", CHACHA],
  ["HIGH:-CHACHA20:CHACHA20", []],
  ["!CHACHA20:HIGH:CHACHA20", CHACHA],
  ["AES128-SHA", NAMES],
  ["DHE-RSA-AES256-GCM-SHA384", NAMES],
  ["MD5", NAMES],
  ["", NAMES],
];

describe("a cipher list for a library that always has the same suites", () => {
  for (const [list, missing] of LISTS) {
    it(`leaves ${missing.length} out of them: ${list}`, () => {
      assertEquals([...leftOut(list, NAMES)].sort(), [...missing].sort());
      assertEquals(new CipherChoice(list, SUITES).isEmpty, missing.length === NAMES.length);
    });
  }

  it("admits clients by what they like best of what the library has", () => {
    const choice = new CipherChoice("EECDH+AESGCM", SUITES);
    const [chacha, aes128, aes256, cbc] = [0xcca8, 0xc02f, 0xc030, 0xc013];
    for (
      const [offered, isAdmitted] of [
        [[aes128, chacha], true],
        [[chacha, aes128], false],
        [[cbc, aes256, chacha], true],
        [[cbc, chacha, aes256], false],
        [[cbc], true],
        [[], true],
      ] as const
    ) assertEquals([offered, choice.admits(offered)], [offered, isAdmitted]);
  });

  it("may have a security level", () => {
    for (
      const [list, level, rest] of [
        ["HIGH:!aNULL", undefined, "HIGH:!aNULL"],
        ["DEFAULT@SECLEVEL=1", 1, "DEFAULT"],
        ["DEFAULT:@SECLEVEL=0:!MD5", 0, "DEFAULT:!MD5"],
        ["@SECLEVEL=2:HIGH", 2, "HIGH"],
      ] as const
    ) assertEquals([securityLevel(list), withoutSecurityLevel(list)], [level, rest]);
  });
});
