import { describe, it } from "node:test";
import { ensembles } from "../support/ensemble.ts";
import type { Protocol } from "../support/scene.ts";
import { WORDS } from "../support/scene.ts";
import type { Wire } from "../support/wire.ts";

const start = ensembles();

const FAREWELLS: Readonly<Record<Protocol, string>> = {
  imap: "* BYE shutting down\r\n",
  pop3: "-ERR [SYS/TEMP] shutting down\r\n",
  smtp: "421 4.3.2 Shutting down\r\n",
};

/** What a client asks, how the answer begins, and how it ends: each part is whole lines. */
const EXCHANGES: Readonly<Record<Protocol, readonly [asks: string, begins: string, ends: string]>> = {
  imap: ["b FETCH 1 BODY[]\r\n", "* 1 FETCH (BODY[] {20}\r\nSubject: x\r\n", "\r\nBody\r\n)\r\nb OK\r\n"],
  pop3: ["RETR 1\r\n", "+OK 20 octets\r\nSubject: x\r\n", "\r\nBody\r\n.\r\n"],
  smtp: ["EHLO x\r\n", "250-mx.example.com\r\n", "250 8BITMIME\r\n"],
};

describe("a client that is logged in hears that we stop", () => {
  for (const protocol of ["imap", "pop3", "smtp"] as const) {
    const [, begins, ends] = EXCHANGES[protocol];

    it(`behind a whole answer: ${protocol}`, async () => {
      const { client, stop } = await asking(protocol, begins + ends);
      const stopped = stop();
      await client.expectEnd(FAREWELLS[protocol]);
      await stopped;
    });

    it(`and never within one, where it would be taken for a part of it: ${protocol}`, async () => {
      const { client, stop } = await asking(protocol, begins);
      const stopped = stop();
      await client.expectEnd("");
      await stopped;
    });
  }
});

/** Somebody who is logged in, with a server that has said `said` of its answer. */
async function asking(protocol: Protocol, said: string) {
  const [asks] = EXCHANGES[protocol];
  let server: Wire | undefined;
  const script = [...WORDS[protocol].upstream.slice(0, -1), (wire: Wire) => void (server = wire)];
  const ensemble = await start({ protocol, script });
  const client = await ensemble.enter();
  client.send(asks);
  await server?.until(() => server?.unread === asks);
  server?.send(said);
  await client.expect(said);
  return { client, stop: () => ensemble.proxy.server.stop("fast") };
}
