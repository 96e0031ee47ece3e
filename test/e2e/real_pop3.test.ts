import { after, before, describe, it } from "node:test";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { AUTH_SERVERS } from "../support/auth_servers.ts";
import { needs, outputOf, python } from "../support/clients.ts";
import { digest, letter } from "../support/letters.ts";
import { ANNA, BERTA, INNER_ANNA, Scene } from "../support/real_scene.ts";

const REAL = needs("curl", "dovecot 2.3", "python3");

/** How curl may be told to log in. */
const CURL_LOGINS: readonly [string, readonly string[]][] = [
  ["AUTH PLAIN", ["--login-options", "AUTH=PLAIN"]],
  ["AUTH PLAIN with an initial response", ["--login-options", "AUTH=PLAIN", "--sasl-ir"]],
  ["AUTH LOGIN", ["--login-options", "AUTH=LOGIN"]],
];

/** What lies in each mailbox. The second is longer than all buffers on its way. */
const LETTERS = [letter(1, { size: 1 }), letter(2, { size: 3_000_000 }), letter(3, { size: 1000, longest: 1 })];

for (const [kind, auth] of AUTH_SERVERS) {
  describe(`POP3 from real clients to Dovecot, asking ${kind}`, () => {
    let scene: Scene | undefined;
    let port = "";
    before(async () => {
      if (REAL.skip !== false) return;
      scene = await Scene.open({ auth });
      scene.dovecot.deliver(INNER_ANNA.login, LETTERS);
      scene.dovecot.deliver(BERTA.login, LETTERS);
      const proxy = await scene.proxy("server { listen 127.0.0.1; protocol pop3; }");
      port = `${proxy.ports[0]}`;
    }, REAL);
    after(() => scene?.close());

    for (const [name, options] of CURL_LOGINS) {
      it(`lists letters for curl after ${name}`, REAL, async () => {
        const user = ["--user", `${BERTA.login}:${BERTA.password}`];
        const list = await outputOf("curl", ["--silent", ...user, ...options, `pop3://127.0.0.1:${port}`]);
        assertEquals(list, LETTERS.map((text, i) => `${i + 1} ${text.length}\r\n`).join(""));
      });
    }

    it("gives curl each letter as it is", REAL, async () => {
      const user = ["--silent", "--user", `${ANNA.login}:${ANNA.password}`];
      for (const [i, text] of LETTERS.entries()) {
        const got = await outputOf("curl", [...user, `pop3://127.0.0.1:${port}/${i + 1}`]);
        assertEquals(digest(got), digest(text));
      }
    });

    it("gives poplib each letter as it is, and deletes one, under the auth server's user", REAL, async () => {
      assert(scene !== undefined);
      const got = await python(RETRIEVE_ALL, [port, ANNA.login, ANNA.password]);
      assertEquals(digest(got), digest(LETTERS.join("")));
      assertEquals(scene.dovecot.letters(INNER_ANNA.login).map(digest), LETTERS.slice(1).map(digest));
      await scene.dovecot.given(INNER_ANNA);
      assert(!scene.dovecot.credentials.join().includes(ANNA.password));
      assertStringIncludes(scene.auth.log, `asked: pop3 plain ${ANNA.login} 127.0.0.1`);
    });
  });
}

/** Prints all letters one after the other, and deletes the first. */
const RETRIEVE_ALL = String.raw`
import poplib, sys
pop = poplib.POP3("127.0.0.1", int(sys.argv[1]))
pop.user(sys.argv[2])
pop.pass_(sys.argv[3])
count, size = pop.stat()
for number in range(1, count + 1):
    answer, lines, octets = pop.retr(number)
    sys.stdout.buffer.write(b"".join(line + b"\r\n" for line in lines))
pop.dele(1)
pop.quit()
`;
