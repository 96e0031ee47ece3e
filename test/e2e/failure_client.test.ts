import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { needs } from "../support/clients.ts";
import { DeafPort } from "../support/deaf_port.ts";
import { accept, refuse } from "../support/fake_auth.ts";
import { inScene, type Protocol, PROTOCOLS, type Scene, WORDS } from "../support/scene.ts";
import { connectTo } from "../support/raw_client.ts";
import type { Wire } from "../support/wire.ts";

/** How a client can vanish. */
const WAYS = {
  "ends": (client: Wire) => client.end(),
  "breaks off": (client: Wire) => client.reset(),
};

/** Brings a client to the place where it vanishes. */
interface Place {
  readonly title: string;
  /** Gives back the client, and what must see an end with it. */
  readonly arrange: (scene: Scene, protocol: Protocol) => Promise<{ client: Wire; behind?: Wire }>;
  /** What the log says before, and what the proxy is at. */
  readonly before?: (scene: Scene, protocol: Protocol) => readonly string[];
  readonly action: string | ((protocol: Protocol) => string);
  readonly login?: "login" | "upstream";
}

const PLACES: readonly Place[] = [
  {
    title: "before its first word",
    arrange: async (scene, protocol) => ({ client: await scene.client(protocol) }),
    action: "in auth state",
  },
  {
    title: "within a command",
    arrange: async (scene, protocol) => {
      const client = await scene.client(protocol);
      // The answer to the first says that the second has come, too.
      await client.ask(`${KNOCK[protocol].said}${WORDS[protocol].login.slice(0, 6)}`, KNOCK[protocol].heard);
      return { client };
    },
    action: "in auth state",
  },
  {
    title: "within a SASL exchange",
    arrange: async (scene, protocol) => {
      const client = await scene.client(protocol);
      const [said, heard] = protocol === "imap" ? ["a AUTHENTICATE", "+"] : ["AUTH", protocol === "smtp" ? "334" : "+"];
      await client.ask(`${said} LOGIN am9l\r\n`, `${heard} UGFzc3dvcmQ6\r\n`);
      return { client };
    },
    action: "in auth state",
  },
  {
    title: "while the auth server thinks",
    arrange: async (scene, protocol) => {
      scene.auth.answer = () => {};
      const client = await scene.claimant(protocol);
      return { client, behind: await scene.auth.asked(0) };
    },
    action: "in http auth state",
    login: "login",
  },
  {
    title: "while its refusal is held back",
    arrange: async (scene, protocol) => {
      scene.auth.answer = refuse("No", 60);
      const client = await scene.claimant(protocol);
      return { client, behind: await scene.auth.asked(0) };
    },
    before: (scene, protocol) => [
      `info client login failed: "No" while in http auth state${scene.tail(protocol, "login")}`,
    ],
    action: "in http auth state",
    login: "login",
  },
  ...[0, 1, 2].map((said): Place => ({
    title: `when its upstream has said ${said} lines`,
    arrange: async (scene, protocol) => {
      scene.upstream.script = WORDS[protocol].upstream.slice(0, said);
      const client = await scene.claimant(protocol);
      const behind = await scene.upstream.wire(0);
      await behind.until(() => behind.received.split("\n").length === said + 1);
      return { client, behind };
    },
    action: (protocol) => ACTIONS[protocol][said] ?? "",
    login: "upstream",
  })),
];

describe("a client that", () => {
  for (const [way, vanish] of Object.entries(WAYS)) {
    for (const protocol of PROTOCOLS) {
      for (const { title, arrange, before, action, login } of PLACES) {
        it(`${way} ${title}: ${protocol}`, () =>
          inScene("", async (scene) => {
            const { client, behind } = await arrange(scene, protocol);
            vanish(client);
            if (way === "ends") await client.expectEnd();
            await behind?.untilOver();
            await scene.untilFree();
            const doing = typeof action === "string" ? action : action(protocol);
            const line = `info recv() failed (104: Connection reset by peer) while ${doing}${
              scene.tail(protocol, login)
            }`;
            assertEquals(scene.log, [...before?.(scene, protocol) ?? [], ...way === "ends" ? [] : [line]]);
            assertEquals(scene.results, [`${protocol} clientGone`]);
          }));
      }
    }

    it(`${way} while its upstream is being connected to`, needs("python3"), () =>
      inScene("", async (scene) => {
        const deaf = await DeafPort.open();
        try {
          scene.auth.answer = accept(deaf.port);
          const client = await scene.claimant("imap");
          await (await scene.auth.asked(0)).untilClosed();
          vanish(client);
          await scene.untilFree();
          assertEquals(scene.results, ["imap clientGone"]);
        } finally {
          await deaf.stop();
        }
      }));
  }

  it("gives up before the greeting", () =>
    inScene("", async (scene) => {
      const [port = 0] = scene.proxy.ports;
      for (let i = 0; i < 20; i++) {
        const client = await connectTo(port);
        if (i % 2 === 0) client.reset();
        else client.destroy();
      }
      await scene.untilFree();
      assertEquals(scene.log.filter((line) => !line.startsWith("info")), []);
    }));

  for (const protocol of PROTOCOLS) {
    it(`says all at once and listens for the rest: ${protocol}`, () =>
      inScene("", async (scene) => {
        const { login, heard, welcome, upstream } = WORDS[protocol];
        scene.upstream.script = upstream;
        scene.auth.answer = () => {};
        const client = await scene.client(protocol);
        client.send(`${login}what is left\r\n`);
        client.end();
        const auth = await scene.auth.asked(0);
        auth.send(`HTTP/1.0 200 OK\r\n${accept(scene.upstream.port)}\r\n`);
        auth.end();
        await client.expectEnd(`${heard}${welcome}what is left\r\n`);
        await scene.untilFree();
        assertEquals(scene.results, [`${protocol} clientClosed`]);
      }));
  }
});

/** A command that is answered at once. */
const KNOCK: Readonly<Record<Protocol, { readonly said: string; readonly heard: string }>> = {
  imap: { said: "x NOOP\r\n", heard: "x OK completed\r\n" },
  pop3: { said: "NOOP\r\n", heard: "+OK\r\n" },
  smtp: { said: "NOOP\r\n", heard: "250 2.0.0 OK\r\n" },
};

/** What the proxy is at when the upstream has said nothing, its greeting, and one thing more. */
const ACTIONS: Readonly<Record<Protocol, readonly string[]>> = {
  imap: [
    "reading response from upstream",
    "sending LOGIN command to upstream",
    "sending user name to upstream",
  ],
  pop3: ["reading response from upstream", "sending user name to upstream", "sending password to upstream"],
  smtp: ["reading response from upstream", "sending HELO/EHLO to upstream", "sending XCLIENT to upstream"],
};
