import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { groupChecks } from "../../../src/config/mod.ts";
import { inMail, load, problem } from "../../support/config.ts";

const GROUP = "upstream x { server 192.0.2.1:143; }";

function server(protocol: string, more = ""): string {
  return `server { listen ${PORTS[protocol]}; protocol ${protocol}; proxy_pass x; ${more} }`;
}

const PORTS: Readonly<Record<string, number>> = { imap: 1143, pop3: 1110, smtp: 1025 };

function checksOf(...lines: readonly string[]) {
  return groupChecks(load(`mail {\n${lines.join("\n")}\n}`)).map(
    ({ upstream, server, check: { place: _, ...check }, timeout }) => {
      return { group: upstream.name, protocol: server.protocol, check, timeout };
    },
  );
}

function problemOf(...lines: readonly string[]): string {
  return problem(`mail {\n${lines.join("\n")}\n}`);
}

const NEEDS_PROTOCOL = '"health_check" of upstream "x" needs a protocol in f:2';

const DEFAULTS = {
  interval: 5000,
  jitter: 0,
  fails: 1,
  passes: 1,
  port: undefined,
  protocol: undefined,
  isMandatory: false,
  isPersistent: false,
};

describe("health_check", () => {
  it("has nginx's defaults, in a server whose proxy_pass names a group", () => {
    assertEquals(checksOf(GROUP, server("imap", "health_check;")), [
      { group: "x", protocol: "imap", check: DEFAULTS, timeout: 5000 },
    ]);
  });

  it("has nginx's parameters", () => {
    const text =
      "health_check interval=10 jitter=1s500ms fails=3 passes=2 port=1430 mandatory persistent; health_check_timeout 2s;";
    const check = {
      ...DEFAULTS,
      interval: 10_000,
      jitter: 1500,
      fails: 3,
      passes: 2,
      port: 1430,
      isMandatory: true,
      isPersistent: true,
    };
    assertEquals(checksOf(GROUP, server("imap", text)), [{ group: "x", protocol: "imap", check, timeout: 2000 }]);
  });

  it("takes its protocol from the servers that name the group", () => {
    const group = "upstream X { server 192.0.2.1:143; health_check; health_check_timeout 1s; }";
    assertEquals(checksOf(group, server("pop3")), [{ group: "X", protocol: "pop3", check: DEFAULTS, timeout: 1000 }]);
    const other = "server { listen 1025; protocol smtp; proxy_pass 192.0.2.9:25; }";
    assertEquals(checksOf(group, other, server("imap")).map(({ protocol }) => protocol), ["imap"]);
    // Nobody names it: an auth server may.
    const asking = "server { listen 1143; protocol imap; auth_http 127.0.0.1:8080; }";
    assertEquals(checksOf(group, asking).map(({ protocol }) => protocol), ["imap"]);
  });

  it("asks which protocol where that is not clear", () => {
    const group = "upstream x { server 192.0.2.1:143; health_check; }";
    assertEquals(
      problemOf(group, server("imap"), server("pop3")),
      '"health_check" of upstream "x" needs a protocol in f:2\n' +
        'servers speak imap and pop3: say "protocol=imap" or "protocol=pop3"',
    );
    const said = group.replace("check", "check protocol=pop3");
    assertEquals(checksOf(said, server("imap"), server("pop3")).map(({ protocol }) => protocol), ["pop3"]);
    assertEquals(
      problemOf(said, server("imap")),
      'no server that uses upstream "x" speaks "pop3" in f:2',
    );
    assertEquals(
      problemOf(GROUP, server("imap", "health_check;"), server("pop3", "health_check;")),
      'upstream "x" is checked over imap already in f:4\n' +
        'a group is checked in one protocol: "health_check protocol=…" in the "upstream {}" says which',
    );
  });

  it("is made for each protocol where the servers' ports follow from that", () => {
    const group = (more: string) => `upstream x { server 192.0.2.1; server 192.0.2.2:1143; ${more} }`;
    const all = [server("imap"), server("pop3"), server("imap").replace("1143", "2143")];
    const protocols = (...lines: readonly string[]) => checksOf(...lines).map(({ protocol }) => protocol);
    assertEquals(protocols(group("health_check;"), ...all), ["imap", "pop3"]);
    assertEquals(protocols(group("health_check protocol=pop3;"), ...all), ["pop3"]);
    assertEquals(protocols(group(""), server("imap", "health_check;"), server("pop3", "health_check;")), [
      "imap",
      "pop3",
    ]);
    assertEquals(problemOf(group("health_check port=1430;"), ...all).split("\n")[0], NEEDS_PROTOCOL);
  });

  it("is made once for a group, however many servers ask for it", () => {
    const second = "server { listen 2143; protocol imap; proxy_pass x; health_check interval=1h; }";
    assertEquals(checksOf(GROUP, server("imap", "health_check;"), second), [
      { group: "x", protocol: "imap", check: DEFAULTS, timeout: 5000 },
    ]);
  });

  it("needs a group", () => {
    assertEquals(
      problemOf(GROUP, "server { listen 1143; protocol imap; proxy_pass 192.0.2.1; health_check; }"),
      '"health_check" needs a "proxy_pass" that names an upstream in f:3\n' +
        'where a variable or an auth server names it, "health_check" belongs into the "upstream {}"',
    );
  });

  it("refuses what it does not understand", () => {
    const wrong = {
      "interval=x": 'invalid parameter "interval=x" in f:3',
      "fails=0": 'invalid parameter "fails=0" in f:3',
      "port=65536": 'invalid parameter "port=65536" in f:3',
      interval: 'invalid parameter "interval" in f:3',
      "mandatory=1": 'invalid parameter "mandatory=1" in f:3',
      "intervall=5s": 'invalid parameter "intervall=5s" in f:3\ndid you mean "interval"?',
      "persistent": '"persistent" goes with "mandatory" only in f:3',
      "match=x": '"match" is not supported in "health_check" in f:3\nthe check speaks the mail protocol by itself',
      "protocol=imap": '"protocol" is not allowed in "health_check" here in f:3\nit is the protocol of the server {}',
    };
    for (const [word, text] of Object.entries(wrong)) {
      assertEquals(problemOf(GROUP, server("imap", `health_check ${word};`)), text, word);
    }
    const inGroup = (word: string) =>
      problemOf(`upstream x { server 192.0.2.1:143; health_check ${word}; }`, server("imap"));
    assertEquals(inGroup("protocol=imp"), 'unknown protocol "imp" in f:2\ndid you mean "imap"?');
    assertEquals(
      problem(inMail("health_check;")),
      '"health_check" directive is not allowed here in f:3\n"health_check" belongs into "upstream {}" or "server {}"',
    );
  });
});
