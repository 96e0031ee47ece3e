import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { decode } from "../../../src/session/bytes.ts";
import { imapSession, pop3Session, smtpSession } from "../../support/sessions.ts";

describe("a client that may not connect", () => {
  for (
    const [name, start, reply] of [
      ["IMAP", imapSession, "* BYE access denied\r\n"],
      ["POP3", pop3Session, "-ERR access denied\r\n"],
      ["SMTP", smtpSession, "554 5.7.1 Access denied\r\n"],
    ] as const
  ) {
    it(`hears so in ${name}, and no greeting`, () => {
      const [log, write, close, ...rest] = start({}, { isForbidden: true }).receive({ type: "opened" }, 0);
      assertEquals(log?.type === "log" && [log.level, log.text], ["error", "access forbidden by rule"]);
      assertEquals(write?.type === "write" && [write.side, decode(write.bytes)], ["client", reply]);
      assertEquals([close, rest], [{ type: "close", reason: "forbidden" }, []]);
    });
  }
});
