import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { describe, it } from "node:test";
import { GivenFiles, TlsFiles } from "../../../src/process/tls_files.ts";
import { PERIOD } from "../../../src/proxy/renewal.ts";
import type { Runtime, TlsContext } from "../../../src/runtime.ts";
import { decode } from "../../../src/session/bytes.ts";
import { load } from "../../support/config.ts";
import { FakeRuntime } from "../../support/fake_runtime.ts";

const CERTIFICATE = "-----BEGIN CERTIFICATE-----\n";
const KEY = "-----BEGIN PRIVATE KEY-----\n";

/** A runtime whose TLS takes whatever looks like PEM. */
class TlsRuntime extends FakeRuntime {
  override createTlsServer(): TlsContext {
    return { kind: "server", expires: undefined, caveat: undefined };
  }

  override createTlsClient(): TlsContext {
    return { kind: "client", expires: undefined, caveat: undefined };
  }
}

/** The main process's files of two server blocks with one certificate, and a mail server's authority. */
function scene() {
  const runtime = new TlsRuntime();
  const { contents } = runtime.files;
  contents.set("/c.pem", `${CERTIFICATE}one`).set("/k.pem", KEY).set("/ca.pem", CERTIFICATE);
  const told: string[] = [];
  const given: string[][] = [];
  const config = load(
    `events {} mail { auth_http a; ssl_certificate /c.pem; ssl_certificate_key /k.pem; proxy_ssl_trusted_certificate /ca.pem;
     server { listen 993 ssl; protocol imap; } server { listen 995 ssl; protocol pop3; proxy_ssl on; } }`,
  );
  const open = () =>
    new TlsFiles(config, {
      runtime,
      note: (level, text) => told.push(`${level} ${text}`),
      changed: (texts) => given.push(texts.map(([path, text]) => `${path} ${text}`)),
    });
  return { runtime, contents, told, given, open };
}

describe("the files of TLS", () => {
  it("are read by the main process, and given to workers when they have changed and are good", () => {
    const { runtime, contents, told, given, open } = scene();
    const files = open();
    const first: [string, string][] = [["/c.pem", `${CERTIFICATE}one`], ["/k.pem", KEY], ["/ca.pem", CERTIFICATE]];
    assertEquals(files.texts, first);
    given.length = 0;
    contents.set("/c.pem", `${CERTIFICATE}two`);
    runtime.clock.advance(PERIOD);
    assertEquals(given, [[`/c.pem ${CERTIFICATE}two`]]);
    assertEquals(told, ['notice certificate "/c.pem" was renewed']);
    contents.set("/c.pem", "garbage");
    runtime.clock.advance(PERIOD);
    assertEquals(given.length, 1);
    assertEquals(told.length, 2);
    assertEquals(told[1]?.startsWith('warn certificate "/c.pem" was changed and is not used: '), true);
    // Whoever begins now gets what was good last.
    assertEquals(files.texts, [["/c.pem", `${CERTIFICATE}two`], ...first.slice(1)]);
    files.stop();
    contents.set("/c.pem", `${CERTIFICATE}three`);
    runtime.clock.advance(10 * PERIOD);
    assertEquals([given.length, told.length], [1, 2]);
  });

  it("are an error at the start when they are bad, and leave nobody looking", () => {
    const { runtime, contents, open } = scene();
    contents.set("/ca.pem", "garbage");
    assertThrows(open, Error, 'failed to load "/ca.pem"');
    assertEquals(runtime.clock.pending, 0);
  });

  it("are in a worker what the main process says, and others what they are", () => {
    const runtime = new FakeRuntime();
    runtime.files.contents.set("/c.pem", "on disk").set("/other", "other");
    const given = new GivenFiles([["/c.pem", "given"], ["/gone", { number: 2, text: "No such file or directory" }]]);
    const { files }: Runtime = given.over(runtime);
    const read = (path: string) => {
      const bytes = files.read(path);
      return "number" in bytes ? bytes.text : decode(bytes);
    };
    assertEquals(["/c.pem", "/gone", "/other"].map(read), ["given", "No such file or directory", "other"]);
    const look = (path: string) => {
      const found = files.look(path);
      return "stamp" in found ? [found.size, found.stamp] : found.text;
    };
    const before = ["/c.pem", "/gone", "/other"].map(look);
    assertEquals([before[1], before[2]], ["No such file or directory", [5, "other"]]);
    given.take([["/c.pem", "renewed"]]);
    assertEquals([read("/c.pem"), look("/c.pem")[0], look("/other")], ["renewed", 7, [5, "other"]]);
    assertNotEquals(look("/c.pem"), before[0]);
  });
});
