import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { bindingKey, bindingsOf } from "../../../src/proxy/addresses.ts";
import { inheritedBy, strayLines } from "../../../src/proxy/inherited.ts";
import { load } from "../../support/config.ts";
import { FakeRuntime } from "../../support/fake_runtime.ts";

const SOCKETS = [
  { descriptor: 3, address: { family: 4, host: "127.0.0.1", port: 143 } },
  // As the kernel writes it.
  { descriptor: 4, address: { family: 6, host: "0:0:0:0:0:0:0:1", port: 143 } },
  { descriptor: 5, address: { family: "unix", path: "/run/mail" } },
] as const;

function bindings(...listens: readonly string[]) {
  const servers = listens.map((listen) => `server { listen ${listen}; protocol imap; }`).join(" ");
  return bindingsOf(load(`events {} mail { auth_http 127.0.0.1; ${servers} }`), new FakeRuntime());
}

describe("sockets that the program was given", () => {
  it("are found by the address of a listen, however it is written", async () => {
    const inherited = inheritedBy(SOCKETS);
    const wanted = await bindings("127.0.0.1:143", "[0::1]:143", "unix:/run/mail", "127.0.0.2:143");
    assertEquals(
      wanted.map((binding) => inherited.get(bindingKey(binding))).toSorted(),
      [3, 4, 5, undefined],
    );
    assertEquals(strayLines(inherited, wanted), []);
  });

  it("are told of when nobody asks for them", async () => {
    const lines = strayLines(inheritedBy(SOCKETS), await bindings("143", "[::1]:143"));
    const rest = 'is of no "listen" directive with just this address, and nobody accepts there';
    assertEquals(lines, [
      `inherited socket 127.0.0.1:143 (descriptor 3) ${rest}`,
      `inherited socket unix /run/mail (descriptor 5) ${rest}`,
    ]);
  });
});
