/** `proxy_pass` without an auth server, for clients of OAuth: Dovecot asks an authority of its own about their tokens. */

import { createServer, type Server } from "node:http";
import { after, before, describe, it } from "node:test";
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Protocol } from "../../src/config/types.ts";
import { needs } from "../support/clients.ts";
import { Dovecot } from "../support/dovecot.ts";
import { startProxy, type TestProxy } from "../support/proxy.ts";
import { connectTo } from "../support/raw_client.ts";
import { PROTOCOLS } from "../support/scene.ts";
import { SmtpSink } from "../support/smtp_sink.ts";
import type { Wire } from "../support/wire.ts";

const REAL = needs("dovecot 2.3");

const RIGHT = "eyJhbGciOiJSUzI1NiJ9.right.dG9rZW4";
const WRONG = "eyJhbGciOiJSUzI1NiJ9.wrong.dG9rZW4";
/** The authority fails over this one. */
const UNLUCKY = "eyJhbGciOiJSUzI1NiJ9.unlucky.dG9rZW4";

/** What each protocol has around an exchange, and what it says of somebody who is in. */
const DIALECTS = {
  imap: {
    hello: "",
    command: "a AUTHENTICATE",
    prefix: "+ ",
    refused: "a NO [AUTHENTICATIONFAILED] Authentication failed\r\n",
    failed: /^(?:a NO|\* BAD) \[UNAVAILABLE\]/,
    done: /^a OK /m,
    noop: ["b NOOP\r\n", /^b OK /m],
  },
  pop3: {
    hello: "",
    command: "AUTH",
    prefix: "+ ",
    refused: "-ERR [AUTH] Authentication failed\r\n",
    failed: /^-ERR \[SYS\/TEMP\]/,
    done: /^\+OK /,
    noop: ["NOOP\r\n", /^\+OK/],
  },
  smtp: {
    hello: "EHLO client.example.test\r\n",
    command: "AUTH",
    prefix: "334 ",
    refused: "535 5.7.8 Authentication failed\r\n",
    failed: /^4\d\d /,
    done: /^235 /,
    noop: ["NOOP\r\n", /^250 /],
  },
} as const;

/** What a client says by each mechanism, and what it says to an error. */
const MECHANISMS = {
  XOAUTH2: { message: (token: string) => `user=anna\x01auth=Bearer ${token}\x01\x01`, answer: "" },
  OAUTHBEARER: {
    message: (token: string) => `n,a=anna,\x01host=mail.example.test\x01port=143\x01auth=Bearer ${token}\x01\x01`,
    answer: "AQ==",
  },
} as const;

type Mechanism = keyof typeof MECHANISMS;

describe("tokens that Dovecot checks", () => {
  let authority: Server | undefined;
  const started: { stop(): Promise<void> }[] = [];
  const proxies: TestProxy[] = [];

  before(async () => {
    if (REAL.skip !== false) return;
    authority = await startAuthority();
    const sink = await SmtpSink.start();
    started.push(sink);
    const address = authority.address();
    const port = typeof address === "object" ? address?.port : 0;
    const open = async (mechanisms: string) => {
      const introspection = `http://127.0.0.1:${port}/`;
      const dovecot = await Dovecot.start({
        users: { anna: "unused" },
        mechanisms,
        introspection,
        relayPort: sink.port,
      });
      started.push(dovecot);
      return { ...dovecot.ports, smtp: dovecot.ports.submission };
    };
    const [both, one] = await Promise.all([open("plain xoauth2 oauthbearer"), open("plain oauthbearer")]);
    for (const ports of [both, one]) {
      for (const protocol of PROTOCOLS) {
        const server = `${protocol}_auth plain xoauth2 oauthbearer; proxy_pass 127.0.0.1:${ports[protocol]};`;
        proxies.push(await startProxy(`server { listen 127.0.0.1; protocol ${protocol}; ${server} }`));
      }
    }
    started.push(...proxies);
  }, REAL);
  after(async () => {
    await Promise.all(started.map((thing) => thing.stop()));
    authority?.close();
  });

  /** A connection to the first server or to the second. */
  async function enter(protocol: Protocol, server: 0 | 1): Promise<Wire> {
    const proxy = proxies[server * PROTOCOLS.length + PROTOCOLS.indexOf(protocol)];
    const client = await connectTo(proxy?.ports[0] ?? 0);
    await client.nextUpTo("\r\n");
    const { hello } = DIALECTS[protocol];
    if (hello === "") return client;
    client.send(hello);
    assertMatch(await client.nextUpTo("\r\n") ?? "", /^250.AUTH .*OAUTHBEARER/m);
    return client;
  }

  for (const protocol of PROTOCOLS) {
    for (const mechanism of ["XOAUTH2", "OAUTHBEARER"] as const) {
      const { done, noop: [noop, alive], failed, refused } = DIALECTS[protocol];

      for (const isAtOnce of [true, false]) {
        const when = isAtOnce ? "with the command" : "after the challenge";
        it(`${protocol}: a right token by ${mechanism} ${when}, behind a wrong one`, REAL, async () => {
          const client = await enter(protocol, 0);
          await show(client, { protocol, mechanism, token: WRONG, isAtOnce });
          await hearError(client, { protocol, mechanism });
          await client.expect(refused);
          await show(client, { protocol, mechanism, token: RIGHT, isAtOnce });
          assertMatch(await client.nextUpTo("\r\n") ?? "", done);
          client.send(noop);
          assertMatch(await client.nextUpTo("\r\n") ?? "", alive);
          client.destroy();
        });
      }

      it(`${protocol}: by ${mechanism}, no wrong token where the authority does not answer`, REAL, async () => {
        const client = await enter(protocol, 0);
        await show(client, { protocol, mechanism, token: UNLUCKY, isAtOnce: true });
        assertMatch(await client.nextUpTo("\r\n") ?? "", failed);
        client.destroy();
      });
    }

    it(`${protocol}: XOAUTH2 is said as OAUTHBEARER to a server that has only that`, REAL, async () => {
      const mechanism = "XOAUTH2";
      const client = await enter(protocol, 1);
      await show(client, { protocol, mechanism, token: WRONG, isAtOnce: true });
      await hearError(client, { protocol, mechanism });
      await client.expect(DIALECTS[protocol].refused);
      await show(client, { protocol, mechanism, token: RIGHT, isAtOnce: true });
      assertMatch(await client.nextUpTo("\r\n") ?? "", DIALECTS[protocol].done);
      client.destroy();
    });
  }

  it("are in no line of the log, which says whose fault it was", REAL, () => {
    const log = proxies.flatMap((proxy) => proxy.log);
    const text = log.join("\n");
    for (const token of [RIGHT, WRONG, UNLUCKY]) {
      assert(!text.includes(token), text);
      for (const { message } of Object.values(MECHANISMS)) assert(!text.includes(btoa(message(token))), text);
    }
    const refusals = log.filter((line) => line.startsWith("info client login failed: "));
    assertEquals(refusals.length, 15, text);
    const faults = log.filter((line) => line.startsWith("error "));
    assertEquals(faults.length, 6, text);
  });
});

interface Attempt {
  readonly protocol: Protocol;
  readonly mechanism: Mechanism;
}

/** Shows a token, for which the client is asked unless it goes along with the command. */
async function show(
  client: Wire,
  { protocol, mechanism, token, isAtOnce }: Attempt & { readonly token: string; readonly isAtOnce: boolean },
): Promise<void> {
  const { command, prefix } = DIALECTS[protocol];
  const response = btoa(MECHANISMS[mechanism].message(token));
  if (isAtOnce) {
    client.send(`${command} ${mechanism} ${response}\r\n`);
    return;
  }
  await client.ask(`${command} ${mechanism}\r\n`, `${prefix}\r\n`);
  client.send(`${response}\r\n`);
}

/** Dovecot's own words about a token, as a challenge, which the client answers as its mechanism wants. */
async function hearError(client: Wire, { protocol, mechanism }: Attempt): Promise<void> {
  const line = await client.nextUpTo("\r\n") ?? "";
  const { prefix } = DIALECTS[protocol];
  assertEquals(line.slice(0, prefix.length), prefix, line);
  assertMatch(JSON.parse(atob(line.slice(prefix.length).trim())).status, /^(?:40\d|invalid_token)$/);
  client.send(`${MECHANISMS[mechanism].answer}\r\n`);
}

/** Knows whose one token is. */
function startAuthority(): Promise<Server> {
  const server = createServer((request, response) => {
    const token = request.headers.authorization?.replace(/^Bearer /, "");
    response.statusCode = token === UNLUCKY ? 500 : 200;
    response.setHeader("Connection", "close");
    response.setHeader("Content-Type", "application/json");
    response.end(JSON.stringify(token === RIGHT ? { active: true, username: "anna" } : { active: false }));
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}
