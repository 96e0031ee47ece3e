/** `ssl_conf_command`: what OpenSSL would be told last. */

import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import type { SslConfig } from "../../../src/config/mod.ts";
import { inServer, named, problem, serverWith } from "../../support/config.ts";

const TLS = "starttls on; ssl_certificate c; ssl_certificate_key k;";

const COMMANDS: readonly [command: string, settings: Partial<SslConfig>][] = [
  ["CipherString ECDHE", { ciphers: "ECDHE" }],
  [
    "Ciphersuites TLS_AES_128_GCM_SHA256",
    { ciphers: "TLS_AES_128_GCM_SHA256:HIGH:!aNULL:!MD5", ciphersuites: "TLS_AES_128_GCM_SHA256" },
  ],
  ["Curves X25519", { ecdhCurve: "X25519" }],
  ["groups X25519:P-256", { ecdhCurve: "X25519:P-256" }],
  ["DHParameters dh", { dhparam: named("dh", 5) }],
  ["MinProtocol TLSv1.3", { versions: ["TLSv1.3"] }],
  ["minprotocol tlsv1.2", {}],
  ["MinProtocol None", {}],
  ["MaxProtocol TLSv1.2", { versions: ["TLSv1.2"] }],
  ["Protocol -ALL,TLSv1.3", { versions: ["TLSv1.3"] }],
  ["Protocol +TLSv1.1,-SSLv3", { versions: ["TLSv1.1", "TLSv1.2", "TLSv1.3"] }],
  ["Options -SessionTicket,ServerPreference", { sessionTickets: false, prefersServerCiphers: true }],
  ["Options NoRenegotiation,-Compression,EncryptThenMac", {}],
  ["Options KTLS,PrioritizeChaCha", { tuning: ["Options KTLS", "Options PrioritizeChaCha"] }],
  ["NumTickets 4", { tuning: ["NumTickets 4"] }],
];

const REFUSED: readonly [command: string, error: string][] = [
  [
    "Nonsense 1",
    'SSL_CONF_cmd("Nonsense", "1") failed (SSL: error:0A000182:SSL routines::unknown cmd name:cmd=Nonsense)',
  ],
  [
    "Options Nope",
    'SSL_CONF_cmd("Options", "Nope") failed (SSL: error:0A000180:SSL routines::bad value:cmd=Options, value=Nope)',
  ],
  [
    "MinProtocol x",
    'SSL_CONF_cmd("MinProtocol", "x") failed (SSL: error:0A000180:SSL routines::bad value:cmd=MinProtocol, value=x)',
  ],
  [
    "Protocol TLSv4",
    'SSL_CONF_cmd("Protocol", "TLSv4") failed (SSL: error:0A000180:SSL routines::bad value:cmd=Protocol, value=TLSv4)',
  ],
  ["VerifyMode Require", '"ssl_conf_command VerifyMode" is not supported'],
  ["SignatureAlgorithms RSA+SHA256", '"ssl_conf_command SignatureAlgorithms" is not supported'],
  ["Options UnsafeLegacyRenegotiation", '"ssl_conf_command Options UnsafeLegacyRenegotiation" is not supported'],
  ["Options -EncryptThenMac", '"ssl_conf_command Options -EncryptThenMac" is not supported'],
  ["Protocol -ALL", 'no version of TLS is left by the "ssl_conf_command" directive'],
];

describe("ssl_conf_command", () => {
  for (const [command, settings] of COMMANDS) {
    it(command, () => {
      const { places: _, commands: none, ...expected } = serverWith(TLS).ssl ?? {};
      const { places: __, commands = [], ...found } = serverWith(TLS, `ssl_conf_command ${command};`).ssl ?? {};
      assertEquals(found, { ...expected, ...settings });
      assertEquals([none, commands.map(({ name, value }) => `${name} ${value}`)], [[], [command]]);
    });
  }

  it("knows no command by the names that every object has", () => {
    for (const name of ["__proto__", "constructor", "toString"]) {
      const error =
        `SSL_CONF_cmd("${name}", "1") failed (SSL: error:0A000182:SSL routines::unknown cmd name:cmd=${name})`;
      assertEquals(problem(inServer(TLS, `ssl_conf_command ${name} 1;`)), `${error} in f:5`);
    }
  });

  for (const [command, error] of REFUSED) {
    it(`refuses ${command}`, () => {
      assertEquals(problem(inServer(TLS, `ssl_conf_command ${command};`)), `${error} in f:5`);
    });
  }

  it("goes in order, over everything else", () => {
    const lines = ["ssl_protocols TLSv1 TLSv1.1 TLSv1.2;", "ssl_conf_command MinProtocol TLSv1.1;"];
    const last = "ssl_conf_command Protocol TLSv1.3;";
    assertEquals(serverWith(TLS, ...lines, last).ssl?.versions, ["TLSv1.1", "TLSv1.2", "TLSv1.3"]);
  });
});
