import { after, before, describe, it } from "node:test";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { AUTH_SERVERS } from "../support/auth_servers.ts";
import { needs } from "../support/clients.ts";
import { digest, letter } from "../support/letters.ts";
import { ANNA, BERTA, INNER_ANNA, Scene } from "../support/real_scene.ts";
import { CLIENT, HELO, sendWithCurl, sendWithSmtplib, swaks, swaksLogin } from "../support/senders.ts";

const REAL = needs("curl", "dovecot 2.3", "python3", "swaks");

/** Dovecot says more, which is no matter to clients that were told less. */
const SERVER = 'listen 127.0.0.1; protocol smtp; proxy_smtp_auth on; smtp_capabilities 8BITMIME "SIZE 20971520";';

for (const [kind, auth] of AUTH_SERVERS) {
  describe(`SMTP from real clients to Dovecot's submission server, asking ${kind}`, () => {
    let scene: Scene | undefined;
    let port = "";
    before(async () => {
      if (REAL.skip !== false) return;
      scene = await Scene.open({ auth });
      const proxy = await scene.proxy(`server { ${SERVER} }`);
      port = `${proxy.ports[0]}`;
    }, REAL);
    after(() => scene?.close());

    for (const mechanism of ["PLAIN", "LOGIN"]) {
      it(`logs in for swaks, which says AUTH ${mechanism}`, REAL, async () => {
        assert(scene !== undefined);
        const mail = ["--to", "carl@example.test", "--h-Subject", `swaks ${mechanism}`];
        const { status, stdout } = await swaks(port, [...mail, ...swaksLogin(mechanism, BERTA)]);
        assertEquals(status, 0, stdout);
        const { text } = await scene.sink.letter(`Subject: swaks ${mechanism}`);
        assertStringIncludes(text, `Received: from ${HELO} ([${CLIENT}])`);
        await scene.dovecot.until(new RegExp(`Login: user=<${BERTA.login}>, method=PLAIN, rip=${CLIENT},`));
      });
    }

    it("sends mail for curl", REAL, async () => {
      const text = letter(1, { size: 1000 });
      await sendWithCurl(port, text, { account: BERTA });
      const got = await scene?.sink.letter("Message-ID: <1.1000@");
      assertEquals(digest(got?.text.slice(-text.length) ?? ""), digest(text));
    });

    it("carries eight bits and leading dots for smtplib as they are, under the auth server's user", REAL, async () => {
      assert(scene !== undefined);
      const text = letter(7, { size: 1_000_000 });
      await sendWithSmtplib(port, text, ANNA);
      const got = await scene.sink.letter("Message-ID: <7.1000000@");
      assertEquals(digest(got.text.slice(-text.length)), digest(text));
      await scene.dovecot.until(new RegExp(`Login: user=<${INNER_ANNA.login}>, method=PLAIN, rip=${CLIENT},`));
      await scene.dovecot.given(INNER_ANNA);
      assert(!scene.dovecot.credentials.join().includes(ANNA.password));
    });
  });
}
