import { assertEquals, assertStringIncludes } from "@std/assert";
import { existsSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { loadRuntime } from "../../adapters/detect.ts";
import type { Capability, Runtime } from "../../src/runtime.ts";
import { needs, outputOf } from "../support/clients.ts";
import { freePorts, freeRange } from "../support/free_ports.ts";
import { installations } from "../support/installation.ts";
import { runProgram, TestFolder } from "../support/program.ts";
import { connectTo, type Destination } from "../support/raw_client.ts";

const LIMIT = { timeout: 180_000 };
const install = installations();

/** Which server answers there, by its only capability; `nobody` when none does. */
async function whoAnswers(destination: Destination): Promise<string> {
  const client = await connectTo(destination).catch(() => undefined);
  if (client === undefined) return "nobody";
  client.send("a CAPABILITY\r\nb LOGOUT\r\n");
  const heard = await client.rest();
  client.destroy();
  return /^\* OK IMAP4 ready\r\n\* CAPABILITY (\w+)/.exec(heard)?.[1] ?? "nobody";
}

/**
 * The `listen` lines of servers by their names. N, M and O stand for ports in a row. Then who answers where, and as
 * what the log knows the address.
 */
const FORMS: readonly {
  readonly title: string;
  readonly servers: Readonly<Record<string, string>>;
  readonly answers: Readonly<Record<string, readonly [string, string?]>>;
}[] = [
  {
    title: "a port alone is that of all IPv4 addresses",
    servers: { ONE: "listen N;" },
    answers: { "127.0.0.1:N": ["ONE", "0.0.0.0:N"], "127.0.0.2:N": ["ONE", "0.0.0.0:N"], "[::1]:N": ["nobody"] },
  },
  {
    title: "so is one behind an asterisk",
    servers: { ONE: "listen *:N;" },
    answers: { "127.0.0.2:N": ["ONE", "0.0.0.0:N"] },
  },
  {
    title: "an address is that address",
    servers: { ONE: "listen 127.0.0.1:N;" },
    answers: { "127.0.0.1:N": ["ONE", "127.0.0.1:N"], "127.0.0.2:N": ["nobody"] },
  },
  {
    title: "an IPv6 address",
    servers: { ONE: "listen [::1]:N;" },
    answers: { "[::1]:N": ["ONE", "[::1]:N"], "127.0.0.1:N": ["nobody"] },
  },
  {
    title: "all IPv6 addresses are not those of IPv4",
    servers: { ONE: "listen [::]:N;" },
    answers: { "[::1]:N": ["ONE", "[::]:N"], "127.0.0.1:N": ["nobody"] },
  },
  {
    title: "all IPv6 addresses are those of IPv4, too, with ipv6only=off",
    servers: { ONE: "listen [::]:N ipv6only=off;" },
    answers: { "[::1]:N": ["ONE", "[::]:N"], "127.0.0.1:N": ["ONE", "[::]:N"] },
  },
  {
    title: "all addresses of both families, on one port for two servers",
    servers: { ONE: "listen [::]:N;", TWO: "listen 0.0.0.0:N;" },
    answers: { "[::1]:N": ["ONE", "[::]:N"], "127.0.0.1:N": ["TWO", "0.0.0.0:N"] },
  },
  {
    title: "all addresses of both families, in the other order",
    servers: { ONE: "listen N;", TWO: "listen [::]:N;" },
    answers: { "127.0.0.1:N": ["ONE", "0.0.0.0:N"], "[::1]:N": ["TWO", "[::]:N"] },
  },
  {
    title: "a name",
    servers: { ONE: "listen localhost:N;" },
    answers: { "127.0.0.1:N": ["ONE", "localhost:N"] },
  },
  {
    title: "a range of ports",
    servers: { ONE: "listen 127.0.0.1:N-O;" },
    answers: {
      "127.0.0.1:N": ["ONE", "127.0.0.1:N"],
      "127.0.0.1:M": ["ONE", "127.0.0.1:M"],
      "127.0.0.1:O": ["ONE", "127.0.0.1:O"],
    },
  },
  {
    title: "several in one server",
    servers: {
      ONE: "listen 127.0.0.1:N; listen 127.0.0.1:M; listen [::1]:N; listen unix:SOCKET;",
      TWO: "listen 127.0.0.1:O;",
    },
    answers: {
      "127.0.0.1:N": ["ONE", "127.0.0.1:N"],
      "127.0.0.1:M": ["ONE", "127.0.0.1:M"],
      "[::1]:N": ["ONE", "[::1]:N"],
      "unix:": ["ONE", "unix:SOCKET"],
      "127.0.0.1:O": ["TWO", "127.0.0.1:O"],
    },
  },
  {
    title: "a wildcard and one address on a port: the local address chooses the server",
    servers: { ONE: "listen N;", TWO: "listen 127.0.0.2:N;", THREE: "listen 127.0.0.3:N; listen 127.0.0.4:M;" },
    answers: {
      "127.0.0.1:N": ["ONE", "0.0.0.0:N"],
      "127.0.0.2:N": ["TWO", "127.0.0.2:N"],
      "127.0.0.3:N": ["THREE", "127.0.0.3:N"],
      "127.0.0.4:N": ["ONE", "0.0.0.0:N"],
      "127.0.0.4:M": ["THREE", "127.0.0.4:M"],
      "127.0.0.1:M": ["nobody"],
    },
  },
  {
    title: "one address before the wildcard on its port",
    servers: { ONE: "listen 127.0.0.2:N;", TWO: "listen *:N;" },
    answers: { "127.0.0.1:N": ["TWO", "0.0.0.0:N"], "127.0.0.2:N": ["ONE", "127.0.0.2:N"] },
  },
  {
    title: "a wildcard and one address of IPv6",
    servers: { ONE: "listen [::]:N;", TWO: "listen [::1]:N;" },
    answers: { "[::1]:N": ["TWO", "[::1]:N"] },
  },
  {
    title: "wildcards of both families and one address of each",
    servers: { ONE: "listen N; listen [::]:N;", TWO: "listen 127.0.0.2:N; listen [::1]:N;" },
    answers: {
      "127.0.0.1:N": ["ONE", "0.0.0.0:N"],
      "127.0.0.2:N": ["TWO", "127.0.0.2:N"],
      "[::1]:N": ["TWO", "[::1]:N"],
    },
  },
];

describe("listen", () => {
  for (const { title, servers, answers } of FORMS) {
    it(title, LIMIT, async () => {
      const first = await freeRange(3);
      const folder = new TestFolder();
      const socket = `${folder.path}/socket`;
      const fill = (text: string) => {
        return text.replace(/\b[NMO]\b/g, (port) => `${first + "NMO".indexOf(port)}`).replaceAll("SOCKET", socket);
      };
      const blocks = Object.entries(servers).map(([name, lines]) => {
        return `server { ${fill(lines)} protocol imap; imap_capabilities ${name}; }`;
      });
      const { program, end } = await install(
        `error_log stderr info; mail { auth_http 127.0.0.1:1; ${blocks.join("\n")} }`,
      );
      for (const [place, [name, text]] of Object.entries(answers)) {
        const [, host = "", port = ""] = /^\[?([^\]]+?)\]?:(\d*)$/.exec(fill(place)) ?? [];
        const destination = host === "unix" ? { path: socket } : { host, port: Number(port) };
        assertEquals([place, await whoAnswers(destination)], [place, name]);
        if (text !== undefined) await program.prints(` connected to ${fill(text)}\n`);
      }
      await end();
      assertEquals([program.stderr.includes("[warn]"), existsSync(socket)], [false, false]);
      folder.remove();
    });
  }
});

/** What keeps it from starting, PORT being a free one. */
const FAILURES: readonly (readonly [string, string])[] = [
  ["no-such-host.invalid:143", 'host not found in "no-such-host.invalid:143" of the "listen" directive in FILE:1'],
  ["no-such-host.invalid", 'host not found in "no-such-host.invalid" of the "listen" directive in FILE:1'],
  [
    "192.0.2.1:PORT",
    "bind() to 192.0.2.1:PORT failed (99: Cannot assign requested address)\n" +
    'postern: the "listen" directive stands in FILE:1: this machine has no such address',
  ],
  [
    "unix:/nowhere/socket",
    "bind() to unix:/nowhere/socket failed (2: No such file or directory)\n" +
    'postern: the "listen" directive stands in FILE:1',
  ],
];

describe("a program that cannot listen", () => {
  let folder: TestFolder;

  before(() => folder = new TestFolder());
  after(() => folder.remove());

  for (const [address, message] of FAILURES) {
    it(`on ${address} says why and ends`, LIMIT, async () => {
      const [port = 0] = await freePorts(1);
      const text =
        `daemon off; pid pid; events {} mail { auth_http 127.0.0.1:1; server { listen ${address}; protocol imap; } }`;
      const path = folder.write("nginx.conf", text.replace("PORT", `${port}`));
      const { code, stderr } = await runProgram("-p", folder.path, "-c", path, "-e", "stderr");
      assertEquals([code, stderr], [
        1,
        `postern: [emerg] ${message}\n`.replace("PORT", `${port}`).replace("FILE", path),
      ]);
    });
  }
});

/** Parameters that only tune, what a runtime needs for them, and how the warning calls them. */
const TUNING: readonly (readonly [string, Capability, string])[] = [
  ["backlog=100", "listen.backlog", '"backlog"'],
  ["rcvbuf=64k", "listen.bufferSizes", '"rcvbuf"'],
  ["sndbuf=64k", "listen.bufferSizes", '"sndbuf"'],
  ["multipath", "listen.multipath", '"multipath"'],
  ["so_keepalive=30s::", "listen.keepAliveIdle", 'the idle time in "so_keepalive"'],
  ["so_keepalive=:10s:", "listen.keepAliveProbes", 'the interval in "so_keepalive"'],
  ["so_keepalive=::5", "listen.keepAliveProbes", 'the count in "so_keepalive"'],
];

describe("listen parameters that only tune", () => {
  let runtime: Runtime;

  before(async () => {
    runtime = await loadRuntime();
  });

  it("are taken, with one warning for each that the runtime cannot", LIMIT, async () => {
    const ports = await freePorts(2 * TUNING.length);
    const listens = ports.map((port, i) => `listen 127.0.0.1:${port} ${TUNING[i % TUNING.length]?.[0]};`);
    const { program, path, end } = await install(
      `error_log stderr; mail { auth_http 127.0.0.1:1; server { protocol imap; imap_capabilities ONE;\n${
        listens.join("\n")
      } } }`,
    );
    for (const port of ports) assertEquals(await whoAnswers(port), "ONE");
    await end();
    const warnings = TUNING.flatMap(([, capability, setting], i) => {
      const state = runtime.capabilities[capability];
      if (state.state !== "no") return [];
      const text = `${setting} of the "listen" directive has no effect with ${runtime.name}: ${state.reason}`;
      return [`postern: [warn] ${text} in ${path("nginx.conf")}:${3 + i}\n`];
    });
    assertEquals(program.stderr, warnings.join(""));
  });

  it("backlog is what the kernel has, unless there is a warning", needs("ss"), async () => {
    const [port = 0] = await freePorts(1);
    const { program, end } = await install(
      `error_log stderr; mail { auth_http 127.0.0.1:1; server { protocol imap; listen 127.0.0.1:${port} backlog=100; } }`,
    );
    const [, , backlog] = (await outputOf("ss", ["-tlnH", `sport = :${port}`])).split(/ +/);
    await end();
    assertEquals(backlog === "100", !program.stderr.includes('"backlog"'), `${backlog}: ${program.stderr}`);
  });

  for (const parameter of ["so_keepalive=on", "so_keepalive=off", "bind"]) {
    it(`${parameter} works everywhere`, LIMIT, async () => {
      const [port = 0] = await freePorts(1);
      const { program, end } = await install(
        `error_log stderr; mail { auth_http 127.0.0.1:1; imap_capabilities ONE; server { protocol imap; listen 127.0.0.1:${port} ${parameter}; } }`,
      );
      assertEquals(await whoAnswers(port), "ONE");
      await end();
      assertEquals(program.stderr, "");
    });
  }

  it("-V says which of them the runtime does not have", LIMIT, async () => {
    const { stderr } = await runProgram("-V");
    for (const [name, capability] of Object.entries(runtime.capabilities)) {
      const line = capability.state === "yes" ? "" : `capability ${name}: ${capability.state} (${capability.reason})\n`;
      assertEquals([name, stderr.includes(`capability ${name}:`)], [name, line !== ""]);
      assertStringIncludes(stderr, line);
    }
  });
});

describe("a protocol that is left out", () => {
  const flags: readonly (readonly [readonly string[], string])[] = [
    [[], "--with-mail_imap_module --with-mail_pop3_module --with-mail_smtp_module"],
    [["--without-pop3"], "--with-mail_imap_module --without-mail_pop3_module --with-mail_smtp_module"],
    [["--without-mail_pop3_module"], "--with-mail_imap_module --without-mail_pop3_module --with-mail_smtp_module"],
    [
      ["--without-imap", "--without-smtp"],
      "--without-mail_imap_module --with-mail_pop3_module --without-mail_smtp_module",
    ],
  ];
  for (const [args, modules] of flags) {
    it(`is in -V: ${args.join(" ") || "none"}`, LIMIT, async () => {
      const { code, stdout, stderr } = await runProgram("-V", ...args);
      assertEquals([code, stdout], [0, ""]);
      assertStringIncludes(stderr, `\nconfigure arguments: --with-mail --with-mail_ssl_module ${modules}\n`);
    });
  }

  it("is unknown, and the others are served", LIMIT, async () => {
    const [port = 0, other = 0] = await freePorts(2);
    const mail = (protocol: string) =>
      `mail { auth_http 127.0.0.1:1; imap_capabilities ONE; server { listen 127.0.0.1:${port}; protocol imap; }
       server { listen 127.0.0.1:${other}; protocol ${protocol}; } }`;
    const { end } = await install(mail("smtp"), "--without-pop3");
    assertEquals(await whoAnswers(port), "ONE");
    await end();
    const failure = await install(mail("pop3"), "--without-pop3").catch(String);
    assertStringIncludes(`${failure}`, '[emerg] unknown protocol "pop3" in ');
    assertStringIncludes(`${failure}`, '"pop3" is left out of this build');
  });
});

/** A whole configuration as older documents have it, and its warnings with the lines they are in. */
const OLD: readonly (readonly [string, string, readonly string[]])[] = [
  [
    "imap {} for mail {}",
    "imap { auth_http 127.0.0.1:1; imap_capabilities ONE;\nserver { listen 127.0.0.1:PORT; protocol imap; } }",
    ['2 the "imap" directive is deprecated, use the "mail" directive instead'],
  ],
  [
    "auth for pop3_auth, proxy on",
    "mail { auth_http 127.0.0.1:1; imap_capabilities ONE;\nauth plain apop;\nproxy on;\nserver { listen 127.0.0.1:PORT; protocol imap; } }",
    [
      '3 the "auth" directive is deprecated, use the "pop3_auth" directive instead',
      '4 the "proxy" directive is deprecated, leave it out: sessions are always handed on',
    ],
  ],
  [
    "so_keepalive, ssl off and a timeout in milliseconds",
    "mail { auth_http 127.0.0.1:1; imap_capabilities ONE;\nso_keepalive on;\nssl off;\nserver { listen 127.0.0.1:PORT; protocol imap;\ntimeout 60000; } }",
    [
      '3 the "so_keepalive" directive is deprecated, use the "listen ... so_keepalive" directive instead',
      '4 the "ssl" directive is deprecated, use the "listen ... ssl" directive instead',
      '6 "timeout" of 60000 is taken for milliseconds, write "60000ms", or "60000s" if seconds are meant',
    ],
  ],
  [
    "several server names",
    "mail { auth_http 127.0.0.1:1; imap_capabilities ONE;\nserver { listen 127.0.0.1:PORT; protocol imap; server_name a.test b.test; } }",
    ['3 "server_name" takes one plain name today, "a.test" is used'],
  ],
];

describe("what older documents say", () => {
  for (const [title, text, warnings] of OLD) {
    it(`${title} works, with a warning`, LIMIT, async () => {
      const [port = 0] = await freePorts(1);
      const { program, path, end } = await install(
        `error_log log warn; ${text}`.replace("PORT", `${port}`),
      );
      assertEquals(await whoAnswers(port), "ONE");
      await end();
      const lines = warnings.map((warning) => {
        const [line, ...words] = warning.split(" ");
        return `postern: [warn] ${words.join(" ")} in ${path("nginx.conf")}:${line}\n`;
      });
      assertEquals(program.stderr, lines.join(""));
    });
  }
});
