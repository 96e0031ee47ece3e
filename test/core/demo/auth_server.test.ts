import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { AuthServer } from "../../../src/demo/auth_server.ts";
import { dialogue, say, testStore } from "./_dialogue.ts";

const begin = (store = testStore()) => new AuthServer({ store, ports: { imap: 1, pop3: 2, smtp: 3 } });

describe("auth server of the demo", () => {
  it("answers one request after the other on a connection", () => {
    dialogue(
      begin,
      `
      C: GET /auth HTTP/1.1
      C: Host: 127.0.0.1
      C: Auth-Method: plain
      C: Auth-User: bob@example.com
      C: Auth-Pass: builder
      C: Auth-Protocol: imap
      C:
      S: HTTP/1.1 200 OK
      S: Content-Length: 0
      S: Connection: keep-alive
      S: Auth-Status: OK
      S: Auth-Server: 127.0.0.1
      S: Auth-Port: 1
      S:
      C: GET /auth HTTP/1.1
      C: Auth-Method: plain
      C: Auth-User: %62ob@example.com
      C: Auth-Pass: build%65r
      C: Auth-Protocol: smtp
      C:
      S: HTTP/1.1 200 OK
      S: Content-Length: 0
      S: Connection: keep-alive
      S: Auth-Status: OK
      S: Auth-Server: 127.0.0.1
      S: Auth-Port: 3
      S:
      C: GET /auth HTTP/1.1
      C: Auth-Method: plain
      C: Auth-User: bob@example.com
      C: Auth-Pass: wonderland
      C: Auth-Protocol: pop3
      C:
      S: HTTP/1.1 200 OK
      S: Content-Length: 0
      S: Connection: keep-alive
      S: Auth-Status: Invalid login or password
      S:
      C: GET /auth HTTP/1.1
      C: Connection: close
      C: Auth-Method: none
      C: Auth-User: bob@example.com
      C: Auth-Pass: builder
      C: Auth-Protocol: smtp
      C:
      S: HTTP/1.1 200 OK
      S: Content-Length: 0
      S: Connection: close
      S: Auth-Status: Invalid login or password
      S:
    `,
    );
  });

  it("closes where HTTP/1.0 does, and after what it does not know", () => {
    const answers = ["GET /auth HTTP/1.0", "GET / HTTP/1.1", "POST /auth HTTP/1.1"].map((line) => {
      const session = begin();
      const answer = say(session, `${line}\r\n\r\n`);
      assertEquals(session.isOver, true);
      return answer.split("\r\n")[0];
    });
    assertEquals(answers, ["HTTP/1.1 200 OK", "HTTP/1.1 404 Not Found", "HTTP/1.1 405 Method Not Allowed"]);
  });

  it("takes no endless header", () => {
    for (const octets of ["x".repeat(20_000), "GET /auth HTTP/1.1\r\n" + "A: b\r\n".repeat(3000)]) {
      const session = begin();
      assertEquals(say(session, octets).split("\r\n")[0], "HTTP/1.1 431 Request Header Fields Too Large");
      assertEquals(session.isOver, true);
    }
  });
});
