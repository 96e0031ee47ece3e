import { assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "node:test";
import { clientFilesOf, filesOf, PERIOD, Renewal } from "../../../src/proxy/renewal.ts";
import { StartError } from "../../../src/proxy/mod.ts";
import type { TlsContext } from "../../../src/runtime.ts";
import { encode } from "../../../src/session/bytes.ts";
import { FakeRuntime } from "../../support/fake_runtime.ts";
import { load } from "../../support/config.ts";

const DAY = 86_400_000;

/** A renewal over two files that a test writes, with contexts that are named by the certificate in force. */
function renewal(expires: (certificate: string) => number = () => Infinity) {
  const runtime = new FakeRuntime();
  const files = new Map([["/c.pem", "old"], ["/k.pem", "key"]]);
  const told: string[] = [];
  const tells = { now: true };
  const made = new Map<TlsContext, string>();
  const [server] = load(
    "events {} mail { auth_http a; server { listen 1 ssl; protocol imap; ssl_certificate /c.pem; ssl_certificate_key /k.pem; } }",
  ).servers;
  if (server?.ssl === undefined) throw new Error("there is no TLS in the configuration");
  const watched = new Renewal({
    files: filesOf(server.ssl),
    runtime: {
      files: {
        read(path) {
          const text = files.get(path);
          return text === undefined ? { number: 13, text: "Permission denied" } : encode(text);
        },
      },
      timer: (delay, fire) => runtime.timer(delay, fire),
      date: () => runtime.date(),
    },
    create: () => {
      const certificate = files.get("/c.pem") ?? "";
      if (certificate === "bad") throw new StartError(["no start line"]);
      if (certificate === "defect") throw new TypeError("a defect");
      if (!files.has("/k.pem")) throw new StartError(["no key"]);
      const context: TlsContext = { kind: "server", expires: runtime.date() + expires(certificate), caveat: undefined };
      made.set(context, certificate);
      return context;
    },
    note: (level, text) => told.push(`${level} ${text}`),
    tells: () => tells.now,
  });
  return {
    tells,
    files,
    told,
    inForce: () => made.get(watched.context),
    pass: (time: number) => runtime.clock.advance(time),
    stop: () => watched.stop(),
  };
}

describe("certificates that are renewed while the program runs", () => {
  it("are taken when they are good, whichever of the files has changed", () => {
    const { files, told, inForce, pass } = renewal();
    files.set("/c.pem", "new");
    pass(PERIOD - 1);
    assertEquals(inForce(), "old");
    pass(1);
    assertEquals(inForce(), "new");
    files.set("/k.pem", "new key");
    pass(PERIOD);
    assertEquals(told, ['notice certificate "/c.pem" was renewed', 'notice certificate "/c.pem" was renewed']);
    pass(10 * PERIOD);
    assertEquals(told.length, 2);
  });

  it("leave the old ones in force when they are bad, which is told once", () => {
    const { files, told, inForce, pass } = renewal();
    files.set("/c.pem", "bad");
    pass(10 * PERIOD);
    assertEquals(inForce(), "old");
    assertEquals(told, ['warn certificate "/c.pem" was changed and is not used: no start line']);
    files.set("/c.pem", "new");
    pass(PERIOD);
    assertEquals(inForce(), "new");
  });

  it("are warned of 14 days before their end, once a day, until they are renewed", () => {
    const { files, told, pass } = renewal((certificate) => certificate === "old" ? 14 * DAY + PERIOD : 90 * DAY);
    assertEquals(told, []);
    pass(PERIOD);
    assertEquals(told, ['warn certificate "/c.pem" expires in 14 days']);
    pass(DAY - PERIOD);
    assertEquals(told.length, 1);
    pass(PERIOD);
    assertEquals(told.slice(1), ['warn certificate "/c.pem" expires in 13 days']);
    files.set("/c.pem", "new");
    pass(2 * DAY);
    assertEquals(told.slice(2), ['notice certificate "/c.pem" was renewed']);
  });

  it("are told of by one process of several, which may be another one by and by", () => {
    const { files, told, tells, inForce, pass } = renewal(() => 2 * DAY);
    assertEquals(told, ['warn certificate "/c.pem" expires in 2 days']);
    told.length = 0;
    tells.now = false;
    files.set("/c.pem", "new");
    pass(PERIOD);
    assertEquals([inForce(), told], ["new", []]);
    files.set("/c.pem", "bad");
    pass(10 * PERIOD);
    assertEquals([inForce(), told], ["new", []]);
    tells.now = true;
    pass(PERIOD);
    assertEquals(told, ['warn certificate "/c.pem" expires in 1 day']);
  });

  it("are told from the beginning when their end has come", () => {
    assertEquals(renewal(() => -1).told, ['warn certificate "/c.pem" has expired']);
    assertEquals(renewal(() => DAY - 1).told, ['warn certificate "/c.pem" expires within a day']);
  });

  it("are as good as authorities and revocation lists, which have names of their own", () => {
    const [server] = load(
      `events {} mail { auth_http a; ssl_verify_client on; ssl_client_certificate /ca.pem; ssl_crl /crl.pem;
       server { listen 1 ssl; protocol imap; ssl_certificate /c.pem; ssl_certificate_key /k.pem; ssl_dhparam /dh.pem;
         proxy_ssl on; proxy_ssl_crl /up.crl; proxy_ssl_certificate /up.pem; proxy_ssl_certificate_key /up.key; } }`,
    ).servers;
    if (server?.ssl === undefined) throw new Error("there is no TLS in the configuration");
    assertEquals(filesOf(server.ssl).others, ["/ca.pem", "/crl.pem", "/dh.pem"]);
    assertEquals(clientFilesOf(server.proxy.ssl).others, ["/up.crl"]);
    assertEquals(clientFilesOf(server.proxy.ssl).certificates.length, 1);
    assertEquals(clientFilesOf({ ...server.proxy.ssl, verify: false }).others, []);
    assertEquals(filesOf({ ...server.ssl, verifyClient: "off" }).others, ["/dh.pem"]);

    const runtime = new FakeRuntime();
    const contents = new Map([["/crl.pem", "one"]]);
    const told: string[] = [];
    let made = 0;
    const watched = new Renewal({
      files: filesOf(server.ssl),
      runtime: {
        files: { read: (path) => encode(contents.get(path) ?? "") },
        timer: (delay, fire) => runtime.timer(delay, fire),
        date: () => runtime.date(),
      },
      create: () => ({ expires: undefined, number: ++made }),
      note: (level, text) => told.push(`${level} ${text}`),
      tells: () => true,
    });
    contents.set("/crl.pem", "two");
    runtime.clock.advance(PERIOD);
    assertEquals(told, ['notice "/crl.pem" was renewed']);
    assertEquals(watched.context.number, 2);
    contents.set("/ca.pem", "other").set("/c.pem", "other");
    runtime.clock.advance(PERIOD);
    assertEquals(told.slice(1), ['notice certificate "/c.pem" was renewed']);
  });

  it("are as they were while they cannot be read", () => {
    const { files, told, inForce, pass } = renewal();
    files.delete("/c.pem");
    files.delete("/k.pem");
    pass(10 * PERIOD);
    assertEquals([inForce(), told], ["old", []]);
    files.set("/c.pem", "old").set("/k.pem", "key");
    pass(10 * PERIOD);
    assertEquals(told, []);
    files.set("/c.pem", "new");
    pass(PERIOD);
    assertEquals(inForce(), "new");
  });

  it("are used when what was missing is there", () => {
    const { files, told, inForce, pass } = renewal();
    files.set("/c.pem", "new").delete("/k.pem");
    pass(10 * PERIOD);
    assertEquals(inForce(), "old");
    const refused = (why: string) => `warn certificate "/c.pem" was changed and is not used: ${why}`;
    assertEquals(told, [refused("no key")]);
    files.set("/c.pem", "bad");
    pass(10 * PERIOD);
    files.set("/c.pem", "newer");
    pass(10 * PERIOD);
    assertEquals([inForce(), told], ["old", [refused("no key"), refused("no start line"), refused("no key")]]);
    files.set("/k.pem", "key");
    pass(10 * PERIOD);
    assertEquals([inForce(), told.slice(3)], ["newer", ['notice certificate "/c.pem" was renewed']]);
  });

  it("are looked at again after a defect of ours, which is told once", () => {
    const { files, told, inForce, pass } = renewal();
    files.set("/c.pem", "defect");
    assertThrows(() => pass(PERIOD), TypeError, "a defect");
    pass(10 * PERIOD);
    assertEquals([inForce(), told], ["old", []]);
    files.set("/c.pem", "new");
    pass(PERIOD);
    assertEquals([inForce(), told], ["new", ['notice certificate "/c.pem" was renewed']]);
  });

  it("are not looked for where there are none", () => {
    const runtime = new FakeRuntime();
    const create = () => ({ expires: undefined });
    new Renewal({ files: { certificates: [], others: [] }, runtime, create, note: () => {}, tells: () => true });
    assertEquals(runtime.clock.pending, 0);
  });

  it("are looked at no more when the configuration is another", () => {
    const { files, told, inForce, pass, stop } = renewal();
    stop();
    files.set("/c.pem", "new");
    pass(10 * PERIOD);
    assertEquals([inForce(), told], ["old", []]);
  });

  it("are an error at the start", () => {
    assertThrows(
      () => {
        const { ssl } = load(
          "events {} mail { auth_http a; server { listen 1 ssl; protocol imap; ssl_certificate /c; ssl_certificate_key /k; } }",
        ).servers[0] ?? {};
        if (ssl === undefined) return;
        const create = (): TlsContext => {
          throw new StartError(["no start line"]);
        };
        new Renewal({ files: filesOf(ssl), runtime: new FakeRuntime(), create, note: () => {}, tells: () => true });
      },
      StartError,
      "no start line",
    );
  });
});
