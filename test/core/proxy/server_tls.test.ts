import { assertThrows } from "@std/assert";
import { describe, it } from "node:test";
import { createServerTls } from "../../../src/proxy/tls.ts";
import type { TlsContext, TlsFault, TlsServerOptions } from "../../../src/runtime.ts";
import { serverWith } from "../../support/config.ts";
import { FakeRuntime } from "../../support/fake_runtime.ts";

const CERTIFICATE = "-----BEGIN CERTIFICATE-----\n";
const KEY = "-----BEGIN PRIVATE KEY-----\n";
const BROKEN = `${CERTIFICATE}broken`;
const CRL = "-----BEGIN X509 CRL-----\n";

/** A runtime that is at odds with some authorities and lists, and does not say whose authorities they are. */
class ParticularRuntime extends FakeRuntime {
  override createTlsServer(options?: TlsServerOptions): TlsContext | TlsFault {
    if (options?.authorities.includes("broken") === true) return { part: "authorities", index: 0, text: "error:1" };
    if (options?.crl.includes("broken") === true) return { part: "crl", index: 0, text: "error:2" };
    return { kind: "server", expires: undefined, caveat: undefined };
  }
}

describe("TLS with the clients of a server block", () => {
  const CASES: readonly [which: string, first: string, second: string, culprit: string][] = [
    ["the first", BROKEN, CERTIFICATE, "first"],
    ["the second", CERTIFICATE, BROKEN, "second"],
    ["both", BROKEN, BROKEN, "first"],
  ];
  for (const [which, first, second, culprit] of CASES) {
    it(`names the file of authorities that is at fault: ${which}`, () => {
      const runtime = new ParticularRuntime();
      const { contents } = runtime.files;
      contents.set("/c.pem", CERTIFICATE).set("/k.pem", KEY).set("/first", first).set("/second", second).set(
        "/crl",
        `${CRL}broken`,
      );
      const server = serverWith(
        "starttls on; ssl_certificate /c.pem; ssl_certificate_key /k.pem; ssl_verify_client on;",
        "ssl_client_certificate /first; ssl_trusted_certificate /second; ssl_crl /crl;",
      );
      const { ssl } = server;
      if (ssl === undefined) throw new Error("no TLS");
      const create = () => createServerTls(server, ssl, { runtime, ticketKeys: () => [], note: () => {} });
      assertThrows(create, Error, `failed to load "/${culprit}"`);
    });
  }
});
