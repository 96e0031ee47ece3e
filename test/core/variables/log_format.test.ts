import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { escapeDefault, escapeJson } from "../../../src/variables/log_format.ts";

const ALL = String.fromCharCode(...Array(256).keys());

/** What nginx 1.26 wrote of all octets but NUL, which no variable of its could have. */
describe("the values of variables in a log", () => {
  it("are printable ASCII without quotes and backslashes by default", () => {
    const plain = /[ !\x23-\x5b\x5d-\x7e]/;
    const expected = [...ALL].map((octet) => {
      return plain.test(octet) ? octet : `\\x${octet.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
    });
    assertEquals(escapeDefault(ALL), expected.join(""));
  });

  it("are what JSON wants, and read back as they were", () => {
    assertEquals(escapeJson('\b\t\n\f\r"\\\x00\x1f\x7f\xe4/'), '\\b\\t\\n\\f\\r\\"\\\\\\u0000\\u001F\x7f\xe4/');
    assertEquals(JSON.parse(`"${escapeJson(ALL)}"`), ALL);
  });

  it("stay as they are where there is nothing to escape", () => {
    for (const escape of [escapeDefault, escapeJson]) {
      for (const value of ["", "a", "anna@example.org", "192.0.2.1:143, unix:/run/x"]) {
        assertEquals(escape(value), value);
      }
    }
  });
});
