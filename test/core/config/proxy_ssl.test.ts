/** TLS with servers that we connect to: back ends and auth servers. */

import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import type { ClientTlsConfig } from "../../../src/config/mod.ts";
import { inServer, load, memoryFiles, named, problem, serverWith } from "../../support/config.ts";

const HEX = "0123456789abcdef".repeat(4);
const COLONS = HEX.toUpperCase().replace(/..(?=.)/g, "$&:");

const DEFAULTS: ClientTlsConfig = {
  verify: true,
  verifyDepth: 1,
  trustedCertificate: undefined,
  crl: undefined,
  fingerprint: undefined,
  name: undefined,
  nameFor: undefined,
  sendsName: false,
  versions: ["TLSv1.2", "TLSv1.3"],
  ciphers: "DEFAULT",
  ciphersuites: undefined,
  tuning: [],
  commands: [],
  certificate: undefined,
  passphrases: [],
  reusesSessions: true,
  places: {},
};

const ROWS: readonly [ending: string, settings: Partial<ClientTlsConfig>][] = [
  ["verify off", { verify: false }],
  ["verify_depth 2", { verifyDepth: 2 }],
  ["trusted_certificate ca.pem", { trustedCertificate: named("ca.pem", 4) }],
  ["crl /crl.pem", { crl: named("/crl.pem", 4) }],
  ["name mail.example.com", { name: "mail.example.com" }],
  ["server_name on", { sendsName: true }],
  ["server_name off", { sendsName: false }],
  ["protocols TLSv1.2", { versions: ["TLSv1.2"] }],
  ["protocols SSLv3 TLSv1.1 TLSv1.3", { versions: ["TLSv1.1", "TLSv1.3"] }],
  ["ciphers HIGH", { ciphers: "HIGH" }],
  ["session_reuse off", { reusesSessions: false }],
  ["conf_command MinProtocol TLSv1.3", { versions: ["TLSv1.3"] }],
  ["conf_command CipherString HIGH", { ciphers: "HIGH" }],
  [
    "conf_command Ciphersuites TLS_AES_128_GCM_SHA256",
    { ciphers: "TLS_AES_128_GCM_SHA256:DEFAULT", ciphersuites: "TLS_AES_128_GCM_SHA256" },
  ],
  ["conf_command Options KTLS,NoRenegotiation", { tuning: ["Options KTLS"] }],
  [`fingerprint ${HEX}`, { fingerprint: HEX }],
  [`fingerprint ${COLONS}`, { fingerprint: HEX }],
  ['fingerprint ""', { fingerprint: undefined }],
];

const REFUSED: readonly [ending: string, error: (prefix: string) => string][] = [
  ["verify 1", (prefix) => `invalid value "1" in "${prefix}_verify" directive, it must be "on" or "off" in f:4`],
  [
    "verify_depth -1",
    (prefix) => `"${prefix}_verify_depth" directive invalid number in f:4\na number is digits and nothing else`,
  ],
  ["protocols SSLv2", (prefix) => `no version of TLS is left by the "${prefix}_protocols" directive in f:4`],
  ["password_file nope", () => 'open() "nope" failed (2: No such file or directory) in f:4'],
  ["certificate c", (prefix) => `no "${prefix}_certificate_key" is defined for certificate "c" in f:4`],
  [
    "fingerprint 0123",
    () => 'invalid fingerprint "0123" in f:4\nit must be 64 hexadecimal digits: a SHA-256',
  ],
];

for (const prefix of ["proxy_ssl", "auth_http_ssl"]) {
  const sendsName = prefix === "auth_http_ssl";
  const family = (lines: string): ClientTlsConfig => {
    const files = memoryFiles({ pass: "secret\n" });
    const [server] = load(inServer(lines), { files }).servers;
    if (server?.authHttp === undefined) throw new Error("no server");
    const { mode: _, ...proxy } = server.proxy.ssl;
    return prefix === "proxy_ssl" ? proxy : server.authHttp.ssl;
  };

  describe(`${prefix}_*`, () => {
    it("has defaults: certificates are checked", () => assertEquals(family(""), { ...DEFAULTS, sendsName }));

    for (const [ending, settings] of ROWS) {
      it(`${prefix}_${ending}`, () => {
        const { places, commands, ...found } = family(`${prefix}_${ending};`);
        const { places: _, commands: none, ...expected } = DEFAULTS;
        assertEquals(found, { ...expected, sendsName, ...settings });
        const isCommand = ending.startsWith("conf_command ");
        assertEquals(commands.length, isCommand ? 1 : none.length);
        assertEquals(places, { [`${prefix}_${ending.split(" ", 1)[0]}`]: { file: "f", line: 4 } });
      });
    }

    it("shows a certificate", () => {
      const lines = `${prefix}_certificate c; ${prefix}_certificate_key data:k; ${prefix}_password_file pass;`;
      const { certificate, passphrases } = family(lines);
      assertEquals(certificate, { certificate: named("c", 4), key: { data: "k", place: { file: "f", line: 4 } } });
      assertEquals(passphrases, ["secret"]);
    });

    for (const [ending, error] of REFUSED) {
      it(`refuses ${prefix}_${ending}`, () => {
        assertEquals(problem(inServer(`${prefix}_${ending};`)), error(prefix));
      });
    }
  });
}

describe("proxy_ssl", () => {
  for (const mode of ["off", "on", "starttls"] as const) {
    it(mode, () => assertEquals(serverWith(`proxy_ssl ${mode};`).proxy.ssl.mode, mode));
  }

  it("is off, and nothing else", () => {
    assertEquals(serverWith().proxy.ssl.mode, "off");
    assertEquals(
      problem(inServer("proxy_ssl only;")),
      'invalid value "only" in f:4\n"proxy_ssl" takes "off", "on" or "starttls"',
    );
  });
});
