import { after, before, describe, it } from "node:test";
import { assert, assertMatch } from "@std/assert";
import { startAuthScript } from "../support/auth_servers.ts";
import { needs } from "../support/clients.ts";
import { letter } from "../support/letters.ts";
import type { TestProxy } from "../support/proxy.ts";
import { connectTo } from "../support/raw_client.ts";
import { ANNA, INNER_ANNA, Scene } from "../support/real_scene.ts";
import { eventually } from "../support/watch.ts";
import type { Wire } from "../support/wire.ts";

const REAL = needs("dovecot 2.3", "python3");

/** More than all kernel buffers between Dovecot and a reader who stands still. */
const BIG = letter(1, { size: 50_000, longest: 5000 }) + letter(2, { size: 1_000_000 }).repeat(50);

/** How long BIG may take on a busy machine. */
const PATIENCE = 30_000;

const LOGIN = {
  imap: `a LOGIN ${ANNA.login} ${ANNA.password}\r\n`,
  pop3: `USER ${ANNA.login}\r\nPASS ${ANNA.password}\r\n`,
};

/** All that is there to say after the login, to get BIG. */
const FETCH = {
  imap: "b SELECT INBOX\r\nc FETCH 1 BODY.PEEK[]\r\nd LOGOUT\r\n",
  pop3: "RETR 1\r\nQUIT\r\n",
};

/** How the answer must end, and what of it is BIG. */
const ANSWER = {
  imap: { end: /\r\nd OK Logout completed.*\r\n$/, letter: (text: string) => text.includes(BIG) },
  pop3: {
    end: /\r\n\.\r\n\+OK Logging out\.\r\n$/,
    letter: (text: string) => text.replaceAll("\r\n.", "\r\n").includes(BIG),
  },
};

describe("Fifty megabytes from Dovecot", () => {
  const clients: Wire[] = [];
  let scene: Scene | undefined;
  let proxies: { readonly imap: TestProxy; readonly pop3: TestProxy };
  before(async () => {
    if (REAL.skip !== false) return;
    scene = await Scene.open({ auth: startAuthScript });
    scene.dovecot.deliver(INNER_ANNA.login, [BIG]);
    proxies = {
      imap: await scene.proxy("server { listen 127.0.0.1; protocol imap; }"),
      pop3: await scene.proxy("server { listen 127.0.0.1; protocol pop3; }"),
    };
  }, REAL);
  after(async () => {
    for (const client of clients) client.destroy();
    await scene?.close();
  });

  async function connect(proxy: TestProxy): Promise<Wire> {
    const client = await connectTo(proxy.ports[0] ?? 0);
    clients.push(client);
    return client;
  }

  /** A client that stops reading in the midst of BIG, as soon as no buffer on the way takes any more. */
  async function standStill(proxy: TestProxy): Promise<Wire> {
    const client = await connect(proxy);
    client.send(LOGIN.imap + FETCH.imap);
    await client.until(() => client.received.length > 500_000);
    client.pause();
    await eventually(() => proxy.queued() > 0, () => "nothing waits in the proxy");
    return client;
  }

  it("wait for a reader who stands still while others are served", REAL, async () => {
    const proxy = proxies.imap;
    const slow = await standStill(proxy);
    // A proxy without bounds would read all of it meanwhile.
    const quick = await connect(proxy);
    quick.send(LOGIN.imap + FETCH.imap);
    assert(ANSWER.imap.letter(await restOf(quick)));
    assert(proxy.queued() <= 1_000_000, `${proxy.queued()} octets wait in the proxy`);
    slow.resume();
    const answer = await restOf(slow);
    assertMatch(answer.slice(-200), ANSWER.imap.end);
    assert(ANSWER.imap.letter(answer));
  });

  it("are forgotten at once when their reader vanishes", REAL, async () => {
    const client = await standStill(proxies.imap);
    client.reset();
    await eventually(() => proxies.imap.sockets() === 0, () => `${proxies.imap.sockets()} sockets are left`);
  });

  for (const protocol of ["imap", "pop3"] as const) {
    it(`reach a ${protocol} client that has ended its side behind its last command`, REAL, async () => {
      const client = await connect(proxies[protocol]);
      client.send(LOGIN[protocol]);
      await client.until(() => client.received.includes("Logged in"));
      client.send(FETCH[protocol]);
      client.end();
      const answer = await restOf(client);
      assertMatch(answer.slice(-200), ANSWER[protocol].end);
      assert(ANSWER[protocol].letter(answer));
    });

    it(`reach a ${protocol} client that has said all there is, and ended, before it was logged in`, REAL, async () => {
      const client = await connect(proxies[protocol]);
      client.send(LOGIN[protocol] + FETCH[protocol]);
      client.end();
      const answer = await restOf(client);
      assertMatch(answer.slice(-200), ANSWER[protocol].end);
      assert(ANSWER[protocol].letter(answer));
    });
  }
});

async function restOf(client: Wire): Promise<string> {
  await client.until(() => client.isOver, PATIENCE);
  return client.received;
}
