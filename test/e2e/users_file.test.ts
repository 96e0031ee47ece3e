/** `auth_users_file` with real clients, a real server, and hashes that other programs made. */

import { after, before, describe, it } from "node:test";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Buffer } from "node:buffer";
import { writeFileSync } from "node:fs";
import { needs, outputOf, python, run } from "../support/clients.ts";
import { Dovecot } from "../support/dovecot.ts";
import { freePorts } from "../support/free_ports.ts";
import { programCommand, TestFolder } from "../support/program.ts";
import { startProxy, type TestProxy } from "../support/proxy.ts";

const REAL = needs("curl", "dovecot 2.3", "python3");

const INNER = { login: "joe", password: "inner" } as const;

/** Who may log in; all are joe inside, whose password there is another. */
const OPTIONS = "destuser=joe pass=inner";

describe("a users file", () => {
  let dovecot: Dovecot | undefined;
  const folder = new TestFolder();
  const proxies: TestProxy[] = [];

  before(async () => {
    if (REAL.skip !== false) return;
    dovecot = await Dovecot.start({ users: { [INNER.login]: INNER.password } });
  }, REAL);
  after(async () => {
    await Promise.all(proxies.map((proxy) => proxy.stop()));
    await dovecot?.stop();
    folder.remove();
  });

  async function serving(lines: readonly string[], directives = "", upstream?: string): Promise<string> {
    const file = folder.write(`users-${proxies.length}`, lines.map((line) => `${line}\n`).join(""));
    const proxy = await startProxy(
      `auth_users_file ${file}; ${directives} server { listen 127.0.0.1; protocol imap; proxy_pass ${
        upstream ?? `127.0.0.1:${dovecot?.ports.imap}`
      }; }`,
    );
    proxies.push(proxy);
    return `${proxy.ports[0]}`;
  }

  async function logIn(port: string, user: string, password: string): Promise<number | string> {
    const url = `imap://127.0.0.1:${port}/`;
    return (await run("curl", ["--silent", "--user", `${user}:${password}`, url, "-X", "NOOP"])).status;
  }

  it("takes hashes of htpasswd and doveadm, several for one user", REAL, async () => {
    const hashes = [
      (await outputOf("doveadm", ["-O", "pw", "-s", "SHA512-CRYPT", "-p", "one"])).trim(),
      (await outputOf("doveadm", ["-O", "pw", "-s", "PBKDF2", "-p", "two"])).trim(),
      (await outputOf("doveadm", ["-O", "pw", "-s", "BLF-CRYPT", "-p", "three"])).trim(),
      "{PLAIN}four",
    ];
    const port = await serving(hashes.map((hash) => `anna:${hash}::${OPTIONS}`));
    const codes = [];
    for (const password of ["one", "two", "three", "four"]) codes.push(await logIn(port, "anna", password));
    assertEquals(codes, [0, 0, 0, 0]);
    await dovecot?.given(INNER);
  });

  it("refuses a wrong password and an unknown user alike, and lets the client try again", REAL, async () => {
    const port = await serving([`anna:{PLAIN}right::${OPTIONS}`]);
    const said = await python(TWICE, [port, "anna", "wrong", "nobody", "wrong", "anna", "right"]);
    assertEquals(said, "NO Invalid login or password\nNO Invalid login or password\nOK\n");
    const log = proxies.at(-1)?.log.join("\n") ?? "";
    assertMatch(log, /info user "anna": password mismatch while in http auth state, client: 127\.0\.0\.1,/);
    assertMatch(log, /info user "nobody" was not found in ".*users-\d"/);
    assert(!log.includes("wrong"));
  });

  it("answers CRAM-MD5 where it has the password itself", REAL, async () => {
    const port = await serving(
      [`anna:{PLAIN}right::${OPTIONS}`, `berta:$2y$04$${"a".repeat(53)}`],
      "imap_auth cram-md5;",
    );
    assertEquals(await python(CRAM, [port, "anna", "right"]), "OK\n");
    assertEquals(await python(CRAM, [port, "berta", "right"]), "NO\n");
  });

  it("sends a user where the line says", REAL, async () => {
    const [dead] = await freePorts(1);
    const port = await serving([
      `anna:{PLAIN}right:127.0.0.1:${dead}:${OPTIONS}`,
      `berta:{PLAIN}right::${OPTIONS}`,
      `carl:{PLAIN}right::nologin ${OPTIONS}`,
    ]);
    assertEquals([await logIn(port, "berta", "right"), await logIn(port, "carl", "right")], [0, 67]);
    assert(await logIn(port, "anna", "right") !== 0);
    assert(proxies.at(-1)?.log.some((line) => line.includes("connect() failed") && line.includes(`:${dead}`)));
  });

  it("is not blamed alone for a server that a variable names and that is none", REAL, async () => {
    const port = await serving(["anna:{PLAIN}right"], "map x $there { default 256.1.1.1:1; }", "$there");
    assert(await logIn(port, "anna", "right") !== 0);
    const log = proxies.at(-1)?.log.join("\n") ?? "";
    assertMatch(log, /error "256\.1\.1\.1:1" is no server: "proxy_pass \$there"/);
    assertMatch(log, /error no upstream for line 1 of ".*users-\d"/);
  });

  it("is an error at the start when a line is wrong", REAL, async () => {
    const problem = await serving(["anna:secret"]).then(() => "started", (error: Error) => error.message);
    assertMatch(problem, /^password without a scheme in \/.*\/users-\d+:1$/);
    assert(!problem.includes("secret"));
  });
});

describe("postern passwd", () => {
  const folder = new TestFolder();
  after(() => folder.remove());

  const passwd = (words: readonly string[], input = "s3 cret\nmore") => {
    const [command, ...args] = programCommand();
    return run(command, [...args, "passwd", ...words], { input });
  };

  const LINES = [["argon2id", "anna"], ["bcrypt", "jürgen"], ["sha512-crypt", "a€b"], ["pbkdf2", "anna"]] as const;
  for (const [scheme, user] of LINES) {
    it(`makes a line with ${scheme} that lets ${user} in`, { timeout: 60_000 }, async () => {
      const { status, stdout, stderr } = await passwd(["-s", scheme, user]);
      assertEquals([status, stderr], [0, ""]);
      writeFileSync(folder.write("users", ""), stdout, "latin1");
      const proxy = await startProxy(
        `auth_users_file ${folder.path}/users; server { listen 127.0.0.1; protocol imap; proxy_pass unix:/nowhere; }`,
      );
      try {
        const wire = await python(ASK, [`${proxy.ports[0]}`, user, "s3 cret"]);
        // The password is right: it is the server behind that is not there.
        assertEquals(wire, "* BAD [UNAVAILABLE] internal server error\n");
      } finally {
        await proxy.stop();
      }
    });
  }

  it("takes a password of any octets", { timeout: 60_000 }, async () => {
    const { stdout } = await passwd(["-s", "sha512-crypt", "anna"], "p\xdf\x04\xc3\n");
    const [, salt = "", hash = ""] = /^anna:\$6\$(?:rounds=\d+\$)?([^$]+)\$(.*)\n$/.exec(stdout) ?? [];
    const [, rounds = ""] = /(rounds=\d+\$)/.exec(stdout) ?? [];
    const made = await outputOf("openssl", ["passwd", "-6", "-salt", rounds + salt, "-stdin"], {
      input: "p\xdf\x04\xc3\n",
    });
    assertEquals(made.trim().split("$").at(-1), hash);
  });

  it("refuses a password that is too long for a login", { timeout: 60_000 }, async () => {
    const problem = async (length: number) => (await passwd(["-s", "sha512-crypt", "anna"], "x".repeat(length))).stderr;
    assertEquals(await problem(1024), "");
    assertEquals(await problem(1025), "postern: the password has more than 1024 octets\n");
  });

  it("refuses what the file could not have", { timeout: 60_000 }, async () => {
    const problems: readonly (readonly [words: readonly string[], problem: string])[] = [
      [["#anna"], 'passwd: a user whose name begins with "#" would be a comment'],
      [["an\nna"], "passwd: control character"],
      [["anna", "::1"], 'passwd: invalid upstream "::1"'],
      [["anna", "backend:143:nologin"], 'passwd: invalid upstream "backend:143:nologin"'],
      [["-s", "ümlaut", "anna"], 'passwd: unknown scheme "ümlaut", see -h'],
    ];
    for (const [words, problem] of problems) {
      const { status, stdout, stderr } = await passwd(words);
      assertEquals([status, stdout, stderr], [1, "", Buffer.from(`postern: ${problem}\n`).toString("latin1")]);
    }
  });
});

const TWICE = String.raw`
import imaplib, sys
imap = imaplib.IMAP4("127.0.0.1", int(sys.argv[1]))
for user, password in zip(sys.argv[2::2], sys.argv[3::2]):
    kind, data = imap._simple_command("LOGIN", user, password)
    print(kind if kind == "OK" else kind + " " + data[0].decode())
`;

const CRAM = String.raw`
import imaplib, sys
imap = imaplib.IMAP4("127.0.0.1", int(sys.argv[1]))
try:
    print(imap.login_cram_md5(sys.argv[2], sys.argv[3])[0])
except imaplib.IMAP4.error:
    print("NO")
`;

const ASK = String.raw`
import socket, sys
wire = socket.create_connection(("127.0.0.1", int(sys.argv[1]))).makefile("rwb")
wire.readline()
wire.write(('a LOGIN %s "%s"\r\n' % (sys.argv[2], sys.argv[3])).encode())
wire.flush()
print(wire.readline().decode().strip())
`;
