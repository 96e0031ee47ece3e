import { assert, assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { ClientContexts } from "../../../src/proxy/tls.ts";
import type { TlsClientOptions } from "../../../src/runtime.ts";
import { inServer, load, problem } from "../../support/config.ts";
import { factsOf } from "../../support/facts.ts";
import { FakeRuntime } from "../../support/fake_runtime.ts";

/** The contexts of a server block with these lines, and the names that they were made for. */
function contextsWith(...lines: readonly string[]): { contexts: ClientContexts; made: (string | undefined)[] } {
  const [server] = load(inServer("proxy_ssl on;", ...lines)).servers;
  if (server === undefined) throw new Error("no server");
  const made: (string | undefined)[] = [];
  const runtime = new FakeRuntime();
  const createTlsClient = ({ verifiedName }: TlsClientOptions) => {
    made.push(verifiedName);
    return { caveat: undefined, expires: undefined };
  };
  const contexts = new ClientContexts(
    server.proxy.ssl,
    Object.create(runtime, { createTlsClient: { value: createTlsClient } }),
  );
  made.length = 0;
  return { contexts, made };
}

const TARGET = { host: "192.0.2.1", port: 993 };
const user = (login: string) =>
  factsOf({ claim: { method: "plain", login, clientHost: undefined, envelope: undefined } });

describe("proxy_ssl_name", () => {
  it("is the server's own name unless it is given", () => {
    const { contexts, made } = contextsWith();
    contexts.for(TARGET, user("anna@example.com"));
    assertEquals(made, ["192.0.2.1"]);
  });

  it("may have variables, worked out for each session", () => {
    const { contexts, made } = contextsWith("proxy_ssl_name imap.$auth_domain;");
    for (const login of ["anna@Example.COM", "berta@example.com", "carl@example.org"]) {
      contexts.for(TARGET, user(login));
    }
    assertEquals(made, ["imap.example.com", "imap.example.org"]);
  });

  it("is the server's own again where no name comes of them, or nobody is there", () => {
    for (const login of ["anna", "anna@a b", "anna@x\0y", `anna@${"x".repeat(254)}`]) {
      const { contexts, made } = contextsWith("proxy_ssl_name $auth_domain;");
      contexts.for(TARGET, user(login));
      contexts.for(TARGET);
      assertEquals(made, ["192.0.2.1"]);
    }
  });

  it("makes no more contexts than there may be, whatever clients call themselves", () => {
    const { contexts, made } = contextsWith("proxy_ssl_name $auth_domain;");
    const contextOf = (index: number) => contexts.for(TARGET, user(`anna@${index}.example.com`));
    const first = contextOf(0);
    for (let i = 1; i < 256; i++) contextOf(i);
    assert(contextOf(0) === first);
    assertEquals(made.length, 256);
    contextOf(256);
    assert(contextOf(0) !== first);
    assertEquals(made.length, 258);
  });

  it("names a variable that there is", () => {
    assertEquals(
      problem(inServer("proxy_ssl_name $auth_domian;")),
      'unknown "auth_domian" variable in f:4\ndid you mean "$auth_domain"?',
    );
  });

  it("of auth servers has none, for no client is known there yet", () => {
    assertEquals(problem(inServer("auth_http_ssl_name $auth_domian;")), "ok");
  });
});
