import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { internalDate, mailDate, mailDay, parseDay, parseInternalDate } from "../../../src/demo/dates.ts";
import { bodyStructure, envelope, string } from "../../../src/demo/imap_structure.ts";
import { parseAddresses, parseMessage } from "../../../src/demo/mime.ts";

const lines = (...text: readonly string[]) => text.join("\r\n");

describe("messages taken apart", () => {
  it("finds the parts of a multipart and what they hold", () => {
    const message = parseMessage(lines(
      'Content-Type: Multipart/Mixed; x=1; Boundary="b"',
      "",
      "preamble",
      "--b",
      "",
      "one",
      "--bb is no boundary",
      "--b",
      "Content-Type: message/rfc822",
      "",
      "Subject: inner",
      "",
      "two",
      "--b--",
      "epilogue",
    ));
    assertEquals(message.parts.map(({ body }) => body), ["one\r\n--bb is no boundary", "Subject: inner\r\n\r\ntwo"]);
    assertEquals(message.parts[1]?.message?.body, "two");
    assertEquals(
      bodyStructure(message, true),
      '(("text" "plain" NIL NIL NIL "7bit" 24 1 NIL NIL NIL NIL)' +
        '("message" "rfc822" NIL NIL NIL "7bit" 21 (NIL "inner" NIL NIL NIL NIL NIL NIL NIL NIL) ' +
        '("text" "plain" NIL NIL NIL "7bit" 3 0 NIL NIL NIL NIL) 2 NIL NIL NIL NIL)' +
        ' "mixed" ("x" "1" "boundary" "b") NIL NIL NIL)',
    );
  });

  it("tells dispositions", () => {
    const message = parseMessage(lines(
      "Content-Type: text/csv; name=a.csv",
      "Content-Disposition: attachment;",
      '\tfilename="a \\"b\\".csv"',
      "Content-Transfer-Encoding: BASE64",
      "",
      "YQ==",
    ));
    assertEquals(
      bodyStructure(message, true),
      '("text" "csv" ("name" "a.csv") NIL NIL "base64" 4 0 NIL ' +
        '("attachment" ("filename" "a \\"b\\".csv")) NIL NIL)',
    );
  });

  it("takes what it cannot read for text, and is not led into the depth", () => {
    const strange = ["Content-Type: x", "Content-Type: multipart/mixed", "Content-Type: multipart/mixed; boundary=b"];
    for (const header of strange) {
      assertEquals(bodyStructure(parseMessage(`${header}\r\n\r\n`), false), '("text" "plain" NIL NIL NIL "7bit" 0 0)');
    }
    const nested = "Content-Type: message/rfc822\r\n\r\n".repeat(100_000);
    assertEquals(bodyStructure(parseMessage(nested), false).split("rfc822").length - 1, 10);
  });

  it("reads addresses and groups", () => {
    const read = (text: string) => parseAddresses(text).map(({ name, local, domain }) => [name, local, domain]);
    assertEquals(read('"A, \\"B\\"" <ab@example.com>, c@example.com (C), Ship <ship>'), [
      ['A, "B"', "ab", "example.com"],
      ["C", "c", "example.com"],
      ["Ship", "ship", ""],
    ]);
    assertEquals(read("Crew: a@b.example, c@d.example;, nobody:;"), [
      [undefined, "Crew", undefined],
      [undefined, "a", "b.example"],
      [undefined, "c", "d.example"],
      [undefined, undefined, undefined],
      [undefined, "nobody", undefined],
      [undefined, undefined, undefined],
    ]);
    assertEquals(envelope("To: nobody:;\r\n\r\n").split(" NIL NIL NIL").length > 1, true);
  });

  it("writes as a literal what cannot be quoted", () => {
    assertEquals(string('a "b" \\'), '"a \\"b\\" \\\\"');
    assertEquals(string("caf\xc3\xa9"), "{5}\r\ncaf\xc3\xa9");
  });
});

describe("dates in mail", () => {
  const date = Date.UTC(2025, 2, 3, 9, 12, 5);

  it("are written, and read in other zones", () => {
    assertEquals(mailDate(date), "Mon, 03 Mar 2025 09:12:05 +0000");
    assertEquals(internalDate(date), "03-Mar-2025 09:12:05 +0000");
    assertEquals(parseInternalDate(internalDate(date)), date);
    assertEquals(parseInternalDate(" 3-mar-2025 07:42:05 -0130"), date);
    for (
      const text of ["", "3-Mar-2025", "3-Mar-2025 09:12 +0000", "x-Mar-2025 09:12:05 +0000", "3-Foo-2025 1:1:1 +0000"]
    ) {
      assertEquals(parseInternalDate(text), undefined);
    }
  });

  it("are compared by day", () => {
    const day = parseDay("3-Mar-2025");
    assertEquals(day, Math.floor(date / 86_400_000));
    assertEquals(mailDay("Mon, 3 Mar 2025 23:59:59 -0800 (PST)"), day);
    assertEquals(mailDay("03 Mar 2025 00:00 GMT"), day);
    assertEquals(mailDay("yesterday"), undefined);
  });
});
