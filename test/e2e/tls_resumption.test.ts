import { existsSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { loadRuntime } from "../../adapters/detect.ts";
import type { Runtime } from "../../src/runtime.ts";
import { type Certificate, CLIENT_EXTENSIONS } from "../support/certificates.ts";
import { refuse } from "../support/fake_auth.ts";
import { freePorts } from "../support/free_ports.ts";
import { Program } from "../support/program.ts";
import type { TestProxy } from "../support/proxy.ts";
import { PROTOCOLS } from "../support/scene.ts";
import { type TlsNumber, type Visit, visit, type Visited } from "../support/s_client.ts";
import { TlsScene } from "../support/tls_scene.ts";

const VERSIONS: readonly TlsNumber[] = ["1_2", "1_3"];
const WAYS = [false, true] as const;
const SLOW = { timeout: 180_000 };

/** Visits twice, the second time with the session of the first. */
async function comeBack(scene: TlsScene, first: Visit, second: Visit = first): Promise<Visited> {
  const session = join(scene.folder.path, `session-${sessions++}`);
  const { isReused } = await visit({ ...first, to: session });
  assertEquals(isReused, false);
  // A server that gives no tickets leaves nothing to come back with.
  return await visit(existsSync(session) ? { ...second, from: session } : second);
}

let sessions = 0;

describe("a client that comes back", () => {
  let scene: TlsScene;
  let implicit: TestProxy;
  let startTls: TestProxy;
  let ticketless: TestProxy;
  let runtime: Runtime;
  before(async () => {
    runtime = await loadRuntime();
    scene = await TlsScene.open();
    implicit = await scene.proxyForAll("", "ssl");
    startTls = await scene.proxyForAll("starttls on;");
    ticketless = await scene.proxyForAll("ssl_session_tickets off;", "ssl");
  });
  after(() => scene.close());

  for (const [i, protocol] of PROTOCOLS.entries()) {
    for (const version of VERSIONS) {
      it(`resumes its session: ${protocol}, TLS ${version}`, SLOW, async () => {
        for (const way of WAYS) {
          const port = (way ? startTls : implicit).ports[i] ?? 0;
          const { isReused } = await comeBack(scene, { port, protocol, version, startTls: way });
          assertEquals(isReused, true);
        }
      });
    }
  }

  it("does not where tickets are off, as far as the runtime has no others", SLOW, async () => {
    for (const version of VERSIONS) {
      const { isReused } = await comeBack(scene, { port: ticketless.ports[0] ?? 0, protocol: "imap", version });
      assertEquals(isReused, runtime.capabilities["tls.ticketsOff"].state === "no");
    }
  });
});

/** How the servers of {@linkcode FOREIGN} stand to certificates of clients. */
const DEMANDS = {
  none: "",
  optional: "ssl_verify_client optional;",
  anybody: "ssl_verify_client optional_no_ca;",
  required: "ssl_verify_client on;",
  others: "ssl_verify_client on;",
} as const;
type Demand = keyof typeof DEMANDS;

const MISSING = "No required SSL certificate";
/** The auth server, which refuses everybody, has been asked. */
const ASKED = "a NO nobody";
const WRONG = "SSL certificate error";

/** Where a session comes from, whose certificate it was made with, where it is brought, and what is said there. */
const FOREIGN: readonly [from: Demand, own: "known" | "foreign" | undefined, to: Demand, heard: string][] = [
  ["none", undefined, "required", MISSING],
  ["optional", undefined, "required", MISSING],
  ["optional", "foreign", "required", WRONG],
  ["anybody", "foreign", "required", WRONG],
  ["anybody", "foreign", "optional", WRONG],
  ["others", "foreign", "required", WRONG],
  ["required", "known", "others", WRONG],
  ["required", "known", "none", ASKED],
  ["required", undefined, "required", MISSING],
];

describe("a session of one server block, brought to another with other demands", () => {
  let scene: TlsScene;
  let apart: TestProxy;
  let together: TestProxy;
  let upgraded: TestProxy;
  let runtime: Runtime;
  const clients = new Map<string | undefined, Certificate>();
  before(async () => {
    runtime = await loadRuntime();
    scene = await TlsScene.open();
    scene.auth.answer = refuse("nobody", 1);
    const { folder, authority } = scene;
    const other = folder.authority("other");
    for (const [name, issuer] of [["known", authority], ["foreign", other]] as const) {
      clients.set(name, folder.make({ name, issuer, extensions: CLIENT_EXTENSIONS }));
    }
    const authorityOf = (demand: Demand) => (demand === "others" ? other : authority).certificatePath;
    const [shared, sharedClear, ...own] = await freePorts(2 + Object.keys(DEMANDS).length);
    const blocks = (listen: (place: number) => string) =>
      Object.entries(DEMANDS).map(([demand, directives], i) => `
        server { listen ${listen(i)}; protocol imap; server_name ${demand}.example.test;
          ssl_client_certificate ${authorityOf(demand as Demand)}; ${directives} }`).join("\n");
    apart = await scene.proxy(blocks((i) => `127.0.0.1:${own[i]} ssl`));
    together = await scene.proxy(blocks(() => `127.0.0.1:${shared} ssl`));
    upgraded = await scene.proxy(`starttls on; ${blocks(() => `127.0.0.1:${sharedClear}`)}`);
  });
  after(() => scene.close());

  const says = "a LOGIN joe secret\r\n";
  const place = (demand: Demand) => Object.keys(DEMANDS).indexOf(demand);

  for (const version of VERSIONS) {
    for (const [from, own, to, heard] of FOREIGN) {
      it(`opens nothing: TLS ${version}, ${from} with ${own ?? "no"} certificate, then ${to}`, SLOW, async () => {
        const certificate = clients.get(own);
        for (const proxy of [apart, together]) {
          const common = { protocol: "imap", version, startTls: proxy === upgraded } as const;
          const at = (demand: Demand): Visit => ({
            ...common,
            port: proxy.ports[proxy === apart ? place(demand) : 0] ?? 0,
            name: `${demand}.example.test`,
          });
          const first = { ...at(from), ...certificate === undefined ? {} : { own: certificate } };
          const asked = scene.auth.requests.length;
          const { isReused, output } = await comeBack(scene, first, { ...at(to), says });
          const isSeparate = from !== to && runtime.capabilities["tls.separateSessions"].state === "yes";
          if (isSeparate) assertEquals(isReused, false);
          // A full handshake without a certificate finds none where a resumed one finds that of the session.
          const expected = heard === WRONG && !isReused ? (to === "optional" ? ASKED : MISSING) : heard;
          assert(output.includes(expected), `${expected} is not in ${output}`);
          const requests = scene.auth.requests.slice(asked);
          assertEquals(requests.length, expected === ASKED ? 1 : 0);
          if (to === "none") assert(!requests.join("").includes("Auth-SSL-Verify"), requests.join(""));
        }
      });
    }
  }
});

describe("a reload", () => {
  let scene: TlsScene;
  let runtime: Runtime;
  before(async () => {
    runtime = await loadRuntime();
    scene = await TlsScene.open();
  });
  after(() => scene.close());

  /** Where a session can be resumed after it, in one process: Deno has one key for all of it, Node takes ours. */
  const survives = () => {
    const { "tls.ticketKeys": keys, "tls.separateSessions": separate } = runtime.capabilities;
    return keys.state === "yes" || separate.state === "no";
  };

  for (const isKeyGiven of [false, true]) {
    it(
      `keeps sessions alive where it can, ${isKeyGiven ? "with" : "without"} a key of the configuration`,
      SLOW,
      async () => {
        const [implicit = 0, startTls = 0] = await freePorts(2);
        const key = scene.folder.write("ticket.key", "0123456789abcdef".repeat(3));
        const path = scene.folder.write(
          "nginx.conf",
          `daemon off; master_process off; pid ${scene.folder.path}/pid; error_log stderr notice; events {}
        mail { auth_http 127.0.0.1:${scene.auth.port}; starttls on; ${
            isKeyGiven ? `ssl_session_ticket_key ${key};` : ""
          }
          ssl_certificate ${scene.certificate.certificatePath}; ssl_certificate_key ${scene.certificate.keyPath};
          server { listen 127.0.0.1:${implicit} ssl; protocol imap; }
          server { listen 127.0.0.1:${startTls}; protocol imap; } }`,
        );
        const program = new Program(["-c", path]);
        try {
          await program.prints("start worker process");
          const visits = VERSIONS.flatMap((version) => [
            { port: implicit, protocol: "imap", version } as const,
            { port: startTls, protocol: "imap", version, startTls: true } as const,
          ]);
          const session = (i: number) => join(scene.folder.path, `before-${isKeyGiven}-${i}`);
          for (const [i, each] of visits.entries()) await visit({ ...each, to: session(i) });
          program.signal("SIGHUP");
          await program.prints("reconfigured");
          for (const [i, each] of visits.entries()) {
            assertEquals((await visit({ ...each, from: session(i) })).isReused, survives());
          }
        } finally {
          program.signal("SIGTERM");
          await program.ending;
        }
      },
    );
  }
});
