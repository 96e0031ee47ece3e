import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { decimal, parsePort, parseServer } from "../../../src/auth/address.ts";

describe("the server of an answer", () => {
  const valid: Readonly<Record<string, string>> = {
    "192.0.2.1": "192.0.2.1",
    "010.000.002.001": "10.0.2.1",
    "255.255.255.255": "255.255.255.255",
    "2001:db8::1": "2001:db8::1",
    "[2001:db8::1]": "2001:db8::1",
    "::1": "::1",
    "[::]": "::",
    "::ffff:192.0.2.1": "::ffff:192.0.2.1",
    "2001:DB8:0:0:0:0:0:1": "2001:db8::1",
    "imap.example.org": "imap.example.org",
    "imap.example.org.": "imap.example.org.",
    "localhost": "localhost",
    "mail_backend-1": "mail_backend-1",
    "xn--bcher-kva.example": "xn--bcher-kva.example",
    "4u.example": "4u.example",
    "dead.beef": "dead.beef",
    [`${"a.".repeat(126)}b`]: `${"a.".repeat(126)}b`,
    ["a".repeat(63)]: "a".repeat(63),
  };
  for (const [text, host] of Object.entries(valid)) {
    it(`takes ${text.slice(0, 40)}`, () => assertEquals(parseServer(text), host));
  }

  const invalid = [
    "",
    ".",
    "..",
    " 192.0.2.1",
    "192.0.2.1 ",
    "192.0.2.256",
    "192.0.2",
    "192.0.2.1.5",
    "127.1",
    "0x7f.1",
    "0x7f000001",
    "a.0x1",
    "2130706433",
    "192.0.2.1:143",
    "1.2.3.4.",
    "[192.0.2.1]",
    "[imap]",
    "[::1",
    "::1]",
    "[[::1]]",
    "[]",
    "2001:db8::1::2",
    "2001:db8",
    ":::",
    "12345::",
    "fe80::1%eth0",
    "a..b",
    ".a",
    "a/b",
    "a b",
    "a:b",
    "unix:/run/imap",
    "http://imap",
    "im\xe4p",
    "imap\0",
    "imap\t",
    "a".repeat(64),
    `${"a.".repeat(126)}bc`,
    "1:".repeat(4000),
  ];
  for (const text of invalid) {
    it(`refuses ${JSON.stringify(text.slice(0, 40))}`, () => assertEquals(parseServer(text), undefined));
  }
});

describe("the port of an answer", () => {
  it("is 1 to 65535 in decimal", () => {
    assertEquals(["1", "143", "0143", "65535"].map(parsePort), [1, 143, 143, 65535]);
    for (const text of ["", "0", "65536", "-1", "+1", "1e3", "0x10", "14 3", " 143", "143 ", "1.0", "9".repeat(400)]) {
      assertEquals(parsePort(text), undefined, text);
    }
  });
});

describe("a decimal number", () => {
  it("is digits that a number holds exactly", () => {
    assertEquals(decimal("0"), 0);
    assertEquals(decimal("9007199254740991"), 9007199254740991);
    assertEquals(decimal("9007199254740992"), undefined);
    assertEquals(decimal("9".repeat(1000)), undefined);
    assertEquals(decimal("\u0661"), undefined);
  });
});
