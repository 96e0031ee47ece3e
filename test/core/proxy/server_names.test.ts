import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { ServerNames } from "../../../src/proxy/server_names.ts";
import { serve } from "../../../src/proxy/mod.ts";
import type { Cancel, Octets, Socket, TlsContext, TlsServerOptions } from "../../../src/runtime.ts";
import { load, memoryFiles } from "../../support/config.ts";
import { FakeRuntime } from "../../support/fake_runtime.ts";

describe("what belongs to a server's name", () => {
  const names = new ServerNames<string>();
  const LIST = ["mail.example.org", "*.example.org", ".example.net", "*.deep.example.org", "MAIL.example.org"];
  for (const name of LIST) names.add(name, name);

  for (
    const [asked, found] of [
      ["mail.example.org", "mail.example.org"],
      ["MAIL.Example.ORG", "mail.example.org"],
      ["imap.example.org", "*.example.org"],
      ["a.b.example.org", "*.example.org"],
      ["a.deep.example.org", "*.deep.example.org"],
      ["deep.example.org", "*.example.org"],
      ["example.org", undefined],
      ["example.net", ".example.net"],
      ["a.example.net", ".example.net"],
      ["badexample.net", undefined],
      ["*.example.org", "*.example.org"],
      [".example.org", "*.example.org"],
      ["mail.example.org.", undefined],
      ["constructor", undefined],
      ["__proto__", undefined],
      [".", undefined],
      ["", undefined],
    ] as const
  ) {
    it(`is found for "${asked}"`, () => assertEquals(names.find(asked), found));
  }
});

/** A runtime whose TLS consists of contexts that are counted and of the choice between them. */
class NamingRuntime extends FakeRuntime {
  readonly contexts: TlsContext[] = [];
  choose: (serverName: Octets | undefined) => TlsContext = () => {
    throw new Error("no client has come");
  };

  override createTlsServer(_options?: TlsServerOptions): TlsContext {
    const context: TlsContext = { kind: "server", expires: Infinity, caveat: undefined };
    this.contexts.push(context);
    return context;
  }

  override secureServer(_socket?: Socket, tls?: Pick<NamingRuntime, "choose">): Cancel {
    if (tls !== undefined) this.choose = tls.choose;
    return () => {};
  }
}

describe("names that clients ask for", () => {
  it("make no contexts, however many there are", async () => {
    const runtime = new NamingRuntime();
    const files = memoryFiles({ "/c.pem": "-----BEGIN CERTIFICATE-----", "/k.pem": "-----BEGIN PRIVATE KEY-----" });
    runtime.files.read = (path: Octets) => files.read(path);
    const server = (name: string) => `server { listen 127.0.0.1:993 ssl; protocol imap; server_name ${name}; }`;
    const names = ["mail.example.org", "*.example.org", ".example.net"];
    await serve(
      load(
        `error_log /error.log; events {} mail { auth_http 192.0.2.9; ssl_certificate /c.pem; ssl_certificate_key /k.pem;
         ${names.map(server).join("\n")} }`,
        { files },
      ),
      runtime,
    );
    runtime.listeners[0]?.client();
    const [first, wild, both] = runtime.contexts;
    const found = new Map<TlsContext, number>();
    for (let i = 0; i < 100_000; i++) {
      const random = Math.imul(i + 1, 0x9e3779b1) >>> 0;
      const name = `${random.toString(36)}.${["example.org", "example.net", "example.com", "org"][i % 4]}`;
      const context = runtime.choose(name);
      found.set(context, (found.get(context) ?? 0) + 1);
    }
    assertEquals(found, new Map([[wild, 25_000], [both, 25_000], [first, 50_000]] as [TlsContext, number][]));
    assertEquals(runtime.choose(undefined), first);
    assertEquals(runtime.contexts.length, names.length);
  });
});
