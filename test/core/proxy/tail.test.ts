import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { describeSession } from "../../../src/proxy/tail.ts";
import { factsOf } from "../../support/facts.ts";
import { TLS } from "../../support/transcript.ts";

describe("what stands behind a log line of a session", () => {
  const nobody = { login: undefined, upstream: undefined };

  it("is what nginx writes of a client in clear", () => {
    assertEquals(describeSession(factsOf(), nobody), ", client: 198.51.100.7, server: 0.0.0.0:143");
    const facts = factsOf({ usesStartTls: true });
    assertEquals(
      describeSession(facts, { login: "joe", upstream: "192.0.2.3:143" }),
      ', client: 198.51.100.7 using starttls, server: 0.0.0.0:143, login: "joe", upstream: 192.0.2.3:143',
    );
  });

  it("ends with the name that the client asked for, which cannot be taken for anything else", () => {
    const facts = factsOf({ tls: { ...TLS, serverName: 'mail", client: 192.0.2.1' } });
    assertEquals(
      describeSession(facts, nobody),
      ', client: 198.51.100.7, server: 0.0.0.0:143, host: "mail\\x22, client: 192.0.2.1"',
    );
    const unnamed = factsOf({ tls: { ...TLS, serverName: undefined } });
    assertEquals(describeSession(unnamed, nobody), ", client: 198.51.100.7, server: 0.0.0.0:143");
  });
});
