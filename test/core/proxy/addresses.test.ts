import { assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "node:test";
import { bindingKey, bindingsOf } from "../../../src/proxy/addresses.ts";
import { StartError } from "../../../src/proxy/start_error.ts";
import { load } from "../../support/config.ts";
import { FakeRuntime } from "../../support/fake_runtime.ts";

/** What these servers listen on, where `mail.test` has two addresses. */
async function keys(...servers: readonly string[]): Promise<readonly string[]> {
  const runtime = new FakeRuntime();
  runtime.lookup = () => Promise.resolve(["192.0.2.1", "2001:db8::1", "192.0.2.1"]);
  const text = `events {}\nmail { auth_http 127.0.0.1;\n${servers.join("\n")}\n}`;
  return (await bindingsOf(load(text), runtime)).map(bindingKey);
}

describe("the addresses of listen", () => {
  it("are all that a name has, each once", async () => {
    assertEquals(await keys("server { listen mail.test:143; }"), ["192.0.2.1 143", "2001:db8::1 143"]);
  });

  it("may be one for servers that names tell apart, written alike", async () => {
    const server = (name: string) =>
      `server { listen mail.test:993 ssl; server_name ${name}; ssl_certificate c; ssl_certificate_key k; }`;
    assertEquals(await keys(server("a.test"), server("b.test")), ["192.0.2.1 993", "2001:db8::1 993"]);
  });

  const DOUBLES: readonly (readonly [one: string, other: string])[] = [
    ["mail.test:143", "192.0.2.1:143"],
    ["192.0.2.1:143", "mail.test:143"],
    ["[2001:db8:0::1]:143", "mail.test:143"],
    ["mail.test:143", "also.test:143"],
  ];
  for (const [one, other] of DOUBLES) {
    it(`are refused twice: ${one} and ${other}`, async () => {
      const message = `duplicate "${other}" address and port pair in f:4`;
      const first = `server { listen ${one}; protocol imap; }`;
      await assertRejects(() => keys(first, `server { listen ${other}; protocol pop3; }`), StartError, message);
    });
  }
});
