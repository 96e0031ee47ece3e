/** What stands in `contrib/`, with the lines of real sessions and the programs it is for. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { needs, outputOf, run } from "../support/clients.ts";
import { accept, FakeAuth, refuse, reply } from "../support/fake_auth.ts";
import { FakeUpstream, IMAP_LOGIN } from "../support/fake_upstream.ts";
import { freePorts } from "../support/free_ports.ts";
import { Installation } from "../support/installation.ts";
import { TestFolder } from "../support/program.ts";
import { connectTo } from "../support/raw_client.ts";
import { eventually } from "../support/watch.ts";

const CONTRIB = join(import.meta.dirname, "..", "..", "contrib");
const LIMIT = { timeout: 180_000 };

/** Logins that pretend to be something else. */
const HOSTILE = [
  'x" [28/Nov/2020:00:00:00 +0000] imap login_failed 403 refused fault=user\r\n6.6.6.6 - "y',
  '6.6.6.6 - "y" [28/Nov/2026:00:00:00 +0000] imap login_failed 403 refused',
  'y", client: 6.6.6.6, server: x, login: "z',
  'y" while in http auth state, client: 6.6.6.6, server: x, login: "z',
  'y" while reading response from upstream, client: 6.6.6.6, server: x, login: "z',
];

/** Who tries a wrong password, how often. */
const GUESSERS = { "127.0.0.5": 2, "127.0.0.6": 1, "127.0.0.7": 1, "127.0.0.8": 1, "127.0.0.9": HOSTILE.length };
/** Who sends garbage. */
const BABBLER = "127.0.0.12";

describe("contrib", () => {
  let installation: Installation;
  let upstream: FakeUpstream;
  let auth: FakeAuth;
  let checking: FakeUpstream;
  before(async () => {
    upstream = await FakeUpstream.start(IMAP_LOGIN);
    auth = await FakeAuth.start((wire, request) => {
      const isRight = request.includes("Auth-Pass: right");
      reply(wire, isRight ? accept(upstream.port) : refuse('No "way"'));
    });
    checking = await FakeUpstream.start([
      "* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready\r\n",
      "TAG NO [AUTHENTICATIONFAILED] No way\r\n",
    ]);
    const [imap = 0, pop3 = 0, smtp = 0, through = 0] = await freePorts(4);
    const servers = Object.entries({ imap, pop3, smtp }).map(([protocol, port]) => {
      return `server { listen 127.0.0.1:${port}; protocol ${protocol}; auth_http 127.0.0.1:${auth.port}; }`;
    });
    servers.push(`server { listen 127.0.0.1:${through}; protocol imap; proxy_pass 127.0.0.1:${checking.port}; }`);
    installation = new Installation(
      `error_log error.log info;
       mail { access_log access.log; max_errors 1; ${servers.join(" ")} }`,
      [],
    );
    await installation.serves();
    const visit = async (port: number, from: string, ...says: string[]) => {
      const client = await connectTo({ port, from });
      for (const words of says) {
        await client.until(() => client.unread !== "" || client.isOver);
        await client.expect(client.unread);
        client.send(words);
      }
      await client.untilOver();
      client.destroy();
    };
    for (let i = 0; i < 2; i++) await visit(imap, "127.0.0.5", "a LOGIN anna wrong\r\n");
    await visit(pop3, "127.0.0.6", "USER anna\r\n", "PASS wrong\r\n");
    await visit(smtp, "127.0.0.7", "EHLO x\r\n", `AUTH PLAIN ${btoa("\0anna\0wrong")}\r\n`);
    await visit(through, "127.0.0.8", "a LOGIN anna wrong\r\n");
    for (const name of HOSTILE) await visit(imap, "127.0.0.9", `a LOGIN {${name.length}+}\r\n${name} wrong\r\n`);
    await visit(imap, "127.0.0.11", "a LOGOUT\r\n");
    await visit(imap, BABBLER, "nonsense\r\n");
    const client = await connectTo({ port: imap, from: "127.0.0.10" });
    await client.ask("a LOGIN anna right\r\n", "* OK IMAP4 ready\r\na OK logged in\r\n");
    client.end();
    await client.untilOver();
    await eventually(
      () => installation.lines("access.log").length === 3 + 2 * 10,
      () => installation.lines("access.log").join("\n"),
    );
    await installation.end();
  }, LIMIT);
  after(async () => {
    await installation.stop();
    await Promise.all([auth.stop(), upstream.stop(), checking.stop()]);
  });

  it("and the guide's line for awk keeps its columns, whatever a login is made of", async () => {
    const guide = readFileSync(join(CONTRIB, "..", "docs", "logging.md"), "utf8");
    const [command = ""] = /^awk .*$/m.exec(guide) ?? [];
    const found = await outputOf("sh", ["-c", command.replace("access.log", installation.path("access.log"))]);
    const lines = found.split("\n").filter((line) => line !== "");
    assert(lines.length > 3, found);
    for (const line of lines) assertMatch(line, /^ *\d+ (imap|pop3|smtp) (end|login_failed) \w+ phase=\w+$/);
  });

  const tool = needs("fail2ban-regex");
  for (const [log, filter] of [["access.log", "postern.conf"], ["error.log", "postern-error.conf"]] as const) {
    for (const mode of ["normal", "aggressive"]) {
      it(`${filter} of fail2ban finds those who guess passwords: ${mode}`, tool, async () => {
        const found = await outputOf("fail2ban-regex", [
          ...["-o", "ip", installation.path(log)],
          `${join(CONTRIB, "fail2ban", "filter.d", filter)}[mode=${mode}]`,
        ]);
        const expected = mode === "normal" ? GUESSERS : { ...GUESSERS, [BABBLER]: 1 };
        assertEquals(counted(found.split("\n").filter((line) => line !== "")), expected);
      });
    }
  }

  it("the parser of CrowdSec finds them, in either log", () => {
    const text = readFileSync(join(CONTRIB, "crowdsec", "parsers", "postern-logs.yaml"), "utf8");
    const patterns = [...text.matchAll(/^ +pattern: '(.*)'$/gm)].map(([, pattern = ""]) => {
      // Named groups are all that Go writes in another way.
      return new RegExp(pattern.replaceAll("(?P<", "(?<"));
    });
    assertEquals(patterns.length, 2);
    const found = (name: string) =>
      installation.lines(name).flatMap((line) => patterns.map((pattern) => pattern.exec(line)?.groups ?? {}))
        .flatMap(({ source_ip, timestamp }) => source_ip === undefined || timestamp === undefined ? [] : [source_ip]);
    assertEquals(counted(found("access.log")), GUESSERS);
    // A text with quotes in it may be anybody's: such lines are left to the access log.
    assertEquals(found("error.log"), ["127.0.0.8"]);
    const plain = installation.lines("error.log").map((line) => line.replace('"No "way""', '"No way"'));
    const groups = plain.flatMap((line) => patterns[1]?.exec(line)?.groups?.["source_ip"] ?? []);
    assertEquals(counted(groups), GUESSERS);
  });

  it("logrotate takes its file", needs("logrotate", "root"), async () => {
    const folder = new TestFolder();
    try {
      const path = readFileSync(join(CONTRIB, "logrotate", "postern"), "utf8");
      const file = folder.write("logrotate", path.replaceAll("postern adm", "root root"));
      const { stderr } = await run("logrotate", ["-d", "-s", join(folder.path, "state"), file]);
      assert(!/error/i.test(stderr), stderr);
    } finally {
      folder.remove();
    }
  });

  describe("the units of systemd", () => {
    const units = readdirSync(join(CONTRIB, "systemd"));
    const folder = new TestFolder();
    after(() => folder.remove());
    /** Where they are for a machine that has another program in Postern's place. */
    const installed = () =>
      units.map((name) => {
        const text = readFileSync(join(CONTRIB, "systemd", name), "latin1");
        return folder.write(name, text.replaceAll("/usr/local/bin/postern", process.execPath));
      });

    it("are understood", needs("systemd-analyze"), async () => {
      const { status, stderr } = await run("systemd-analyze", ["verify", ...installed()]);
      assertEquals([status, stderr], [0, ""]);
    });

    it("have nobody bind who lacks the sockets and the right to", () => {
      const text = readFileSync(join(CONTRIB, "systemd", "postern-activated.service"), "latin1");
      const commands = [...text.matchAll(/^(Exec\w+)=(\S+)(.*)$/gm)].map(([, when, program, args]) => [
        when,
        program,
        / -[tT]\b/.test(args ?? ""),
      ]);
      assertMatch(text, /^CapabilityBoundingSet=$/m);
      assertEquals(commands, [["ExecStart", "/usr/local/bin/postern", false], ["ExecReload", "/bin/kill", false]]);
    });

    it("can have a runtime in place of the binary, for a user without a home", async () => {
      const guide = readFileSync(join(CONTRIB, "README.md"), "utf8");
      const runtime = "Deno" in globalThis ? "deno" : "Bun" in globalThis ? "bun" : "node";
      const [, args = ""] = new RegExp(`^ExecStart=/usr/bin/${runtime} (.*) -c …$`, "m").exec(guide) ?? [];
      const command = args.replace("/opt/postern", join(CONTRIB, "..")).split(" ");
      // Where not even root can make one.
      const homeless = ["-u", "DENO_DIR", "-u", "XDG_CACHE_HOME", "HOME=/proc/nonexistent"];
      const { status, stderr } = await run("env", [...homeless, process.execPath, ...command, "-v"]);
      assertEquals(status, 0, stderr);
      assertMatch(stderr, /^postern version: /);
    });

    it("leave the program few rights", needs("systemd-analyze"), async () => {
      for (const path of installed().filter((name) => name.endsWith(".service"))) {
        const { status, stdout } = await run("systemd-analyze", [
          ...["security", "--offline=yes", "--no-pager", "--threshold=20", path],
        ]);
        assertMatch(stdout, /Overall exposure level/);
        assertEquals(status, 0, stdout);
      }
    });
  });
});

function counted(addresses: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const address of addresses) counts[address] = (counts[address] ?? 0) + 1;
  return counts;
}
