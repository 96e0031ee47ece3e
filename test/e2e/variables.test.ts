/** What variables come to in the places that have them, told by real sockets and real TLS. */

import { after, before, describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { type Certificate, CLIENT_EXTENSIONS } from "../support/certificates.ts";
import { field } from "../support/fake_auth.ts";
import { IMAP_LOGIN } from "../support/fake_upstream.ts";
import { WORDS } from "../support/scene.ts";
import { MAIL, TlsScene } from "../support/tls_scene.ts";
import { connectTls } from "../support/tls_wire.ts";

/** As a header, each with a bar behind it: an empty one shows as well. */
function told(...names: readonly string[]): string {
  return `auth_http_header X-Told "${names.map((name) => `$${name}|`).join("")}";`;
}

const OF_ALL = [
  "remote_addr",
  "remote_port",
  "server_addr",
  "server_port",
  "protocol",
  "auth_user",
  "auth_domain",
  "auth_method",
];

describe("variables", () => {
  let scene: TlsScene;
  let own: Certificate;
  before(async () => {
    scene = await TlsScene.open();
    own = scene.folder.make({
      name: "anna",
      issuer: scene.authority,
      extensions: CLIENT_EXTENSIONS,
      subject: "/O=Example/CN=anna",
    });
  });
  after(() => scene.close());

  const heard = () => field(scene.auth.requests.at(-1), "X-Told");

  it("tell the auth server of a client over TLS, and of its certificate", async () => {
    const proxy = await scene.proxy(
      `ssl_verify_client on; ssl_client_certificate ${scene.authority.certificatePath};
       ${told(...OF_ALL, "ssl_server_name", "ssl_client_s_dn", "ssl_client_verify", "starttls", "smtp_helo")}
       server { listen 127.0.0.1 ssl; protocol imap; }`,
    );
    const [port = 0] = proxy.ports;
    scene.upstream.script = IMAP_LOGIN;
    const { wire } = await connectTls(port, { own, name: MAIL, ca: scene.authority });
    scene.keep(wire);
    await wire.expect(WORDS.imap.greeting);
    await wire.ask("a LOGIN anna@example.test secret\r\n", WORDS.imap.heard + WORDS.imap.welcome);
    assertEquals(
      heard(),
      `127.0.0.1|${wire.localPort}|127.0.0.1|${port}|imap|anna@example.test|example.test|plain|` +
        `${MAIL}|CN=anna,O=Example|SUCCESS|off||`,
    );
  });

  it("tell the auth server of mail without a login", async () => {
    const proxy = await scene.proxy(
      `smtp_auth none; ${told(...OF_ALL, "smtp_helo", "smtp_from", "smtp_to", "ssl_server_name")}
       server { listen 127.0.0.1; protocol smtp; }`,
    );
    const client = await scene.client(proxy.ports[0] ?? 0);
    await client.expect(WORDS.smtp.greeting);
    client.send("HELO here\r\nMAIL FROM:<a@example.test>\r\nRCPT TO:<b@example.test>\r\n");
    await scene.auth.asked(scene.auth.requests.length);
    assertEquals(
      heard(),
      `127.0.0.1|${client.localPort}|127.0.0.1|${proxy.ports[0]}|smtp|||none|here|a@example.test|b@example.test||`,
    );
  });

  it("say where a session goes", async () => {
    const dead = "127.0.0.1:1";
    const routes = [
      ["$protocol", "imap"],
      ["$auth_method/$auth_domain", "plain/example.test"],
      ["$remote_addr", "127.0.0.1"],
      ["$ssl_protocol", ""],
    ];
    for (const [text, value] of routes) {
      const proxy = await scene.proxy(
        `map "x${text}" $there { "x${value}" 127.0.0.1:${scene.upstream.port}; default ${dead}; }
         server { listen 127.0.0.1; protocol imap; proxy_pass $there; }`,
      );
      scene.auth.answer = "Auth-Status: OK\r\n";
      scene.upstream.script = IMAP_LOGIN;
      const client = await scene.client(proxy.ports[0] ?? 0);
      await client.expect(WORDS.imap.greeting);
      await client.ask("a LOGIN anna@example.test secret\r\n", WORDS.imap.heard + WORDS.imap.welcome);
    }
  });
});
