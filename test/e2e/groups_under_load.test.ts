/** Servers of a group that die, hang, refuse and come back while many log in: nobody notices, and nobody is lied to. */

import { assert, assertEquals } from "@std/assert";
import { afterEach, describe, it } from "node:test";
import { toBase64 } from "../../src/session/base64.ts";
import { type Mood, MoodyServer, WRONG } from "../support/moody_server.ts";
import { startProxy, type TestProxy } from "../support/proxy.ts";
import { connectTo } from "../support/raw_client.ts";
import { assertTellsNoSecret, type Protocol, PROTOCOLS, SECRET, WORDS } from "../support/scene.ts";
import { eventually } from "../support/watch.ts";
import type { Wire } from "../support/wire.ts";

const started: { stop(): unknown }[] = [];
const clients: Wire[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  for (const thing of started.splice(0).reverse()) await thing.stop();
});

/** What a client says, and what it hears behind the greeting: when it is let in, and when its password is wrong. */
const HEARD: Readonly<Record<Protocol, { readonly welcome: string; readonly denial: string }>> = {
  imap: { welcome: "a OK AUTHENTICATE\r\n", denial: "a NO [AUTHENTICATIONFAILED] Authentication failed\r\n" },
  pop3: { welcome: "+OK\r\n", denial: "-ERR [AUTH] Authentication failed\r\n" },
  smtp: { welcome: "235 2.0.0 OK\r\n", denial: "535 5.7.8 Authentication failed\r\n" },
};

/** How the three servers are, one step after the other. There is always one that is well. */
const STEPS: readonly (readonly (Mood | "dead")[])[] = [
  ["well", "well", "well"],
  ["dead", "well", "well"],
  ["dead", "silent", "well"],
  ["well", "silent", "busy"],
  ["failing", "dead", "well"],
  ["dying", "well", "busy"],
  ["mute", "well", "failing"],
  ["well", "dead", "dead"],
  ["well", "well", "well"],
];

/** How many log in at each step, and how many of them have a wrong password. */
const LOGINS = 40;
const WRONG_ONES = 10;

async function enter(proxy: TestProxy, protocol: Protocol, hasWrong: boolean): Promise<string> {
  const { greeting, login, heard } = WORDS[protocol];
  const words = hasWrong
    ? login.replace(SECRET, WRONG).replace(toBase64(`\0joe\0${SECRET}`), toBase64(`\0joe\0${WRONG}`))
    : login;
  const client = await connectTo(proxy.ports[0] ?? 0);
  clients.push(client);
  await client.expect(greeting);
  client.send(words);
  await client.until(() => client.unread.length > heard.length && client.unread.endsWith("\r\n"), PATIENCE);
  const answer = client.unread.slice(heard.length);
  client.end();
  return answer;
}

/** How long a server that hangs is waited for, and how long a client may wait for its answer then. */
const TIMEOUT = 2_500;
const PATIENCE = 30_000;

async function change(server: MoodyServer, from: Mood | "dead", to: Mood | "dead"): Promise<void> {
  if (to === "dead" && from !== "dead") await server.stop();
  if (to !== "dead" && from === "dead") await server.revive();
  if (to !== "dead") server.mood = to;
}

describe("a group under load", () => {
  for (const protocol of PROTOCOLS) {
    it(`loses no ${protocol} session while servers come and go`, { timeout: 300_000 }, async () => {
      const servers = await Promise.all([1, 2, 3].map(() => MoodyServer.start(protocol)));
      started.push(...servers);
      const lines = servers.map(({ address }) => `server ${address} fail_timeout=1s;`).join(" ");
      const proxy = await startProxy(`
        upstream mail { ${lines} }
        timeout ${TIMEOUT}ms;
        server { listen 127.0.0.1; protocol ${protocol}; proxy_pass mail; }
      `);
      started.push(proxy);
      const { welcome, denial } = HEARD[protocol];
      let before: readonly (Mood | "dead")[] = ["well", "well", "well"];
      for (const moods of STEPS) {
        const answers = Array.from({ length: LOGINS }, (_, i) => enter(proxy, protocol, i < WRONG_ONES));
        // Those who are on their way now meet the change in the middle of their login.
        for (const [i, server] of servers.entries()) await change(server, before[i] ?? "well", moods[i] ?? "well");
        answers.push(...Array.from({ length: LOGINS }, (_, i) => enter(proxy, protocol, i < WRONG_ONES)));
        before = moods;
        const expected = answers.map((_, i) => i % LOGINS < WRONG_ONES ? denial : welcome);
        assertEquals(await Promise.all(answers), expected, moods.join(" "));
      }
      await everyoneIsBack(proxy, protocol, servers);
      assertTellsNoSecret(proxy.log);
      const states = proxy.log.filter((line) => line.includes("upstream server "));
      assert(
        states.every((line) =>
          /^(?:warn upstream server temporarily disabled|notice upstream server is back): /.test(line)
        ),
      );
    });
  }
});

/** Once all are well, all of them get sessions again. */
async function everyoneIsBack(proxy: TestProxy, protocol: Protocol, servers: readonly MoodyServer[]): Promise<void> {
  const before = servers.map(({ logins }) => logins);
  const isBack = () => servers.every(({ logins }, i) => logins > (before[i] ?? 0));
  const end = Date.now() + PATIENCE;
  while (!isBack() && Date.now() < end) await enter(proxy, protocol, false);
  await eventually(isBack, () => servers.map(({ logins }) => logins).join(" "));
}
