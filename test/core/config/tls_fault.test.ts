/** What only the runtime's library could tell, in nginx's words. */

import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { clientTlsFault, sslFault } from "../../../src/config/mod.ts";
import { tlsCaveat } from "../../../src/config/tls_fault.ts";
import type { TlsFault } from "../../../src/runtime.ts";
import { serverWith } from "../../support/config.ts";

const { ssl, proxy } = serverWith(
  "starttls on; ssl_certificate a; ssl_certificate_key data:k; ssl_certificate b; ssl_certificate_key c;",
  "ssl_ciphers NOPE; ssl_ecdh_curve curve; ssl_dhparam dh; ssl_trusted_certificate ca; ssl_crl crl;",
  "proxy_ssl_certificate p; proxy_ssl_certificate_key q; proxy_ssl_crl r;",
  "proxy_ssl_ciphers LIST; proxy_ssl_protocols TLSv1; proxy_ssl_trusted_certificate s;",
);

const TEXT = "error:1:lib::reason";

const SERVER: readonly [part: TlsFault["part"], index: number, text: string, message: string][] = [
  [
    "certificate",
    1,
    TEXT,
    'cannot load certificate "b": PEM_read_bio_X509_AUX() failed (SSL: error:1:lib::reason) in f:4',
  ],
  [
    "key",
    0,
    TEXT,
    'cannot load certificate key "data:": PEM_read_bio_PrivateKey() failed (SSL: error:1:lib::reason) in f:4',
  ],
  ["mismatch", 1, TEXT, 'SSL_CTX_use_PrivateKey("c") failed (SSL: error:1:lib::reason) in f:4'],
  ["authorities", 0, TEXT, 'failed to load "ca": PEM_read_bio_X509() failed (SSL: error:1:lib::reason) in f:5'],
  ["crl", 0, TEXT, 'failed to load "crl": PEM_read_bio_X509_CRL() failed (SSL: error:1:lib::reason) in f:5'],
  ["dhparam", 0, TEXT, 'PEM_read_bio_DHparams("dh") failed (SSL: error:1:lib::reason) in f:5'],
  ["ciphers", 0, TEXT, 'SSL_CTX_set_cipher_list("NOPE") failed (SSL: error:1:lib::reason) in f:5'],
  ["ciphers", 0, "it cannot", '"ssl_ciphers" is not possible: it cannot in f:5'],
  ["curves", 0, TEXT, 'SSL_CTX_set1_curves_list("curve") failed (SSL: error:1:lib::reason) in f:5'],
  ["versions", 0, "it cannot", "SSL_CTX_set_min_proto_version() failed (SSL: it cannot)"],
];

const CLIENT: readonly [part: TlsFault["part"], message: string][] = [
  ["certificate", 'cannot load certificate "p": PEM_read_bio_X509_AUX() failed (SSL: error:1:lib::reason) in f:6'],
  ["mismatch", 'SSL_CTX_use_PrivateKey("q") failed (SSL: error:1:lib::reason) in f:6'],
  ["authorities", 'failed to load "s": PEM_read_bio_X509() failed (SSL: error:1:lib::reason) in f:7'],
  ["crl", 'failed to load "r": PEM_read_bio_X509_CRL() failed (SSL: error:1:lib::reason) in f:6'],
  ["ciphers", 'SSL_CTX_set_cipher_list("LIST") failed (SSL: error:1:lib::reason) in f:7'],
  ["versions", "SSL_CTX_set_min_proto_version() failed (SSL: error:1:lib::reason) in f:7"],
];

describe("faults that the library finds", () => {
  for (const [part, index, text, message] of SERVER) {
    it(`in TLS with clients: ${part}, ${text}`, () => {
      if (ssl === undefined) throw new Error("no TLS");
      assertEquals(sslFault(ssl, { part, index, text }).message, message);
    });
  }

  for (const [part, message] of CLIENT) {
    it(`in TLS with servers: ${part}`, () => {
      assertEquals(clientTlsFault(proxy.ssl, { part, index: 0, text: TEXT }).message, message);
    });
  }

  it("are in the one of two files of authorities that has it", () => {
    const { ssl } = serverWith(
      "starttls on; ssl_certificate a; ssl_certificate_key b; ssl_verify_client on;",
      "ssl_client_certificate first;",
      "ssl_trusted_certificate second;",
    );
    if (ssl === undefined) throw new Error("no TLS");
    const message = (index: number) => sslFault(ssl, { part: "authorities", index, text: TEXT }).message;
    const failed = (name: string) => `failed to load "${name}": PEM_read_bio_X509() failed (SSL: ${TEXT}) in f:`;
    assertEquals([message(0), message(1)], [`${failed("first")}5`, `${failed("second")}6`]);
  });

  it("are told with what is known of a key that does not go with its certificate, or is locked", () => {
    if (ssl === undefined) throw new Error("no TLS");
    const hint = (part: TlsFault["part"], index: number, text: string) => sslFault(ssl, { part, index, text }).hint;
    const locked = "error:1400006B:UI routines::processing error";
    const barred = "error:1C800064:Provider routines::bad decrypt";
    assertEquals(hint("mismatch", 1, TEXT), 'it is not the key of "b", which is named in f:4');
    assertEquals(hint("key", 1, TEXT), undefined);
    assertEquals(hint("key", 1, locked), 'the key is encrypted: "ssl_password_file" names a file with its passphrase');
    assertEquals(hint("key", 1, barred), 'no passphrase of "ssl_password_file" opens the key');
    assertEquals(
      clientTlsFault(proxy.ssl, { part: "key", index: 0, text: barred }).hint,
      'no passphrase of "proxy_ssl_password_file" opens the key',
    );
  });

  it("are a command's where that was given", () => {
    const { ssl } = serverWith(
      "starttls on; ssl_certificate a; ssl_certificate_key b; ssl_prefer_server_ciphers on;",
      "ssl_ciphers GOOD; ssl_conf_command CipherString NOPE;",
      "ssl_conf_command Groups curve; ssl_conf_command dhparameters dh; ssl_conf_command Protocol TLSv1;",
    );
    if (ssl === undefined) throw new Error("no TLS");
    const messages = (["ciphers", "curves", "dhparam", "versions"] as const).map((part) => {
      return sslFault(ssl, { part, index: 0, text: TEXT }).message;
    });
    const failed = (command: string) => `SSL_CONF_cmd(${command}) failed (SSL: ${TEXT}) in f:`;
    assertEquals(messages, [
      `${failed('"CipherString", "NOPE"')}5`,
      `${failed('"Groups", "curve"')}6`,
      `${failed('"dhparameters", "dh"')}6`,
      `${failed('"Protocol", "TLSv1"')}6`,
    ]);
  });

  it("are no command's that only goes with them", () => {
    const tls = "starttls on; ssl_certificate a; ssl_certificate_key b; ssl_conf_command MaxProtocol TLSv1.3;";
    const message = (part: "ciphers" | "versions", ...lines: readonly string[]) => {
      const { ssl } = serverWith(tls, "ssl_conf_command Ciphersuites GOOD;", ...lines);
      if (ssl === undefined) throw new Error("no TLS");
      return sslFault(ssl, { part, index: 0, text: TEXT }).message;
    };
    assertEquals(
      message("ciphers", "ssl_ciphers NOPE;"),
      `SSL_CTX_set_cipher_list("GOOD:NOPE") failed (SSL: ${TEXT}) in f:6`,
    );
    assertEquals(message("ciphers"), `SSL_CONF_cmd("Ciphersuites", "GOOD") failed (SSL: ${TEXT}) in f:5`);
    assertEquals(
      message("versions", "ssl_protocols TLSv1;"),
      `SSL_CTX_set_min_proto_version() failed (SSL: ${TEXT}) in f:6`,
    );
  });

  it("are in the place of the list, and not of what is done with it", () => {
    const { ssl } = serverWith(
      "starttls on; ssl_certificate a; ssl_certificate_key b; ssl_prefer_server_ciphers on;",
      "ssl_ciphers NOPE;",
    );
    if (ssl === undefined) throw new Error("no TLS");
    const { message } = sslFault(ssl, { part: "ciphers", index: 0, text: TEXT });
    assertEquals(message, `SSL_CTX_set_cipher_list("NOPE") failed (SSL: ${TEXT}) in f:5`);
  });

  it("may be none, but what an operator must know", () => {
    if (ssl === undefined) throw new Error("no TLS");
    const caveat = (part: TlsFault["part"]) => ({ part, index: 0, text: "some are turned away" });
    assertEquals(tlsCaveat(ssl, caveat("ciphers")), '"ssl_ciphers": some are turned away in f:5');
    assertEquals(tlsCaveat(proxy.ssl, caveat("ciphers")), '"proxy_ssl_ciphers": some are turned away in f:7');
    assertEquals(tlsCaveat(proxy.ssl, caveat("curves")), "some are turned away");
  });
});
