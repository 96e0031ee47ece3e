import { describe, it } from "node:test";
import { assert, assertEquals, assertFalse } from "@std/assert";
import { RequestWriter } from "../../../src/auth/_http_request.ts";
import type { Credentials } from "../../../src/auth/mod.ts";
import type { AuthHttpConfig } from "../../../src/config/types.ts";
import { decode } from "../../../src/session/bytes.ts";
import { Secret } from "../../../src/session/secret.ts";
import { factsOf, templateOf } from "../../support/facts.ts";
import { config, credentials, seeded } from "./_support.ts";

function request(changes: Partial<Credentials> = {}, configured: Partial<AuthHttpConfig> = {}): string {
  return decode(new RequestWriter(config(configured)).write(credentials(changes)));
}

const CLAIM = { method: "plain", login: "anna", clientHost: undefined, envelope: undefined };

function lines(...expected: readonly string[]): string {
  return `${expected.join("\r\n")}\r\n\r\n`;
}

describe("the request of auth_http", () => {
  it("is nginx's for an IMAP client, but for the version", () => {
    assertEquals(
      request(),
      lines(
        "GET /auth HTTP/1.1",
        "Host: auth.test",
        "Auth-Method: plain",
        "Auth-User: anna",
        "Auth-Pass: sesame",
        "Auth-Protocol: imap",
        "Auth-Login-Attempt: 1",
        "Client-IP: 198.51.100.7",
      ),
    );
  });

  it("says what a digest was made with", () => {
    assertEquals(
      request({ method: "cram-md5", secret: new Secret("0123456789abcdef"), salt: "<1.2@mail>" }),
      lines(
        "GET /auth HTTP/1.1",
        "Host: auth.test",
        "Auth-Method: cram-md5",
        "Auth-User: anna",
        "Auth-Pass: 0123456789abcdef",
        "Auth-Salt: <1.2@mail>",
        "Auth-Protocol: imap",
        "Auth-Login-Attempt: 1",
        "Client-IP: 198.51.100.7",
      ),
    );
  });

  it("names an SMTP client's host, and ends with the configured headers as they stand", () => {
    const headers = [
      { name: "X-Auth-Key", value: templateOf("k$ey $ ${") },
      { name: "X-Empty", value: templateOf("") },
    ];
    const changes: Partial<Credentials> = { protocol: "smtp", attempt: 12, clientHost: "[UNAVAILABLE]" };
    assertEquals(
      request(changes, { headers, uri: "/" }),
      lines(
        "GET / HTTP/1.1",
        "Host: auth.test",
        "Auth-Method: plain",
        "Auth-User: anna",
        "Auth-Pass: sesame",
        "Auth-Protocol: smtp",
        "Auth-Login-Attempt: 12",
        "Client-IP: 198.51.100.7",
        "Client-Host: [UNAVAILABLE]",
        "X-Auth-Key: k$ey $ ${",
        "X-Empty: ",
      ),
    );
  });

  it("puts variables into the configured headers, and nothing of theirs begins a header of its own", () => {
    const facts = factsOf({ claim: { ...CLAIM, login: "a\r\nX-Evil: 1\0" } });
    const headers = ["one", "$protocol from ${remote_addr}", "$auth_user", "$ssl_cipher", "last"].map((text, i) => {
      return { name: `X-${i}`, value: templateOf(text) };
    });
    const sent = request({ facts }, { headers });
    assertEquals(
      sent.slice(sent.indexOf("X-0")),
      "X-0: one\r\nX-1: imap from 198.51.100.7\r\nX-2: a  X-Evil: 1 \r\nX-3: \r\nX-4: last\r\n\r\n",
    );
  });

  it("tells what an SMTP client without a login said", () => {
    const envelope = { helo: "mx.test", from: "MAIL FROM:<a@test> SIZE=5", to: "RCPT TO:<b@test>" };
    assertEquals(
      request({
        protocol: "smtp",
        method: "none",
        login: "",
        secret: new Secret(""),
        client: { family: 6, host: "2001:db8::7", port: 1 },
        clientHost: "mx.test",
        envelope,
      }),
      lines(
        "GET /auth HTTP/1.1",
        "Host: auth.test",
        "Auth-Method: none",
        "Auth-User: ",
        "Auth-Pass: ",
        "Auth-Protocol: smtp",
        "Auth-Login-Attempt: 1",
        "Client-IP: 2001:db8::7",
        "Client-Host: mx.test",
        "Auth-SMTP-Helo: mx.test",
        "Auth-SMTP-From: MAIL FROM:<a@test> SIZE=5",
        "Auth-SMTP-To: RCPT TO:<b@test>",
      ),
    );
  });

  it("names an SMTP client that said no HELO by an empty one, as nginx does", () => {
    const written = request({ envelope: { helo: "", from: "MAIL FROM:<>", to: "RCPT TO:<b@test>" } });
    assert(written.includes("\r\nAuth-SMTP-Helo: \r\nAuth-SMTP-From: MAIL FROM:<>\r\n"));
  });

  it("calls a unix socket's client unix:", () => {
    assert(request({ client: { family: "unix", path: "/run/x" } }).endsWith("\r\nClient-IP: unix:\r\n\r\n"));
  });

  it("escapes 0x00 to 0x20 and the percent sign, and no other octet", () => {
    let all = "";
    let escaped = "";
    for (let octet = 0; octet < 256; octet++) {
      const character = String.fromCharCode(octet);
      all += character;
      const hex = octet.toString(16).toUpperCase().padStart(2, "0");
      escaped += octet <= 0x20 || character === "%" ? `%${hex}` : character;
    }
    const written = request({ login: all, secret: new Secret(all) });
    assert(written.includes(`\r\nAuth-User: ${escaped}\r\nAuth-Pass: ${escaped}\r\nAuth-Protocol: `));
  });

  it("never lets CR, LF or NUL of a raw value through", () => {
    const evil = "a\r\nAuth-User: root\0\n\rb";
    const written = request({
      clientHost: evil,
      client: { family: 4, host: evil, port: 1 },
      envelope: { helo: evil, from: evil, to: evil },
    });
    assertEquals(written.split("\r\n").length, 8 + 1 + 3 + 2);
    assertFalse(written.includes("\0"));
    assertFalse(written.replaceAll("\r\n", "").match(/[\r\n]/) !== null);
    assert(written.includes("Auth-SMTP-Helo: a  Auth-User: root   b\r\n"));
  });

  it("names what a client over TLS asked for, which is a value like others", () => {
    const facts = {
      version: "TLSv1.3",
      cipher: "X",
      alpn: undefined,
      isResumed: false,
      certificate: undefined,
    } as const;
    const tls = (serverName: string | undefined) => ({ facts: { ...facts, serverName }, verification: "NONE" });
    const written = request({ tls: tls("mail.example.com") });
    assert(
      written.endsWith(
        "\r\nAuth-SSL: on\r\nAuth-SSL-Protocol: TLSv1.3\r\nAuth-SSL-Cipher: X\r\n" +
          "Auth-SSL-Server-Name: mail.example.com\r\nAuth-SSL-Verify: NONE\r\n\r\n",
      ),
    );
    assertFalse(request({ tls: tls(undefined) }).includes("Server-Name"));
    const evil = "a".repeat(240) + "\r\nAuth-User: root";
    assert(request({ tls: tls(evil) }).includes(`Auth-SSL-Server-Name: ${"a".repeat(240)}  Auth-User: root\r\n`));
  });

  it("is not fooled by characters that are no octets", () => {
    const wide = "\u010d\u010a\u0100x";
    const written = request({ login: wide, clientHost: wide });
    assert(written.includes("Auth-User: %0D%0A%00x\r\n"));
    assert(written.includes("Client-Host:    x\r\n"));
  });

  it("has room for values that are all escapes", () => {
    const login = "%".repeat(5000);
    const written = request({ login, secret: new Secret("\0".repeat(3000)), attempt: 999_999_999_999 });
    assert(written.includes(`Auth-User: ${"%25".repeat(5000)}\r\nAuth-Pass: ${"%00".repeat(3000)}\r\n`));
    assert(written.endsWith("\r\n\r\n"));
  });

  it("holds this attempt's inputs and nothing else, whatever was asked before", () => {
    const random = seeded(20);
    const writer = new RequestWriter(config());
    for (let round = 0; round < 300; round++) {
      const text = () => Array.from({ length: random(40) }, () => String.fromCharCode(random(256))).join("");
      const asked = credentials({
        protocol: "smtp",
        login: text(),
        secret: new Secret(text()),
        attempt: 1 + random(9),
        clientHost: random(2) === 0 ? undefined : text(),
        envelope: random(2) === 0 ? undefined : { helo: text(), from: text(), to: text() },
      });
      assertEquals(decode(writer.write(asked)), expectedRequest(asked));
    }
  });
});

/** The request once more, written plainly. */
function expectedRequest(asked: Credentials): string {
  const escape = (text: string) =>
    text.replace(/[\0- %]/g, (octet) => `%${octet.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`);
  const raw = (text: string) => text.replace(/[\r\n\0]/g, " ");
  const { envelope } = asked;
  const expected = [
    "GET /auth HTTP/1.1",
    "Host: auth.test",
    `Auth-Method: ${asked.method}`,
    `Auth-User: ${escape(asked.login)}`,
    `Auth-Pass: ${escape(asked.secret.reveal())}`,
    `Auth-Protocol: ${asked.protocol}`,
    `Auth-Login-Attempt: ${asked.attempt}`,
    "Client-IP: 198.51.100.7",
  ];
  if (asked.clientHost !== undefined) expected.push(`Client-Host: ${raw(asked.clientHost)}`);
  if (envelope !== undefined) {
    expected.push(`Auth-SMTP-Helo: ${raw(envelope.helo)}`, `Auth-SMTP-From: ${raw(envelope.from)}`);
    expected.push(`Auth-SMTP-To: ${raw(envelope.to)}`);
  }
  return lines(...expected);
}
