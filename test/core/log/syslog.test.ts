import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { syslogDatagram } from "../../../src/log/syslog.ts";

describe("a datagram for a syslog server", () => {
  const mail = { facility: 2, tag: "nginx", hostname: "mail.example" };
  const rows = [
    ["a day of one digit has a blank", Date.UTC(2026, 2, 1, 7, 5, 9), 0, "<22>Mar  1 07:05:09 mail.example nginx: x"],
    ["a day of two has none", Date.UTC(2026, 11, 31, 23, 59, 59), 0, "<22>Dec 31 23:59:59 mail.example nginx: x"],
    ["the time is local", Date.UTC(2026, 11, 31, 23, 59, 59), 60, "<22>Jan  1 00:59:59 mail.example nginx: x"],
  ] as const;
  for (const [title, date, utcOffset, expected] of rows) {
    it(title, () => {
      assertEquals(syslogDatagram(mail, { level: "info", text: "x" }, { date, utcOffset }), expected);
    });
  }

  const levels = { emerg: 0, alert: 1, crit: 2, error: 3, warn: 4, notice: 5, info: 6, debug: 7 } as const;
  for (const [level, severity] of Object.entries(levels)) {
    it(`${level} has the severity ${severity}`, () => {
      const style = { facility: 23, tag: "a_1", hostname: undefined };
      const line = { level: level as keyof typeof levels, text: "x" };
      const time = { date: 0, utcOffset: 0 };
      assertEquals(syslogDatagram(style, line, time), `<${23 * 8 + severity}>Jan  1 00:00:00 a_1: x`);
    });
  }
});
