import { assert, assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { Proxy, TAIL } from "./_support.ts";

const RESET = { number: 104, text: "Connection reset by peer" } as const;
const BROKEN_PIPE = { number: 32, text: "Broken pipe" } as const;

describe("the log of a login to an upstream", () => {
  it("says that it was the upstream's answer that broke off", async () => {
    const proxy = await Proxy.start();
    const upstream = proxy.admit(proxy.client());
    upstream.says("* OK ready\r\n");
    proxy.log();
    upstream.breaks(RESET);
    assertEquals(proxy.log(), [
      `[error] *1 recv() failed (104: Connection reset by peer) while reading response from upstream${TAIL}`,
    ]);
  });

  it("says what could not be sent", async () => {
    const proxy = await Proxy.start();
    const upstream = proxy.admit(proxy.client());
    upstream.says("* OK ready\r\n");
    proxy.log();
    upstream.breaks(BROKEN_PIPE);
    assertEquals(proxy.log(), [
      `[error] *1 send() failed (32: Broken pipe) while sending LOGIN command to upstream${TAIL}`,
    ]);
  });

  it("has a line for an upstream that is gone without a reason", async () => {
    const proxy = await Proxy.start();
    const client = proxy.client();
    const upstream = proxy.admit(client);
    proxy.log();
    upstream.abort();
    proxy.runtime.clock.advance(1);
    assertEquals(proxy.log(), [
      `[error] *1 upstream prematurely closed connection while reading response from upstream${TAIL}`,
    ]);
    assertEquals(client.heard(), "* BAD [UNAVAILABLE] internal server error\r\n");
  });
});

describe("the log of a relay", () => {
  for (
    const [failure, line] of [
      [
        { ...RESET, side: "client" },
        "[info] *1 recv() failed (104: Connection reset by peer) while proxying and reading from client",
      ],
      [
        { ...RESET, side: "upstream" },
        "[error] *1 recv() failed (104: Connection reset by peer) while proxying and reading from upstream",
      ],
      [
        { ...BROKEN_PIPE, side: "client" },
        "[info] *1 send() failed (32: Broken pipe) while proxying and sending to client",
      ],
      [
        { ...BROKEN_PIPE, side: "upstream" },
        "[error] *1 send() failed (32: Broken pipe) while proxying and sending to upstream",
      ],
    ] as const
  ) {
    it(`says that the ${failure.side} broke with ${failure.text}`, async () => {
      const proxy = await Proxy.start();
      proxy.logIn(proxy.client());
      proxy.log();
      proxy.runtime.relays[0]?.finish({ end: `${failure.side}Closed`, failure });
      assertEquals(proxy.log(), [line + TAIL, `[info] *1 proxied session done${TAIL}`]);
    });
  }
});

describe("a fault of ours", () => {
  it("at the accept of a connection costs that one alone", async () => {
    const proxy = await Proxy.start();
    const { runtime } = proxy;
    const now = runtime.now;
    runtime.now = () => {
      runtime.now = now;
      throw new Error("out of time");
    };
    assertEquals(proxy.client().ending, "abort");
    assert(proxy.log()[0]?.startsWith("[alert] internal error: Error: out of time\\x0A"));
    assertEquals(proxy.client().ending, undefined);
  });

  it("ends one session alone, says so to its client, and leaves a line with all that is known", async () => {
    const proxy = await Proxy.start();
    const [client, other] = [proxy.client(), proxy.client()];
    proxy.ask(client);
    proxy.log();
    proxy.runtime.connect = () => {
      throw new Error("out of luck");
    };
    proxy.answer();
    assertEquals(client.heard(), "* BAD [UNAVAILABLE] internal server error\r\n");
    assertEquals(client.ending, "close");
    const [line = ""] = proxy.log();
    assert(line.startsWith("[alert] *1 internal error: Error: out of luck\\x0A"), line);
    assert(line.endsWith(` while connecting to upstream${TAIL}`), line);
    other.says("a NOOP\r\n");
    assertEquals(other.heard(), "a OK completed\r\n");
  });
});
