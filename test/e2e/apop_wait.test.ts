/** A POP3 server greets before its client says who it is (APOP), and may grow tired of waiting. */

import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { breakOff, FakeUpstream, hangUp } from "../support/fake_upstream.ts";
import { startProxy } from "../support/proxy.ts";
import { connectTo } from "../support/raw_client.ts";
import { WORDS } from "../support/scene.ts";
import { eventually } from "../support/watch.ts";
import type { Wire } from "../support/wire.ts";

const FAREWELLS: Readonly<Record<string, (wire: Wire) => void>> = {
  "hangs up": hangUp,
  "breaks off": breakOff,
  "says why it will hang up": (wire) => void wire.send("-ERR Disconnected for inactivity.\r\n"),
};

describe("a server that waits for APOP", () => {
  for (const [what, leave] of Object.entries(FAREWELLS)) {
    it(`${what}: its client is told so at once, and nothing of a wrong password`, async () => {
      const upstream = await FakeUpstream.start(["+OK ready <1.2@x>\r\n"]);
      const proxy = await startProxy(
        `server { listen 127.0.0.1; protocol pop3; pop3_auth apop; proxy_pass 127.0.0.1:${upstream.port}; }`,
      );
      try {
        const client = await connectTo(proxy.ports[0] ?? 0);
        await client.expect("+OK POP3 ready <1.2@x>\r\n");
        const wire = await upstream.wire(0);
        leave(wire);
        await eventually(() => wire.isOver, () => "the proxy still has the connection");
        client.send("APOP joe 0123456789abcdef0123456789abcdef\r\n");
        await client.expectEnd(WORDS.pop3.internalError);
        await eventually(() => proxy.server.connections === 0, () => "the connection is there still");
        assertEquals(proxy.log.filter((line) => line.includes("login failed")), []);
      } finally {
        await proxy.stop();
        await upstream.stop();
      }
    });
  }
});
