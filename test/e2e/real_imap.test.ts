import { after, before, describe, it } from "node:test";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { AUTH_SERVERS } from "../support/auth_servers.ts";
import { needs, outputOf, python } from "../support/clients.ts";
import { digest, letter } from "../support/letters.ts";
import { TestFolder } from "../support/program.ts";
import type { TestProxy } from "../support/proxy.ts";
import { ANNA, BERTA, INNER_ANNA, Scene } from "../support/real_scene.ts";

const REAL = needs("curl", "dovecot 2.3", "python3");

/** How curl may be told to log in. */
const CURL_LOGINS: readonly [string, readonly string[]][] = [
  ["AUTHENTICATE PLAIN", ["--login-options", "AUTH=PLAIN"]],
  ["AUTHENTICATE PLAIN with an initial response", ["--login-options", "AUTH=PLAIN", "--sasl-ir"]],
  ["AUTHENTICATE LOGIN", ["--login-options", "AUTH=LOGIN"]],
];

for (const [kind, auth] of AUTH_SERVERS) {
  describe(`IMAP from real clients to Dovecot, asking ${kind}`, () => {
    const folder = new TestFolder();
    let scene: Scene | undefined;
    let proxy: TestProxy;
    let port = "";
    before(async () => {
      if (REAL.skip !== false) return;
      scene = await Scene.open({ auth });
      proxy = await scene.proxy("server { listen 127.0.0.1; protocol imap; imap_auth plain login; }");
      port = `${proxy.ports[0]}`;
    }, REAL);
    after(async () => {
      await scene?.close();
      folder.remove();
    });

    for (const [name, options] of CURL_LOGINS) {
      it(`lists mailboxes for curl after ${name}`, REAL, async () => {
        const user = ["--user", `${BERTA.login}:${BERTA.password}`];
        const list = await outputOf("curl", ["--silent", ...user, ...options, `imap://127.0.0.1:${port}`]);
        assertEquals(list, '* LIST (\\HasNoChildren) "." INBOX\r\n');
      });
    }

    it("takes a letter from curl and gives it back", REAL, async () => {
      const text = letter(1, { size: 100_000, eightBit: false });
      const user = ["--silent", "--user", `${ANNA.login}:${ANNA.password}`];
      await outputOf("curl", [...user, "-T", folder.write("letter", text), `imap://127.0.0.1:${port}/INBOX`]);
      const back = await outputOf("curl", [...user, `imap://127.0.0.1:${port}/INBOX;MAILINDEX=1`]);
      assertEquals(digest(back), digest(text));
    });

    it("understands LOGIN with atoms, quoted strings and both kinds of literals", REAL, async () => {
      assert(scene !== undefined);
      const answers = await python(LOGIN_FORMS, [port, BERTA.login, BERTA.password]);
      assertEquals(answers.split("\n"), ["a1 OK", "a2 NO", "b1 OK", "c1 OK", "d1 OK", "e1 OK", ""]);
      const { connections = 1, log } = scene.auth;
      assert(connections < (log.match(/^asked: /gm) ?? []).length, `${connections} connections for:\n${log}`);
    });

    it("carries ten megabytes there and back for imaplib", REAL, async () => {
      const text = letter(2, { size: 10_000_000, longest: 100_000 });
      const back = await python(APPEND_AND_FETCH, [port, BERTA.login, BERTA.password], { input: text });
      assertEquals(digest(back), digest(text));
    });

    it("puts the auth server's user and password in place of the client's, and neither in the log", REAL, async () => {
      assert(scene !== undefined);
      await python(APPEND_AND_FETCH, [port, ANNA.login, ANNA.password], { input: letter(3, { size: 10 }) });
      await scene.dovecot.given(INNER_ANNA);
      assert(!scene.dovecot.credentials.join().includes(ANNA.password));
      assertStringIncludes(scene.auth.log, `asked: imap plain ${ANNA.login} 127.0.0.1`);
      const text = proxy.log.join("\n");
      assertStringIncludes(
        text,
        `client logged in, client: 127.0.0.1, server: 127.0.0.1:0, login: "${INNER_ANNA.login}"`,
      );
      assert(!text.includes(ANNA.password) && !text.includes(INNER_ANNA.password), text);
    });
  });
}

/** Each try has a connection of its own and shows its tag and its answer's first word. */
const LOGIN_FORMS = String.raw`
import imaplib, sys
port, user, password = int(sys.argv[1]), sys.argv[2].encode(), sys.argv[3].encode()

def attempt(*lines):
    imap = imaplib.IMAP4("127.0.0.1", port)
    for line in lines:
        imap.send(line + b"\r\n")
        if line.endswith(b"}") and not line.endswith(b"+}"):
            assert imap.readline().startswith(b"+ ")
    answer = imap.readline().decode().split()
    print(*answer[:2])
    imap.shutdown()

def literal(text, plus=b""):
    return b"{%d%s}" % (len(text), plus)

quoted = b'"%s"' % password.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
attempt(b"a1 LOGIN " + user + b" " + quoted)
attempt(b"a2 login " + user + b" atom")
attempt(b'b1 Login "' + user + b'" ' + quoted)
attempt(b"c1 LOGIN " + literal(user), user + b" " + literal(password), password)
attempt(b"d1 LOGIN " + literal(user, b"+"), user + b" " + literal(password, b"+"), password)
attempt(b"e1 LOGIN " + user + b" " + literal(password, b"+"), password)
`;

/** Stores what it reads, fetches the newest letter and prints it. */
const APPEND_AND_FETCH = String.raw`
import imaplib, sys
letter = sys.stdin.buffer.read()
with imaplib.IMAP4("127.0.0.1", int(sys.argv[1])) as imap:
    # imaplib's own way to log in knows ASCII only.
    user, password = (argument.encode() for argument in sys.argv[2:4])
    imap.authenticate("PLAIN", lambda _: b"\0" + user + b"\0" + password)
    assert imap.append("INBOX", None, None, letter)[0] == "OK"
    status, (count,) = imap.select()
    status, parts = imap.fetch(count.decode(), "(BODY.PEEK[])")
    sys.stdout.buffer.write(parts[0][1])
`;
