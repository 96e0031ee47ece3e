import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { loadConfig } from "../../../src/config/mod.ts";
import { demoConfiguration } from "../../../src/demo/config.ts";
import { sessionLine } from "../../../src/demo/report.ts";
import type { SessionRecord } from "../../../src/proxy/record.ts";
import { memoryFiles } from "../../support/config.ts";
import { NOW } from "./_dialogue.ts";

const RECORD: SessionRecord = {
  connection: 1,
  protocol: "imap",
  client: { family: 4, host: "127.0.0.1", port: 40001 },
  server: "127.0.0.1:1143",
  login: "bob@example.com",
  upstream: "127.0.0.1:40002",
  loggedIn: true,
  result: "clientClosed",
  bytesToClient: 1_234_567,
  bytesToUpstream: 999,
  started: NOW,
  duration: 12.4,
};
const BEFORE_LOGIN = { ...RECORD, loggedIn: false, bytesToClient: 0, bytesToUpstream: 0 };

describe("what the demo prints", () => {
  it("tells a session in one line", () => {
    assertEquals(
      sessionLine(RECORD, "12:00:00"),
      "12:00:00  IMAP  127.0.0.1:40001  bob@example.com  logged in, ended by the client, 999 B up, 1.2 MB down, 12 ms\n",
    );
    assertEquals(
      sessionLine({ ...BEFORE_LOGIN, login: undefined, result: "timeout", duration: 60_000 }, "12:00:00"),
      "12:00:00  IMAP  127.0.0.1:40001  -  took too long to log in, 1 min\n",
    );
  });

  it("lets no login steer a terminal or fill the screen", () => {
    const line = (login: string) =>
      sessionLine({ ...BEFORE_LOGIN, login, result: "refused" }, "12:00:00").split("  ")[3];
    assertEquals(line("a\x1b[2J\r\n\xff"), "a\\x1b[2J\\x0d\\x0a\\xff");
    assertEquals(line("x".repeat(1000)), `${"x".repeat(64)}...`);
  });
});

describe("the demo's configuration", () => {
  it("is one that the program reads without a warning", () => {
    const text = demoConfiguration({ imap: 1143, pop3: 1110, smtp: 1587 }, { authPort: 40000 });
    const config = loadConfig({ text, path: "demo.conf", files: memoryFiles({}), prefix: "/", hostname: "host" });
    assertEquals(config.warnings, []);
    assertEquals(
      config.servers.map(({ protocol, listens, authHttp }) => [protocol, listens[0]?.text, authHttp?.uri]),
      [
        ["imap", "127.0.0.1:1143", "/auth"],
        ["pop3", "127.0.0.1:1110", "/auth"],
        ["smtp", "127.0.0.1:1587", "/auth"],
      ],
    );
    const [imap, pop3, smtp] = config.servers;
    assertEquals(imap?.imap.capabilities.includes("IDLE"), true);
    assertEquals(pop3?.pop3.capabilities, ["TOP", "UIDL", "USER", "RESP-CODES", "PIPELINING"]);
    assertEquals(smtp?.smtp.capabilities, ["PIPELINING", "SIZE 10485760", "ENHANCEDSTATUSCODES", "8BITMIME"]);
  });
});
