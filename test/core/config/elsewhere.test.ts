/** TLS directives of nginx's other modules. */

import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { MODULES } from "../../../src/config/directives/mod.ts";
import { sslElsewhere } from "../../../src/config/directives/ssl_elsewhere.ts";
import { inMail, inServer, problem, warnings } from "../../support/config.ts";

describe("what only other modules of nginx have", () => {
  for (const { name, state } of sslElsewhere.directives) {
    it(`is ${state.type}: ${name}`, () => {
      const hint = state.type === "refused" ? `\n${state.reason}` : "";
      const expected = (line: number) =>
        state.type === "refused" ? `"${name}" directive is not supported in f:${line}${hint}` : "ok";
      assertEquals(problem(inServer(`${name} on;`)), expected(4));
      assertEquals(problem(inMail(`${name} on;`)), expected(3));
      if (state.type !== "refused") assertEquals(warnings(inServer(`${name} on;`)), []);
    });
  }

  it("has no reason that is no reason", () => {
    for (const { state, name } of MODULES.flatMap(({ directives }) => directives)) {
      if (state.type === "refused") assertEquals(/^[A-Z]|\.$/.test(state.reason), false, name);
    }
  });

  it("is refused as a command for servers where a client has no use for it", () => {
    for (const command of ["Groups X25519", "DHParameters d", "NumTickets 3", "VerifyMode Peer"]) {
      const [name] = command.split(" ");
      assertEquals(
        problem(inServer(`proxy_ssl_conf_command ${command};`)),
        `"proxy_ssl_conf_command ${name}" is not supported in f:4`,
      );
    }
    assertEquals(
      problem(inServer("proxy_ssl_conf_command MaxProtocol TLSv1.2;", "proxy_ssl_protocols TLSv1.3;")),
      'no version of TLS is left by the "proxy_ssl_conf_command" directive in f:4',
    );
  });
});
