import { after, before, describe, it } from "node:test";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { AUTH_SERVERS } from "../support/auth_servers.ts";
import { needs, outputOf, python, run } from "../support/clients.ts";
import { digest, letter } from "../support/letters.ts";
import { ANNA, BERTA, INNER_ANNA, Scene } from "../support/scene.ts";

const REAL = needs("curl", "dovecot", "postfix", "python3", "root", "swaks");

/** Where the clients are, and what they say they are called: Postfix learns it through XCLIENT alone. */
const CLIENT = "127.0.0.9";
const HELO = "client.example.test";

/** What operators copy from their mail server. */
const CAPABILITIES = 'smtp_capabilities PIPELINING 8BITMIME "SIZE 20971520";';

for (const [kind, auth] of AUTH_SERVERS) {
  describe(`SMTP from real clients to Postfix, asking ${kind}`, () => {
    let scene: Scene | undefined;
    let port = "";
    let openPort = "";
    before(async () => {
      if (REAL.skip !== false) return;
      scene = await Scene.open({ auth, smtp: "postfix" });
      const proxy = await scene.proxy(`server { listen 127.0.0.1; protocol smtp; ${CAPABILITIES} }`);
      const open = await scene.proxy(`server { listen 127.0.0.1; protocol smtp; ${CAPABILITIES} smtp_auth none; }`);
      [port, openPort] = [`${proxy.ports[0]}`, `${open.ports[0]}`];
    }, REAL);
    after(() => scene?.close());

    for (const [i, options] of [["AUTH=PLAIN"], ["AUTH=PLAIN", "--sasl-ir"], ["AUTH=LOGIN"]].entries()) {
      it(`sends mail for curl after ${options.join(" ")}`, REAL, async () => {
        assert(scene !== undefined);
        const text = letter(i, { size: 1000 });
        const user = ["--user", `${ANNA.login}:${ANNA.password}`, "--login-options", ...options];
        const mail = ["--mail-from", ANNA.login, "--mail-rcpt", "carl@example.test", "--upload-file", "-"];
        const url = `smtp://127.0.0.1:${port}/${HELO}`;
        await outputOf("curl", ["--silent", "--interface", CLIENT, ...user, ...mail, url], { input: text });
        const got = await scene.sink.letter(`Message-ID: <${i}.1000@`);
        assertEquals(digest(got.text.slice(-text.length)), digest(text));
        assertEquals([got.sender, got.recipients], [`<${ANNA.login}>`, ["<carl@example.test>"]]);
        assertMatch(got.text, received(INNER_ANNA.login));
      });
    }

    for (const mechanism of ["PLAIN", "LOGIN"]) {
      it(`sends mail for swaks after AUTH ${mechanism}, and Postfix knows where it is from`, REAL, async () => {
        assert(scene !== undefined);
        const login = ["--auth", mechanism, "--auth-user", BERTA.login, "--auth-password", BERTA.password];
        await swaks(port, ["--to", "carl@example.test", "--h-Subject", `swaks ${mechanism}`, ...login]);
        const { text } = await scene.sink.letter(`Subject: swaks ${mechanism}`);
        assertMatch(text, received(BERTA.login));
      });
    }

    it("takes mail for its own domain from swaks without a login", REAL, async () => {
      assert(scene !== undefined);
      await swaks(openPort, ["--to", "berta@example.test", "--h-Subject", "from nobody"]);
      const { text } = await scene.sink.letter("Subject: from nobody");
      assertMatch(text, received());
      assertStringIncludes(scene.auth.log, `asked: smtp none - ${CLIENT}`);
    });

    it("takes no mail for others without a login", REAL, async () => {
      const { status, stdout } = await run("swaks", [
        "--server",
        `127.0.0.1:${openPort}`,
        "--to",
        "dora@elsewhere.test",
      ]);
      assertEquals(status, 24);
      assertStringIncludes(stdout, "<** 554 5.7.1 Relay access denied");
    });

    it("carries eight bits and leading dots for smtplib as they are", REAL, async () => {
      assert(scene !== undefined);
      const text = letter(7, { size: 1_000_000 });
      await python(SEND, [port, CLIENT, HELO, ANNA.login, ANNA.password], { input: text });
      const got = await scene.sink.letter("Message-ID: <7.1000000@");
      assertEquals(digest(got.text.slice(-text.length)), digest(text));
      assertMatch(got.text, received(INNER_ANNA.login));
    });
  });
}

/** What Postfix writes on top of a letter. */
function received(login?: string): RegExp {
  const sender = login === undefined ? "" : `\\s+\\(Authenticated sender: ${login}\\)`;
  return new RegExp(`^Received: from ${HELO} \\(unknown \\[${CLIENT}\\]\\)${sender}\\s+by postfix\\.`);
}

function swaks(port: string, options: readonly string[]): Promise<string> {
  const place = ["--server", `127.0.0.1:${port}`, "--local-interface", CLIENT, "--ehlo", HELO];
  return outputOf("swaks", [...place, "--from", "anna@example.test", ...options]);
}

/** Sends what it reads. */
const SEND = String.raw`
import smtplib, sys
port, client, helo, user, password = sys.argv[1:]
with smtplib.SMTP("127.0.0.1", int(port), helo, source_address=(client, 0)) as smtp:
    smtp.login(user, password)
    smtp.sendmail(user, ["berta@example.test"], sys.stdin.buffer.read(), ["BODY=8BITMIME"])
`;
