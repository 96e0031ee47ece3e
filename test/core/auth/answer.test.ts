import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { interpret, MAX_WAIT, NO_WORDS, printable } from "../../../src/auth/_http_answer.ts";
import { ResponseReader } from "../../../src/auth/_http_response.ts";
import type { Credentials } from "../../../src/auth/mod.ts";
import { encode } from "../../../src/session/bytes.ts";
import type { UpstreamTls } from "../../../src/session/by_tls.ts";
import { Secret } from "../../../src/session/secret.ts";
import { credentials, ROUTE } from "./_support.ts";
import { SingleRoute } from "../../../src/upstream/mod.ts";

/** What these fields, in this order, mean, with the secret in clear and the lines for the log. */
function answer(
  fields: readonly string[],
  changes: Partial<Credentials> = {},
  { statusLine = "HTTP/1.1 200 OK", upstreamTls = "off" }: { statusLine?: string; upstreamTls?: UpstreamTls } = {},
): unknown {
  const reader = new ResponseReader();
  reader.read(encode([statusLine, ...fields, "", ""].join("\r\n")));
  const notes: string[] = [];
  const note = (level: string, text: string) => notes.push(`${level}: ${text}`);
  const result = interpret(reader.head, credentials(changes), {
    server: "auth.test",
    note,
    whereabouts: { group: () => undefined, routeFor: undefined, upstreamTls },
  });
  const shown = result.type === "accepted" ? { ...result, secret: result.secret?.reveal() } : result;
  return notes.length === 0 ? shown : { ...shown, notes };
}

function unavailable(text: string): unknown {
  return { type: "unavailable", notes: [`error: auth http server auth.test ${text}`] };
}

function refused(text: string, wait = 0, smtpCode?: string, saslError?: string): unknown {
  return { type: "refused", text, wait, smtpCode, saslError };
}

const OK = ["Auth-Status: OK", "Auth-Server: 192.0.2.5", "Auth-Port: 143"];
const ACCEPTED = { type: "accepted", route: ROUTE, login: "anna", secret: "sesame" };

describe("an answer that lets in", () => {
  it("says OK, and where to", () => {
    assertEquals(answer(OK), ACCEPTED);
    assertEquals(answer([...OK].reverse()), ACCEPTED);
  });

  it("may replace the login and the password, with nothing unescaped", () => {
    assertEquals(answer([...OK, "Auth-User: be%41 rta", "Auth-Pass: p%20w"]), {
      ...ACCEPTED,
      login: "be%41 rta",
      secret: "p%20w",
    });
    assertEquals(answer([...OK, "Auth-Pass:"]), { ...ACCEPTED, secret: "" });
    assertEquals(answer([...OK, "Auth-User:"]), { ...ACCEPTED, login: "" });
  });

  it("may ask for TLS with the server, but for no less than there would be without it", () => {
    const modes = ["off", "starttls", "on"] as const;
    for (const upstreamTls of modes) {
      for (const tls of modes) {
        const isLess = tls === "off" && upstreamTls !== "off";
        assertEquals(
          answer([...OK, `Auth-Server-SSL: ${tls}`], {}, { upstreamTls }),
          isLess
            ? unavailable(`sent "Auth-Server-SSL: off", which is less than "proxy_ssl ${upstreamTls}"`)
            : { ...ACCEPTED, tls },
        );
      }
      assertEquals(answer(OK, {}, { upstreamTls }), ACCEPTED);
      for (const wrong of ["", "ON", "yes", "on,off"]) {
        const complaint = unavailable(`sent invalid "Auth-Server-SSL": "${wrong}"`);
        assertEquals(answer([...OK, `Auth-Server-SSL: ${wrong}`], {}, { upstreamTls }), complaint);
      }
    }
  });

  it("needs no login in SMTP without one", () => {
    const changes: Partial<Credentials> = { protocol: "smtp", method: "none", login: "", secret: new Secret("") };
    assertEquals(answer(OK, changes), { ...ACCEPTED, login: "", secret: undefined });
  });

  it("must say a password where the client's own is worth nothing further on", () => {
    for (const method of ["apop", "cram-md5", "external"] as const) {
      assertEquals(answer(OK, { method }), unavailable("did not send password"));
      assertEquals(answer([...OK, "Auth-Pass: p"], { method }), { ...ACCEPTED, secret: "p" });
      assertEquals(answer([...OK, "Auth-Pass:"], { method }), { ...ACCEPTED, secret: "" });
      assertEquals(answer(OK, { method, protocol: "smtp" }), { ...ACCEPTED, secret: undefined });
    }
    for (const method of ["plain", "xoauth2", "oauthbearer"] as const) {
      assertEquals(answer(OK, { method }), ACCEPTED);
    }
  });

  it("may name the server in any form, which the log shows as written", () => {
    const route = (server: string, port: string) => {
      const accepted = answer(["Auth-Status: OK", `Auth-Server: ${server}`, `Auth-Port: ${port}`]);
      return (accepted as { route: SingleRoute }).route.peer;
    };
    assertEquals(route("2001:DB8::0:1", "143"), {
      target: { host: "2001:db8::1", port: 143 },
      text: "2001:DB8::0:1:143",
    });
    assertEquals(route("[::1]", "0993"), { target: { host: "::1", port: 993 }, text: "[::1]:0993" });
    assertEquals(route("imap.test", "65535"), { target: { host: "imap.test", port: 65535 }, text: "imap.test:65535" });
  });

  it("may name a unix socket, which has no port", () => {
    const answered = answer(["Auth-Status: OK", "Auth-Server: unix:/run/mail/imap"]);
    const route = new SingleRoute({ target: { path: "/run/mail/imap" }, text: "unix:/run/mail/imap" });
    assertEquals(answered, { ...ACCEPTED, route });
    const longest = `/${"p".repeat(106)}`;
    assertEquals(answer(["Auth-Status: OK", `Auth-Server: unix:${longest}`]), {
      ...ACCEPTED,
      route: new SingleRoute({ target: { path: longest }, text: `unix:${longest}` }),
    });
    for (const server of [`unix:${longest}p`, "unix:relative", "unix:"]) {
      const problem = unavailable(`sent invalid server address:"${server}"`);
      assertEquals(answer(["Auth-Status: OK", `Auth-Server: ${server}`, "Auth-Port: 143"]), problem);
    }
  });

  it("ignores Auth-Wait and Auth-Error-Code", () => {
    assertEquals(answer([...OK, "Auth-Wait: 9", "Auth-Error-Code: nonsense"], { protocol: "smtp" }), ACCEPTED);
  });

  it("goes by the last of repeated fields", () => {
    assertEquals(
      answer(["Auth-Server: bad server", "Auth-Port: 0", "Auth-User: x", ...OK, "Auth-User: anna"]),
      ACCEPTED,
    );
  });

  it("may come with any status below 500, or with none", () => {
    for (const status of ["200 OK", "204 x", "302 x", "401 x", "403 x", "499 x"]) {
      assertEquals(answer(OK, {}, { statusLine: `HTTP/1.1 ${status}` }), ACCEPTED);
    }
    assertEquals(answer(OK, {}, { statusLine: "X-First: header" }), ACCEPTED);
  });
});

describe("an answer that is of no use", () => {
  it("does not say OK", () => {
    assertEquals(answer(OK.slice(1)), unavailable("did not send status"));
    assertEquals(answer([]), unavailable("did not send status"));
    assertEquals(answer([], {}, { statusLine: "X-First: header" }), unavailable("did not send status"));
    assertEquals(answer([], { protocol: "smtp" }), unavailable("did not send status"));
  });

  it("is named by its code when that says more", () => {
    assertEquals(answer([], {}, { statusLine: "HTTP/1.1 404 Not Found" }), unavailable("sent status 404"));
    assertEquals(answer(OK.slice(1), {}, { statusLine: "HTTP/1.1 302 Found" }), unavailable("sent status 302"));
    assertEquals(answer([], {}, { statusLine: "HTTP/1.1 101 Switching" }), unavailable("did not send status"));
  });

  it("has a 5xx status, whatever else it says", () => {
    assertEquals(answer(OK, {}, { statusLine: "HTTP/1.1 500 Oops" }), unavailable("sent status 500"));
    assertEquals(answer(OK, {}, { statusLine: "HTTP/1.0 503" }), unavailable("sent status 503"));
    assertEquals(answer(["Auth-Status: no"], {}, { statusLine: "HTTP/1.1 599 x" }), unavailable("sent status 599"));
  });

  it("names no server or port", () => {
    const text = "did not send server or port";
    assertEquals(answer(["Auth-Status: OK"]), unavailable(text));
    assertEquals(answer(["Auth-Status: OK", "Auth-Server: 192.0.2.5"]), unavailable(text));
    assertEquals(answer(["Auth-Status: OK", "Auth-Port: 143"]), unavailable(text));
    assertEquals(answer(["Auth-Status: OK", "Auth-Port:", "Auth-Server: 192.0.2.5"]), unavailable(text));
    assertEquals(answer(["Auth-Status: OK", "Auth-Port: 143", "Auth-Server:"]), unavailable(text));
  });

  it("names an impossible server or port", () => {
    const server = ["Auth-Status: OK", "Auth-Port: 0", "Auth-Server: 192.0.2.5 \x1b[2J"];
    assertEquals(answer(server), unavailable('sent invalid server address:"192.0.2.5  [2J"'));
    const port = ["Auth-Status: OK", "Auth-Port: 14\t3", "Auth-Server: 192.0.2.5"];
    assertEquals(answer(port), unavailable('sent invalid server port:"14 3"'));
  });
});

describe("an answer that refuses", () => {
  it("is any other text", () => {
    for (const text of ["Invalid login", "ok", "Ok", "OK ok", "wait", "NO", "Ungültig"]) {
      assertEquals(answer([`Auth-Status: ${text}`]), refused(text));
      assertEquals(answer([...OK, `Auth-Status: ${text}`]), refused(text));
      assertEquals(answer([`Auth-Status: ${text}`, ...OK]), refused(text));
    }
  });

  it("says its last text, whatever comes after it", () => {
    assertEquals(answer(["Auth-Status: one", "Auth-Status: two", "Auth-Status: WAIT", ...OK]), refused("two"));
    assertEquals(answer(["Auth-Status: no", "Auth-Status:", ...OK]), refused(NO_WORDS));
  });

  it("has no control characters, and never no words", () => {
    assertEquals(answer(["Auth-Status: a\x01b\tc\x7fd\x1b"]), refused("a b c d"));
    assertEquals(answer(["Auth-Status:"]), refused(NO_WORDS));
    assertEquals(answer(["Auth-Status:"], { protocol: "smtp" }), refused(NO_WORDS));
    assertEquals(answer(["Auth-Status: \x01\x02"]), refused(NO_WORDS));
  });

  it("waits as long as it is told, in whole seconds", () => {
    const wait = (...values: readonly string[]) =>
      answer(["Auth-Status: no", ...values.map((value) => `Auth-Wait: ${value}`)]);
    assertEquals(wait("3"), refused("no", 3000));
    assertEquals(wait("0"), refused("no"));
    assertEquals(wait("007"), refused("no", 7000));
    for (const value of ["", "-3", "+3", "1.5", "3s", "x"]) assertEquals(wait(value), refused("no"));
    assertEquals(wait("3", "x"), refused("no", 3000));
    assertEquals(wait("3", "4"), refused("no", 4000));
    assertEquals(wait("99999999"), refused("no", MAX_WAIT));
    assertEquals(wait("9".repeat(100)), refused("no"));
  });

  it("may say more to an OAuth client, in base64", () => {
    assertEquals(answer(["Auth-Status: no", "Auth-Error-SASL: eyJ9"]), refused("no", 0, undefined, "eyJ9"));
    assertEquals(answer(["Auth-Status: no", "Auth-Error-SASL: {}"]), {
      ...refused("no") as object,
      notes: ["error: auth http server auth.test sent invalid SASL error"],
    });
  });

  it("may set the SMTP reply code, to one that refuses", () => {
    const code = (value: string, protocol: Credentials["protocol"] = "smtp") =>
      answer(["Auth-Status: no", `Auth-Error-Code: ${value}`], { protocol });
    for (const value of ["535", "454", "421", "550 5.7.1", "451 4.3.0", "535 5.123.456"]) {
      assertEquals(code(value), refused("no", 0, value));
    }
    const nonsense = ["", "53", "5355", "235", "334", "250 2.0.0", "535 ", "535 5.7", "535 5.7.1.2", "535  5.7.1"];
    for (
      const value of [...nonsense, "535-5.7.1", "535 5.7.x", "535 55.7.1", "535 5.1234.1", "535 5..1", "x35", "5\xb23"]
    ) {
      const notes = [`error: auth http server auth.test sent invalid error code:"${value.trim()}"`];
      if (value !== "535 ") {
        assertEquals(code(value), {
          type: "refused",
          text: "no",
          wait: 0,
          smtpCode: undefined,
          saslError: undefined,
          notes,
        });
      }
    }
    assertEquals(code("nonsense", "imap"), refused("no"));
    assertEquals(code("454", "pop3"), refused("no"));
  });
});

describe("an answer that asks to wait", () => {
  it("says WAIT, and for how long, but at least a second", () => {
    assertEquals(answer(["Auth-Status: WAIT", "Auth-Wait: 5"]), { type: "wait", delay: 5000 });
    assertEquals(answer(["Auth-Status: WAIT"]), { type: "wait", delay: 1000 });
    assertEquals(answer(["Auth-Status: WAIT", "Auth-Wait: 0"]), { type: "wait", delay: 1000 });
    assertEquals(answer(["Auth-Status: WAIT", "Auth-Wait: x"]), { type: "wait", delay: 1000 });
    assertEquals(answer(["Auth-Status: WAIT", ...OK]), { type: "wait", delay: 1000 });
    assertEquals(answer([...OK, "Auth-Status: WAIT"]), { type: "wait", delay: 1000 });
  });
});

describe("printable text", () => {
  it("has blanks for control characters and keeps all else", () => {
    for (let octet = 0; octet < 256; octet++) {
      const character = String.fromCharCode(octet);
      const isControl = octet < 0x20 || octet === 0x7f;
      assertEquals(printable(`a${character}b${character}`), isControl ? "a b " : `a${character}b${character}`);
    }
    assertEquals(printable("\u010d\u010a"), "  ");
    assertEquals(printable(""), "");
  });
});
