import { assertEquals } from "@std/assert";
import { afterEach, describe, it } from "node:test";
import { type Ensemble, ensembles } from "../support/ensemble.ts";
import { freePort } from "../support/free_ports.ts";
import { PROTOCOLS, WORDS } from "../support/scene.ts";
import { accept, type Answer, FakeAuth, field, refuse, reply } from "../support/fake_auth.ts";

const start = ensembles();
const others: FakeAuth[] = [];

afterEach(async () => {
  for (const auth of others.splice(0)) await auth.stop();
});

/** One more auth server, before those of the ensemble. */
async function serverThat(answers: Answer): Promise<FakeAuth> {
  const auth = await FakeAuth.start(answers);
  others.push(auth);
  return auth;
}

/** Asks these servers in turn, and the ensemble's own last. */
function ask(protocol: "imap" | "pop3" | "smtp", servers: readonly FakeAuth[], mail = ""): Promise<Ensemble> {
  const urls = servers.map(({ port }) => `127.0.0.1:${port}/`);
  return start({ protocol, mail, authHttp: (port) => [...urls, `127.0.0.1:${port}/`].join(" ") });
}

const TAIL = ' while in http auth state, client: 127.0.0.1, server: 127.0.0.1:0, login: "joe"';

/** Ways in which a server gives no answer, and what the log says, SERVER being its address. */
const TROUBLES: readonly (readonly [string, Answer, string, mail?: string])[] = [
  ["has an error", (wire) => reply(wire, "", "500 Internal Server Error"), "auth http server SERVER sent status 500"],
  [
    "has an error, though it says OK",
    (wire) => reply(wire, accept(143), "503 Service Unavailable"),
    "auth http server SERVER sent status 503",
  ],
  ["knows no such page", (wire) => reply(wire, "", "404 Not Found"), "auth http server SERVER sent status 404"],
  ["does not say Auth-Status", "X-Nothing: 1\r\n", "auth http server SERVER did not send status"],
  ["does not say where to", "Auth-Status: OK\r\n", "auth http server SERVER did not send server or port"],
  [
    "says a port that is none",
    "Auth-Status: OK\r\nAuth-Server: 127.0.0.1\r\nAuth-Port: 0\r\n",
    'auth http server SERVER sent invalid server port:"0"',
  ],
  [
    "does not speak HTTP",
    (wire) => wire.send("SSH-2.0-x\r\n\r\n"),
    "auth http server SERVER sent invalid header in response",
  ],
  ["hangs up", (wire) => wire.end(), "auth http server SERVER closed connection prematurely"],
  ["breaks off", (wire) => wire.reset(), "recv() failed (104: Connection reset by peer) with auth http server SERVER"],
  [
    "is slow",
    () => {},
    "auth http server SERVER timed out (110: Connection timed out)",
    "auth_http_timeout 1s;",
  ],
];

describe("several auth servers", () => {
  for (const [title, trouble, line, mail] of TROUBLES) {
    it(`the second is asked when the first ${title}`, async () => {
      const first = await serverThat(trouble);
      const { enter, auth, proxy } = await ask("pop3", [first], mail);
      await enter();
      assertEquals(proxy.log[1], `error ${line.replace("SERVER", `127.0.0.1:${first.port}`)}${TAIL}`);
      assertEquals(auth.requests, first.requests);
      assertEquals(field(auth.requests[0], "Auth-Login-Attempt"), "1");
    });
  }

  for (const protocol of PROTOCOLS) {
    it(`the second is asked for ${protocol} when the first is down`, async () => {
      const down = await freePort();
      const { enter, proxy } = await start({ protocol, authHttp: (port) => `127.0.0.1:${down} 127.0.0.1:${port}` });
      await enter();
      assertEquals(
        proxy.log[1]?.split(" while ")[0],
        `error connect() failed (111: Connection refused) with auth http server 127.0.0.1:${down}`,
      );
    });

    it(`all down are our trouble, not the client's, in ${protocol}`, async () => {
      const [one, two, three] = [await freePort(), await freePort(), await freePort()];
      const authHttp = () => `127.0.0.1:${one} 127.0.0.1:${two} 127.0.0.1:${three}`;
      const { connect, proxy } = await start({ protocol, authHttp });
      const client = await connect();
      const { greeting, login, heard, internalError } = WORDS[protocol];
      await client.expect(greeting);
      client.send(login);
      await client.expectEnd(heard + internalError);
      assertEquals(
        proxy.log.slice(1),
        [one, two, three].map((port) =>
          `error connect() failed (111: Connection refused) with auth http server 127.0.0.1:${port}${TAIL}`
        ),
      );
    });
  }

  it("each says in the log what is wrong with it", async () => {
    const [first, second] = [await serverThat((wire) => reply(wire, "", "500 No")), await serverThat("X: 1\r\n")];
    const { connect, auth, proxy } = await ask("imap", [first, second]);
    auth.answer = "Auth-Status: OK\r\n";
    const client = await connect();
    const { greeting, login, internalError } = WORDS.imap;
    await client.expect(greeting);
    client.send(login);
    await client.expectEnd(internalError);
    assertEquals(proxy.log.slice(1), [
      `error auth http server 127.0.0.1:${first.port} sent status 500${TAIL}`,
      `error auth http server 127.0.0.1:${second.port} did not send status${TAIL}`,
      `error auth http server 127.0.0.1:${auth.port} did not send server or port${TAIL}`,
    ]);
  });

  it("one that has failed rests", async () => {
    const first = await serverThat((wire) => reply(wire, "", "500 No"));
    const { enter, auth } = await ask("imap", [first]);
    for (let i = 0; i < 3; i++) await enter();
    assertEquals([first.requests.length, auth.requests.length], [1, 3]);
  });

  it("one that rests is asked when the others have no answer, and rests no more when it has one", async () => {
    const first = await serverThat((wire) => reply(wire, "", "500 No"));
    const { enter, auth, upstream } = await ask("imap", [first]);
    await enter();
    first.answer = accept(upstream.port);
    auth.answer = (wire) => reply(wire, "", "500 No");
    await enter();
    assertEquals([first.requests.length, auth.requests.length], [2, 2]);
    await enter();
    assertEquals([first.requests.length, auth.requests.length], [3, 2]);
  });

  it("the first is asked as long as it answers", async () => {
    const first = await serverThat("");
    const { enter, auth, upstream } = await ask("imap", [first]);
    first.answer = accept(upstream.port);
    for (let i = 0; i < 3; i++) await enter();
    assertEquals([first.requests.length, auth.requests.length], [3, 0]);
  });

  it("a refusal is an answer", async () => {
    const first = await serverThat(refuse("Wrong password"));
    const { connect, auth, proxy } = await ask("imap", [first]);
    const client = await connect();
    await client.expect(WORDS.imap.greeting);
    client.send("a LOGIN joe wrong\r\n");
    await client.expectEnd("a NO Wrong password\r\n");
    assertEquals([first.requests.length, auth.requests.length], [1, 0]);
    assertEquals(proxy.log.slice(1), [`info client login failed: "Wrong password"${TAIL}`]);
  });

  it("a refusal with a wait is one, and the next attempt asks the first again", async () => {
    const first = await serverThat(refuse("Wrong password", 1));
    const { connect, auth, upstream } = await ask("imap", [first]);
    const client = await connect();
    await client.expect(WORDS.imap.greeting);
    client.send("a LOGIN joe wrong\r\n");
    await client.expect("a NO Wrong password\r\n");
    first.answer = accept(upstream.port);
    await client.ask("b LOGIN joe sesame\r\n", "b OK logged in\r\n");
    assertEquals(first.requests.map((request) => field(request, "Auth-Login-Attempt")), ["1", "2"]);
    assertEquals(auth.requests, []);
  });

  it("a client that leaves while the first is slow costs the second no question", async () => {
    const first = await serverThat(() => {});
    const { connect, auth, proxy } = await ask("imap", [first]);
    const client = await connect();
    await client.expect(WORDS.imap.greeting);
    client.send("a LOGIN joe sesame\r\n");
    const asked = await first.asked(0);
    client.end();
    await asked.untilOver();
    assertEquals([auth.requests, proxy.log.length], [[], 1]);
  });
});
