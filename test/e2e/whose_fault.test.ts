/**
 * A wrong password is never told as "unavailable", nor the other way round: each source of logins, in each protocol,
 * with a real mail server behind it. A client that takes our trouble for a wrong password asks its user for a new one.
 */

import { after, before, describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { needs } from "../support/clients.ts";
import { Dovecot } from "../support/dovecot.ts";
import { accept, FakeAuth, field, refuse, reply } from "../support/fake_auth.ts";
import { freePorts } from "../support/free_ports.ts";
import { TestFolder } from "../support/program.ts";
import { startProxy, type TestProxy } from "../support/proxy.ts";
import { connectTo } from "../support/raw_client.ts";
import { type Protocol, PROTOCOLS } from "../support/scene.ts";

const REAL = needs("dovecot 2.3");

/** What a login came to. */
type Outcome = "in" | "wrong password" | "unavailable";

/** How a client finds out, and which replies mean what: RFC 5530, RFC 3206, RFC 4954. */
const DIALOGUES: Readonly<Record<Protocol, (password: string) => readonly [after: RegExp, say: string][]>> = {
  imap: (password) => [[/^\* OK/, `a LOGIN joe ${password}\r\n`]],
  pop3: (password) => [[/^\+OK/, "USER joe\r\n"], [/^\+OK.*\r\n\+OK/, `PASS ${password}\r\n`]],
  smtp: (password) => [
    [/^220 /, "EHLO here\r\n"],
    [/^250 /m, `AUTH PLAIN ${Buffer.from(`\0joe\0${password}`).toString("base64")}\r\n`],
  ],
};

const OUTCOMES: Readonly<Record<Protocol, readonly [pattern: RegExp, outcome: Outcome][]>> = {
  imap: [
    [/^a OK/, "in"],
    [/\[(?:UNAVAILABLE|LIMIT|INUSE)\]/, "unavailable"],
    [/^a NO/, "wrong password"],
  ],
  pop3: [
    [/^\+OK/, "in"],
    [/^-ERR \[(?:SYS\/TEMP|IN-USE)\]/, "unavailable"],
    [/^-ERR/, "wrong password"],
  ],
  smtp: [[/^235/, "in"], [/^4\d\d/, "unavailable"], [/^535/, "wrong password"]],
};

/** Logs in, and says what came of it. */
async function logIn(protocol: Protocol, port: number, password: string): Promise<Outcome | string> {
  const client = await connectTo(port);
  let heard = 0;
  for (const [pattern, say] of DIALOGUES[protocol](password)) {
    await client.until(() => pattern.test(client.received.slice(protocol === "smtp" ? heard : 0)), PATIENCE);
    heard = client.received.length;
    client.send(say);
  }
  await client.until(() => client.received.slice(heard).endsWith("\r\n"), PATIENCE);
  const lines = client.received.slice(heard).trim();
  client.destroy();
  return OUTCOMES[protocol].find(([pattern]) => pattern.test(lines))?.[1] ?? lines;
}

/** A wrong password costs two seconds, and more where the machine is busy. */
const PATIENCE = 30_000;

const RIGHT = "s3cret";
const WRONG = "guessed";
/** Right for whoever is asked, but not for the mail server. */
const OUTDATED = "0utdated";

describe("whose fault it is", () => {
  let dovecot: Dovecot | undefined;
  let auth: FakeAuth | undefined;
  let dead = 0;
  const folder = new TestFolder();
  const proxies: TestProxy[] = [];

  before(async () => {
    if (REAL.skip !== false) return;
    [dead = 0] = await freePorts(1);
    dovecot = await Dovecot.start({ users: { joe: RIGHT } });
    auth = await FakeAuth.start("");
  }, REAL);
  after(async () => {
    await Promise.all(proxies.map((proxy) => proxy.stop()));
    await dovecot?.stop();
    await auth?.stop();
    folder.remove();
  });

  /** Has the auth server let these passwords in, to that port or to the mail server's. */
  function letIn(passwords: readonly string[], port?: number): void {
    if (auth === undefined) return;
    auth.answer = (wire, request) => {
      const isRight = passwords.includes(field(request, "Auth-Pass") ?? "");
      const protocol = PROTOCOLS.find((each) => each === field(request, "Auth-Protocol")) ?? "imap";
      reply(wire, isRight ? accept(port ?? mailPort(protocol)) : refuse("Invalid login", 1));
    };
  }

  const mailPort = (protocol: Protocol): number => dovecot?.ports[protocol === "smtp" ? "submission" : protocol] ?? 0;

  /** What the configuration of a source is, for a mail server at that port or for the one that works. */
  const SOURCES: Readonly<Record<string, (protocol: Protocol, port?: number) => string>> = {
    "proxy_pass alone": (protocol, port) => `proxy_pass 127.0.0.1:${port ?? mailPort(protocol)};`,
    "a users file": (protocol, port) => {
      const file = folder.write("users", `joe:{PLAIN}${RIGHT}\njoe:{PLAIN}${OUTDATED}\n`);
      return `auth_users_file ${file}; proxy_pass 127.0.0.1:${port ?? mailPort(protocol)};`;
    },
    "auth_http": (_protocol, port) => {
      letIn([RIGHT, OUTDATED], port);
      return `auth_http 127.0.0.1:${auth?.port};`;
    },
    "auth_http with a cache": (_protocol, port) => {
      letIn([RIGHT, OUTDATED], port);
      return `auth_http 127.0.0.1:${auth?.port}; auth_http_cache zone=a:1m;`;
    },
  };

  /** A proxy for each protocol, and what a login through each comes to; `undefined` where they are not all the same. */
  async function serve(
    directives: (protocol: Protocol) => string,
  ): Promise<(password: string) => Promise<Outcome | string>> {
    const ports = await Promise.all(PROTOCOLS.map(async (protocol) => {
      const proxy = await startProxy(
        `proxy_smtp_auth on; ${directives(protocol)} server { listen 127.0.0.1; protocol ${protocol}; }`,
      );
      proxies.push(proxy);
      return [protocol, proxy.ports[0] ?? 0] as const;
    }));
    return async (password) => {
      const found = await Promise.all(ports.map(([protocol, port]) => logIn(protocol, port, password)));
      const [first = ""] = found;
      return found.every((each) => each === first) ? first : found.join(", ");
    };
  }

  for (const [source, directives] of Object.entries(SOURCES)) {
    const isPassThrough = source === "proxy_pass alone";

    it(`${source}: a right password is in, also the second time, and a wrong one is wrong`, REAL, async () => {
      const ask = await serve(directives);
      const found = [];
      for (const password of [WRONG, RIGHT, RIGHT, WRONG]) found.push(await ask(password));
      assertEquals(found, ["wrong password", "in", "in", "wrong password"]);
    });

    it(`${source}: a mail server that is down is no wrong password`, REAL, async () => {
      const ask = await serve((protocol) => directives(protocol, dead));
      assertEquals(await Promise.all([ask(RIGHT), ask(WRONG)]), [
        "unavailable",
        isPassThrough ? "unavailable" : "wrong password",
      ]);
    });

    it(`${source}: what only the mail server refuses is the operator's fault`, REAL, async () => {
      const ask = await serve(directives);
      for (const _ of [1, 2]) assertEquals(await ask(OUTDATED), isPassThrough ? "wrong password" : "unavailable");
    });
  }

  it("auth_http: an auth server that is down is no wrong password", REAL, async () => {
    const ask = await serve(() => `auth_http 127.0.0.1:${dead};`);
    assertEquals([await ask(RIGHT), await ask(WRONG)], ["unavailable", "unavailable"]);
  });

  it("auth_http: an auth server that answers with an error is no wrong password", REAL, async () => {
    const ask = await serve(() => `auth_http 127.0.0.1:${auth?.port};`);
    if (auth !== undefined) auth.answer = (wire) => reply(wire, "", "500 Internal Server Error");
    assertEquals([await ask(RIGHT), await ask(WRONG)], ["unavailable", "unavailable"]);
  });

  it("a users file: one that is broken while it serves changes nothing", REAL, async () => {
    const file = folder.write("broken", `joe:{PLAIN}${RIGHT}\n`);
    const ask = await serve((protocol) => `auth_users_file ${file}; proxy_pass 127.0.0.1:${mailPort(protocol)};`);
    folder.write("broken", "no line at all\n");
    assertEquals(await Promise.all([ask(RIGHT), ask(WRONG)]), ["in", "wrong password"]);
  });

  it("a cache: what it has serves while the auth server is down, and no more", REAL, async () => {
    letIn([RIGHT]);
    const ask = await serve(() => `auth_http 127.0.0.1:${auth?.port}; auth_http_cache zone=a:1m;`);
    assertEquals(await ask(RIGHT), "in");
    if (auth !== undefined) auth.answer = (wire) => wire.destroy();
    assertEquals([await ask(RIGHT), await ask(WRONG)], ["in", "unavailable"]);
  });

  it("a cache: a password that is changed is a wrong password at once, and the new one is in", REAL, async () => {
    letIn([RIGHT]);
    const ask = await serve(() => `auth_http 127.0.0.1:${auth?.port}; auth_http_cache zone=a:1m;`);
    assertEquals(await ask(RIGHT), "in");
    dovecot?.change("joe", "changed");
    // It looks at its file once a second.
    while (await logIn("imap", mailPort("imap"), "changed") !== "in");
    letIn(["changed"]);
    assertEquals([await ask(RIGHT), await ask("changed")], ["wrong password", "in"]);
    const asked = proxies.slice(-PROTOCOLS.length).map(({ log }) =>
      log.filter((line) => line.includes("asking again")).length
    );
    assertEquals(asked, [1, 1, 1]);
  });
});
