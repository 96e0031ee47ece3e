import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { AUTH_SERVERS } from "../support/auth_servers.ts";
import { needs, outputOf } from "../support/clients.ts";
import { digest, letter } from "../support/letters.ts";
import { TestFolder } from "../support/program.ts";
import { ANNA, INNER_ANNA, Scene } from "../support/real_scene.ts";

const REAL = needs("dovecot 2.3", "mbsync", "python3");

/** From one octet to some kilobytes, and a few as large as letters get. */
const SIZES = [...Array.from({ length: 145 }, (_, i) => Math.ceil(1.065 ** i)), 100_000, 500_000, 1e6, 3e6, 10e6];

for (const [kind, auth] of AUTH_SERVERS) {
  describe(`mbsync between Dovecot and a maildir, asking ${kind}`, () => {
    const folder = new TestFolder();
    let scene: Scene | undefined;
    let command: readonly string[] = [];
    before(async () => {
      if (REAL.skip !== false) return;
      scene = await Scene.open({ auth });
      const proxy = await scene.proxy("server { listen 127.0.0.1; protocol imap; }");
      command = [
        "--config",
        folder.write("mbsyncrc", configuration(folder.path, `${proxy.ports[0]}`)),
        "--all",
        "--verbose",
      ];
      for (const name of ["near", "near/cur", "near/new", "near/tmp"]) mkdirSync(join(folder.path, name));
    }, REAL);
    after(async () => {
      await scene?.close();
      folder.remove();
    });

    it("brings 150 letters down and 150 up, octet by octet, and has nothing left to do", REAL, async () => {
      assert(scene !== undefined);
      const far = SIZES.map((size, i) => letter(i, { size, longest: 20_000 }));
      const near = SIZES.map((size, i) => letter(1000 + i, { size, longest: 20_000 }));
      scene.dovecot.deliver(INNER_ANNA.login, far);
      for (const [i, text] of near.entries()) {
        writeFileSync(join(folder.path, "near", "cur", `1700000000.${i}.near:2,S`), onDisk(text), "latin1");
      }
      const report = await outputOf("mbsync", command, { limit: 200 });
      const expected = [...far, ...near].map(digest).sort();
      const copies = { near: lettersIn(join(folder.path, "near")), far: scene.dovecot.letters(INNER_ANNA.login) };
      assertEquals(copies.near.map(withoutMark).map(digest).sort(), expected, report);
      assertEquals(copies.far.map(withoutMark).map(digest).sort(), expected, report);
      await outputOf("mbsync", command);
      assertEquals(lettersIn(join(folder.path, "near")).length, expected.length);
      assertEquals(scene.dovecot.letters(INNER_ANNA.login).length, expected.length);
    });
  });
}

function configuration(folder: string, port: string): string {
  return `
FSync no
IMAPStore far
Host 127.0.0.1
Port ${port}
User ${ANNA.login}
Pass ${ANNA.password}
SSLType None
AuthMechs LOGIN

MaildirStore near
Inbox ${folder}/near

Channel letters
Far :far:
Near :near:
Patterns INBOX
Sync All
SyncState ${folder}/state-
`;
}

/** Lines in a maildir end in LF alone. */
function onDisk(text: string): string {
  return text.replaceAll("\r\n", "\n");
}

function lettersIn(maildir: string): string[] {
  const files = ["cur", "new"].flatMap((name) =>
    readdirSync(join(maildir, name)).map((file) => join(maildir, name, file))
  );
  return files.map((file) => readFileSync(file, "latin1").replaceAll("\n", "\r\n"));
}

/** mbsync knows its copies again by a line of its own. */
function withoutMark(text: string): string {
  return text.replace(/^X-TUID: .*\r\n/m, "");
}
