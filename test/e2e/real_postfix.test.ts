import { after, before, describe, it } from "node:test";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { AUTH_SERVERS } from "../support/auth_servers.ts";
import { needs } from "../support/clients.ts";
import { digest, letter } from "../support/letters.ts";
import { ANNA, BERTA, INNER_ANNA, Scene } from "../support/real_scene.ts";
import { CLIENT, HELO, sendWithCurl, sendWithSmtplib, swaks, swaksLogin } from "../support/senders.ts";

const REAL = needs("curl", "dovecot 2.3", "postfix", "python3", "root", "swaks");
const REAL_IPV6 = needs("curl", "dovecot 2.3", "postfix", "python3", "root", "ipv6");

/** What operators copy from their mail server. */
const SERVER = 'protocol smtp; smtp_capabilities PIPELINING 8BITMIME "SIZE 20971520";';

for (const [kind, auth] of AUTH_SERVERS) {
  describe(`SMTP from real clients to Postfix, asking ${kind}`, () => {
    let scene: Scene | undefined;
    let port = "";
    let openPort = "";
    before(async () => {
      if (REAL.skip !== false) return;
      scene = await Scene.open({ auth, smtp: "postfix" });
      const proxy = await scene.proxy(`server { listen 127.0.0.1; ${SERVER} }`);
      const open = await scene.proxy(`server { listen 127.0.0.1; ${SERVER} smtp_auth none; }`);
      [port, openPort] = [`${proxy.ports[0]}`, `${open.ports[0]}`];
    }, REAL);
    after(() => scene?.close());

    for (const [i, options] of [["AUTH=PLAIN"], ["AUTH=PLAIN", "--sasl-ir"], ["AUTH=LOGIN"]].entries()) {
      it(`sends mail for curl after ${options.join(" ")}`, REAL, async () => {
        assert(scene !== undefined);
        const text = letter(i, { size: 1000 });
        await sendWithCurl(port, text, { account: ANNA, options: ["--login-options", ...options] });
        const got = await scene.sink.letter(`Message-ID: <${i}.1000@`);
        assertEquals(digest(got.text.slice(-text.length)), digest(text));
        assertEquals([got.sender, got.recipients], ["<anna@example.test>", ["<carl@example.test>"]]);
        assertMatch(got.text, received(INNER_ANNA.login));
      });
    }

    it("sends mail for curl over IPv6", REAL_IPV6, async () => {
      assert(scene !== undefined);
      const proxy = await scene.proxy(`server { listen [::1]; ${SERVER} }`);
      await sendWithCurl(`${proxy.ports[0]}`, letter(6, { size: 100 }), { account: BERTA, client: "::1" });
      const { text } = await scene.sink.letter("Message-ID: <6.100@");
      assertMatch(text, received(BERTA.login, "IPv6:::1"));
    });

    for (const mechanism of ["PLAIN", "LOGIN"]) {
      it(`sends mail for swaks after AUTH ${mechanism}, and Postfix knows where it is from`, REAL, async () => {
        assert(scene !== undefined);
        const mail = ["--to", "carl@example.test", "--h-Subject", `swaks ${mechanism}`];
        const { status, stdout } = await swaks(port, [...mail, ...swaksLogin(mechanism, BERTA)]);
        assertEquals(status, 0, stdout);
        const { text } = await scene.sink.letter(`Subject: swaks ${mechanism}`);
        assertMatch(text, received(BERTA.login));
      });
    }

    it("takes mail for its own domain from swaks without a login", REAL, async () => {
      assert(scene !== undefined);
      const { status, stdout } = await swaks(openPort, ["--to", "carl@example.test", "--h-Subject", "from nobody"]);
      assertEquals(status, 0, stdout);
      const { text } = await scene.sink.letter("Subject: from nobody");
      assertMatch(text, received());
      assertStringIncludes(scene.auth.log, `asked: smtp none - ${CLIENT}`);
    });

    it("takes no mail for others without a login", REAL, async () => {
      const { status, stdout } = await swaks(openPort, ["--to", "dora@elsewhere.test"]);
      assertEquals(status, 24);
      assertStringIncludes(stdout, "<** 554 5.7.1 Relay access denied");
    });

    it("carries eight bits and leading dots for smtplib as they are", REAL, async () => {
      assert(scene !== undefined);
      const text = letter(7, { size: 1_000_000 });
      await sendWithSmtplib(port, text, ANNA);
      const got = await scene.sink.letter("Message-ID: <7.1000000@");
      assertEquals(digest(got.text.slice(-text.length)), digest(text));
      assertMatch(got.text, received(INNER_ANNA.login));
    });
  });
}

/** What Postfix writes on top of a letter. */
function received(login?: string, client = CLIENT): RegExp {
  const sender = login === undefined ? "" : `\\s+\\(Authenticated sender: ${login}\\)`;
  return new RegExp(`^Received: from ${HELO} \\(unknown \\[${client}\\]\\)${sender}\\s+by postfix\\.`);
}
