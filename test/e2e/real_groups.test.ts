/** A group of two Dovecots, of which one hangs, goes on and dies while real clients log in. */

import { after, before, describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { needs, run } from "../support/clients.ts";
import { Dovecot } from "../support/dovecot.ts";
import { startProxy, type TestProxy } from "../support/proxy.ts";
import { eventually } from "../support/watch.ts";

const REAL = needs("curl", "dovecot 2.3");

const USERS = Array.from({ length: 12 }, (_, i) => `user${i}`);
const PASSWORD = "s3same-0pen";

/** What curl says to a login that is refused. */
const LOGIN_DENIED = 67;

/** How each of them logs in. */
const WAYS = ["imap PLAIN", "imap LOGIN", "imap CRAM-MD5", "pop3 PLAIN", "pop3 CRAM-MD5", "pop3 +APOP"];

describe("a group of real servers", () => {
  const servers: Dovecot[] = [];
  let proxy: TestProxy | undefined;

  before(async () => {
    if (REAL.skip !== false) return;
    const users = Object.fromEntries(USERS.map((user) => [user, PASSWORD]));
    for (let i = 0; i < 2; i++) {
      servers.push(await Dovecot.start({ users, mechanisms: "plain login cram-md5 apop" }));
    }
    const lines = (protocol: "imap" | "pop3") =>
      servers.map(({ ports }) => `server 127.0.0.1:${ports[protocol]} fail_timeout=1s;`).join(" ");
    proxy = await startProxy(`
      timeout 8s;
      upstream imap { ${lines("imap")} }
      upstream pop3 { least_conn; ${lines("pop3")} }
      server { listen 127.0.0.1; protocol imap; imap_auth plain login cram-md5; proxy_pass imap; }
      server { listen 127.0.0.2; protocol pop3; pop3_auth plain apop cram-md5; proxy_pass pop3; }
    `);
  }, REAL);
  after(async () => {
    await proxy?.stop();
    for (const server of servers) await server.stop();
  });

  /** How curl ends for each user, in each of the ways; half of them are let in, half have a wrong password. */
  async function logIns(): Promise<{ readonly right: Set<number | string>; readonly wrong: Set<number | string> }> {
    const [right, wrong] = [new Set<number | string>(), new Set<number | string>()];
    await Promise.all(USERS.map(async (user, i) => {
      const [protocol = "", method = ""] = (WAYS[i % WAYS.length] ?? "").split(" ");
      const isWrong = i >= USERS.length / 2;
      const url = `${protocol}://${
        protocol === "imap" ? `127.0.0.1:${proxy?.ports[0]}` : `127.0.0.2:${proxy?.ports[1]}`
      }/`;
      const login = ["--user", `${user}:${isWrong ? "wrong" : PASSWORD}`, "--login-options", `AUTH=${method}`];
      const { status } = await run("curl", ["--silent", "--max-time", "50", ...login, url]);
      (isWrong ? wrong : right).add(status);
    }));
    return { right, wrong };
  }

  const FINE = { right: new Set([0]), wrong: new Set([LOGIN_DENIED]) };

  it("shares logins of every kind out", REAL, async () => {
    assertEquals(await logIns(), FINE);
    for (const server of servers) assert(server.log.includes("Login: user=<"));
  });

  it("loses none of them while a server hangs, goes on, and is dead", REAL, async () => {
    const [first] = servers;
    first?.hold(true);
    try {
      assertEquals(await logIns(), FINE, "one hangs");
    } finally {
      first?.hold(false);
    }
    for (const protocol of ["imap", "pop3"] as const) await isBack(protocol);
    assertEquals(await logIns(), FINE, "both are there");
    await first?.stop();
    assertEquals(await logIns(), FINE, "one is dead");
    assertEquals(await logIns(), FINE, "and everybody knows");
    const out = proxy?.log.filter((line) => line.includes("temporarily disabled")) ?? [];
    assert(out.length >= 4, out.join("\n"));
    assert(!proxy?.log.join("\n").includes(PASSWORD));
  });

  /** Logins try it until it serves again. */
  async function isBack(protocol: "imap" | "pop3"): Promise<void> {
    const isNoted = () =>
      proxy?.log.some((line) => line.includes(`is back: `) && line.includes(`"${protocol}"`)) === true;
    const end = Date.now() + 60_000;
    while (!isNoted() && Date.now() < end) await logIns();
    await eventually(isNoted, () => proxy?.log.join("\n") ?? "");
  }
});
