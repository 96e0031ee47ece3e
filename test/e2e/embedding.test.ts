/** What a program has of a proxy within it, and what it may do to it. */

import { assertEquals, assertMatch } from "@std/assert";
import { after, before, describe, it } from "node:test";
import { connect } from "node:tls";
import { loadRuntime } from "../../adapters/detect.ts";
import { CertificateFolder } from "../support/certificates.ts";
import { freePorts } from "../support/free_ports.ts";
import { startConfiguration, startProxy, type TestProxy } from "../support/proxy.ts";
import { connectTo } from "../support/raw_client.ts";
import { WORDS } from "../support/scene.ts";

const { greeting } = WORDS.imap;

const certificates = new CertificateFolder();
let tls = "";
before(() => {
  const { certificatePath, keyPath } = certificates.make({ name: "localhost" });
  tls = `ssl_certificate ${certificatePath}; ssl_certificate_key ${keyPath};`;
});
after(() => certificates.remove());

describe("a version of TLS that the runtime lacks", () => {
  it("is left out and told of, and the others are spoken", async () => {
    const proxy = await startProxy(
      `auth_http 127.0.0.1:1; ${tls} ssl_protocols TLSv1.1 TLSv1.2; server { listen 127.0.0.1 ssl; protocol imap; }`,
    );
    const [port = 0] = proxy.ports;
    const client = connect({ host: "127.0.0.1", port, rejectUnauthorized: false }).setEncoding("latin1");
    try {
      const heard = await new Promise((resolve, reject) => client.once("data", resolve).once("error", reject));
      assertEquals([heard, client.getProtocol()], [greeting, "TLSv1.2"]);
      const { "tls.oldVersions": oldVersions } = (await loadRuntime()).capabilities;
      const warnings = proxy.log.filter((line) => line.startsWith("warn "));
      if (oldVersions.state !== "no") return assertEquals(warnings, []);
      assertEquals(warnings.length, 1);
      assertMatch(warnings[0] ?? "", /^warn "TLSv1\.1" in "ssl_protocols" has no effect with /);
    } finally {
      client.destroy();
      await proxy.stop();
    }
  });
});

describe("an observer with a fault", () => {
  const faults: Readonly<Record<string, () => void | Promise<void>>> = {
    throws: () => {
      throw new Error("broken observer");
    },
    "is rejected": () => Promise.reject(new Error("broken observer")),
  };
  for (const [what, fault] of Object.entries(faults)) {
    it(`ends nobody else's session, however one ends: it ${what}`, async () => {
      const [clear = 0, secure = 0, behindProxy = 0] = await freePorts(3);
      const proxy = await startConfiguration(
        `events {}
         mail {
           auth_http 127.0.0.1:1; ${tls}
           server { listen 127.0.0.1:${clear}; listen 127.0.0.1:${secure} ssl; listen 127.0.0.1:${behindProxy} proxy_protocol; protocol imap; }
         }`,
        fault,
      );
      const other = await connectTo(clear);
      await other.expect(greeting);

      const guest = await connectTo(clear);
      await guest.expect(greeting);
      guest.send("a LOGOUT\r\n");
      await guest.untilOver();
      for (const port of [secure, behindProxy]) {
        const stranger = await connectTo(port);
        stranger.send("nonsense that is neither\r\n");
        await stranger.untilOver();
        stranger.destroy();
      }
      await other.ask("a NOOP\r\n", "a OK completed\r\n");

      const ended = { isTold: false };
      const stopped = proxy.server.stop("fast", () => {
        ended.isTold = true;
        throw new Error("broken farewell");
      });
      await other.untilOver();
      await stopped;
      assertEquals([proxy.server.connections, ended.isTold], [0, true]);
      assertEquals(proxy.records.map(({ result }) => result).sort(), RESULTS);
      const told = alertsOf(proxy);
      assertEquals(told.length, RESULTS.length + 1, told.join("\n"));
      assertEquals(told.filter((line) => line.includes("broken observer")).length, RESULTS.length);
      assertMatch(told.join("\n"), /^alert internal error: Error: broken farewell.*embedding\.test\.ts/m);
    });
  }

  it("has who is turned away told so", async () => {
    const proxy = await startConfiguration(
      "events { worker_connections 2; } mail { auth_http 127.0.0.1:1; server { listen 127.0.0.1; protocol imap; } }",
      faults["throws"],
    );
    const [port = 0] = proxy.ports;
    const [first, second] = [await connectTo(port), await connectTo(port)];
    await first.expect(greeting);
    await second.expectEnd("* BYE [LIMIT] too many connections\r\n");
    await proxy.stop();
    assertMatch(alertsOf(proxy).join("\n"), /internal error: Error: broken observer/);
  });
});

const RESULTS = ["badProxyHeader", "handshakeFailed", "quit", "shutdown"];

function alertsOf({ log }: TestProxy): string[] {
  return log.filter((line) => line.startsWith("alert ") && line.includes("broken"));
}
