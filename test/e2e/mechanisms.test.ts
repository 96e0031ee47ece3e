import { assert, assertEquals, assertMatch } from "@std/assert";
import { createHash, createHmac } from "node:crypto";
import { describe, it } from "node:test";
import type { Protocol } from "../../src/config/types.ts";
import { needs, python } from "../support/clients.ts";
import { type Ensemble, type EnsembleOptions, ensembles } from "../support/ensemble.ts";
import { PROTOCOLS, WORDS } from "../support/scene.ts";
import { accept, field, refuse, reply } from "../support/fake_auth.ts";
import { echo } from "../support/fake_upstream.ts";
import type { Wire } from "../support/wire.ts";

const start = ensembles();

/** What the client knows, and what the mail server wants instead. */
const SECRET = "sesame";
const BACKSTAGE = "backstage";

/** What each protocol has around an exchange. */
const DIALECTS = {
  imap: {
    command: "a AUTHENTICATE",
    prefix: "+ ",
    invalid: "a BAD invalid command\r\n",
    refused: "a NO Who?\r\n",
    done: "a OK logged in\r\n",
    quit: ["q LOGOUT\r\n", "* BYE\r\nq OK completed\r\n"],
    login: (password: string) => `a LOGIN {4}\r\nanna {${password.length}}\r\n${password}\r\n`,
  },
  pop3: {
    command: "AUTH",
    prefix: "+ ",
    invalid: "-ERR invalid command\r\n",
    refused: "-ERR Who?\r\n",
    done: "+OK mailbox open\r\n",
    quit: ["QUIT\r\n", "+OK\r\n"],
    login: (password: string) => `USER anna\r\nPASS ${password}\r\n`,
  },
  smtp: {
    command: "AUTH",
    prefix: "334 ",
    invalid: "500 5.5.1 Invalid command\r\n",
    refused: "535 5.7.0 Who?\r\n",
    done: "235 2.0.0 OK\r\n",
    quit: ["QUIT\r\n", "221 2.0.0 Bye\r\n"],
    login: (password: string) =>
      `EHLO test\r\nXCLIENT ADDR=127.0.0.1 NAME=[UNAVAILABLE]\r\nAUTH PLAIN ${btoa(`\0anna\0${password}`)}\r\n`,
  },
} as const;

/** How a client proves that it is anna, who has this secret. */
type Prove = (client: Wire, protocol: Protocol, secret: string) => Promise<void>;

interface Mechanism {
  readonly name: string;
  readonly method: string;
  /** Whether the auth server must say what to log in with. */
  readonly needsPassword: boolean;
  readonly protocols: readonly Protocol[];
  readonly prove: Prove;
}

const MECHANISMS: readonly Mechanism[] = [
  { name: "CRAM-MD5", method: "cram-md5", needsPassword: true, protocols: PROTOCOLS, prove: cramMd5 },
  { name: "APOP", method: "apop", needsPassword: true, protocols: ["pop3"], prove: apop },
  {
    name: "EXTERNAL",
    method: "external",
    needsPassword: true,
    protocols: PROTOCOLS,
    prove: later("EXTERNAL", "VXNlcm5hbWU6", () => "anna"),
  },
  {
    name: "EXTERNAL at once",
    method: "external",
    needsPassword: true,
    protocols: PROTOCOLS,
    prove: atOnce("EXTERNAL", () => "anna"),
  },
  {
    name: "XOAUTH2",
    method: "xoauth2",
    needsPassword: false,
    protocols: PROTOCOLS,
    prove: later("XOAUTH2", "", xoauth2),
  },
  {
    name: "XOAUTH2 at once",
    method: "xoauth2",
    needsPassword: false,
    protocols: PROTOCOLS,
    prove: atOnce("xoauth2", xoauth2),
  },
  {
    name: "OAUTHBEARER",
    method: "oauthbearer",
    needsPassword: false,
    protocols: PROTOCOLS,
    prove: later("OAUTHBEARER", "", oauthBearer),
  },
  {
    name: "OAUTHBEARER at once",
    method: "oauthbearer",
    needsPassword: false,
    protocols: PROTOCOLS,
    prove: atOnce("OAuthBearer", oauthBearer),
  },
];

describe("a mechanism from the client to the upstream", () => {
  for (const { name, method, protocols, prove, needsPassword } of MECHANISMS) {
    for (const protocol of protocols) {
      const { done, login, invalid, quit: [bye, farewell], refused } = DIALECTS[protocol];

      it(`${name} with ${protocol}`, async () => {
        const ensemble = await open(protocol, { password: BACKSTAGE });
        const client = await ensemble.connect();
        await prove(client, protocol, SECRET);
        await client.expect(done);
        const [request] = ensemble.auth.requests;
        assertEquals(field(request, "Auth-Method"), method);
        assertEquals([field(request, "Auth-User"), field(request, "Auth-Protocol")], ["anna", protocol]);
        assertEquals(field(request, "Auth-Salt") !== undefined, ["cram-md5", "apop"].includes(method));
        assertEquals(ensemble.told(), login(BACKSTAGE));
      });

      it(`${name} with ${protocol}: what the client has is of ${needsPassword ? "no " : ""}use to the upstream`, async () => {
        const ensemble = await open(protocol, {});
        const client = await ensemble.connect();
        await prove(client, protocol, SECRET);
        if (!needsPassword) {
          await client.expect(done);
          return assertEquals(ensemble.told(), login(SECRET));
        }
        await client.expectEnd(WORDS[protocol].internalError);
        const [complaint] = (ensemble.proxy.log.at(-1) ?? "").split(" while ");
        assertEquals(
          complaint,
          protocol === "smtp"
            ? "error no password available"
            : `error auth http server 127.0.0.1:${ensemble.auth.port} did not send password`,
        );
      });

      const isProof = method !== "external";
      if (isProof) {
        it(`${name} with ${protocol}: a wrong secret is refused`, async () => {
          const ensemble = await open(protocol, {});
          const client = await ensemble.connect();
          await prove(client, protocol, "wrong");
          await client.expectEnd(refused);
        });
      }

      it(`${name} with ${protocol} is an invalid command unless it is allowed`, async () => {
        const ensemble = await start({
          protocol,
          server: `${protocol}_auth plain${method === "apop" ? " cram-md5" : ""};`,
        });
        const client = await ensemble.connect();
        const greeting = await lineOf(client);
        const { command } = DIALECTS[protocol];
        const word = name.split(" ")[0] ?? "";
        const line = method === "apop" ? `APOP anna ${apopDigest(greeting, SECRET)}` : `${command} ${word}`;
        await client.ask(`${line}\r\n`, invalid);
        if (name.endsWith("at once")) await client.ask(`${line} YW5uYQ==\r\n`, invalid);
        await client.ask(bye, farewell);
        assertEquals(ensemble.auth.requests, []);
      });
    }
  }

  for (const protocol of PROTOCOLS) {
    it(`${protocol} has room for a token of 2000 octets`, async () => {
      const token = "0123456789abcdef".repeat(125);
      const ensemble = await open(protocol, { token });
      const client = await ensemble.connect();
      await later("XOAUTH2", "", xoauth2)(client, protocol, token);
      await client.expect(DIALECTS[protocol].done);
      assertEquals(ensemble.told(), DIALECTS[protocol].login(token));
    });
  }

  it("EXTERNAL sends no password, not even an earlier one", async () => {
    await inEach(async (protocol) => {
      const { command, refused, done } = DIALECTS[protocol];
      const { connect, auth } = await open(protocol, { password: BACKSTAGE, wait: 1 });
      const client = await connect();
      await lineOf(client);
      await client.ask(`${command} PLAIN ${btoa("\0anna\0wrong")}\r\n`, refused);
      await client.ask(`${command} EXTERNAL YW5uYQ==\r\n`, done);
      assertEquals(auth.requests.map((request) => field(request, "Auth-Pass")), ["wrong", ""]);
    });
  });

  it("CRAM-MD5 has one salt for each connection", async () => {
    await inEach(async (protocol) => {
      const { refused, done } = DIALECTS[protocol];
      const { connect, auth } = await open(protocol, { wait: 1, password: BACKSTAGE });
      const client = await connect();
      await cramMd5(client, protocol, "wrong");
      await client.expect(refused);
      await cramMd5Again(client, protocol, SECRET);
      await client.expect(done);
      const other = await connect();
      await cramMd5(other, protocol, SECRET);
      await other.expect(done);
      const [first, second, third] = auth.requests.map((request) => field(request, "Auth-Salt") ?? "");
      assertMatch(first ?? "", /^<\d+\.\d+@test>$/);
      assertEquals(first, second);
      assert(first !== third);
      assertEquals(auth.requests.map((request) => field(request, "Auth-Login-Attempt")), ["1", "2", "1"]);
    });
  });

  it("SMTP needs no password when the upstream is not logged in to", async () => {
    const ensemble = await open("smtp", { smtpAuth: "off" });
    const client = await ensemble.connect();
    await cramMd5(client, "smtp", SECRET);
    await client.expect(DIALECTS.smtp.done);
    assertEquals(ensemble.told().split("\r\n")[1], "XCLIENT ADDR=127.0.0.1 LOGIN=anna NAME=[UNAVAILABLE]");
  });

  it("the salt in the greeting of POP3 is that of CRAM-MD5", async () => {
    const ensemble = await open("pop3", { password: BACKSTAGE });
    const client = await ensemble.connect();
    const greeting = await lineOf(client);
    client.send("AUTH CRAM-MD5\r\n");
    assertEquals(`+OK POP3 ready ${atob((await lineOf(client)).slice(2))}`, greeting);
  });
});

/** What an auth server says of a token that has expired, as OAuth clients read it. */
const EXPIRED = btoa('{"status":"401"}');

/** The answers to that, by the mechanism. */
const CONFIRMATIONS: readonly (readonly [string, Prove, string, string])[] = [
  ["XOAUTH2", later("XOAUTH2", "", xoauth2), "", "AQ=="],
  ["XOAUTH2 at once", atOnce("XOAUTH2", xoauth2), "", "*"],
  ["OAUTHBEARER", later("OAUTHBEARER", "", oauthBearer), "AQ==", ""],
  ["OAUTHBEARER at once", atOnce("OAUTHBEARER", oauthBearer), "AQ==", "AA=="],
];

describe("Auth-Error-SASL", () => {
  it("with a wait is not the end", async () => {
    await Promise.all(CONFIRMATIONS.map(([, prove, right]) =>
      inEach(async (protocol) => {
        const { prefix, refused, done, command } = DIALECTS[protocol];
        const { connect, auth } = await open(protocol, { saslError: EXPIRED, wait: 1 });
        const client = await connect();
        await prove(client, protocol, "expired");
        await client.expect(`${prefix}${EXPIRED}\r\n`);
        await client.ask(`${right}\r\n`, refused);
        await client.ask(`${command} XOAUTH2 ${btoa(xoauth2(SECRET))}\r\n`, done);
        assertEquals(auth.requests.map((request) => field(request, "Auth-Login-Attempt")), ["1", "2"]);
      })
    ));
  });

  for (const protocol of PROTOCOLS) {
    const { prefix, refused, invalid } = DIALECTS[protocol];
    for (const [name, prove, right, wrong] of CONFIRMATIONS) {
      it(`${protocol}, ${name}: is told before the refusal, which ends the connection`, async () => {
        const { connect } = await open(protocol, { saslError: EXPIRED });
        const client = await connect();
        await prove(client, protocol, "expired");
        await client.expect(`${prefix}${EXPIRED}\r\n`);
        client.send(`${right}\r\n`);
        await client.expectEnd(refused);
      });

      it(`${protocol}, ${name}: another answer is an invalid command`, async () => {
        const { connect } = await open(protocol, { saslError: EXPIRED });
        const client = await connect();
        await prove(client, protocol, "expired");
        await client.expect(`${prefix}${EXPIRED}\r\n`);
        client.send(`${wrong}\r\n`);
        await client.expectEnd(invalid);
      });
    }

    it(`${protocol}: means nothing to other mechanisms`, async () => {
      const { connect } = await open(protocol, { saslError: EXPIRED });
      const client = await connect();
      await cramMd5(client, protocol, "wrong");
      await client.expectEnd(refused);
    });

    it(`${protocol}: one that is no base64 is left out, and the log says so`, async () => {
      const { connect, proxy, auth } = await open(protocol, { saslError: "{!}" });
      const client = await connect();
      await atOnce("XOAUTH2", xoauth2)(client, protocol, "expired");
      await client.expectEnd(refused);
      const complaint = `error auth http server 127.0.0.1:${auth.port} sent invalid SASL error`;
      assert(proxy.log.some((line) => line.startsWith(complaint)), proxy.log.join("\n"));
    });
  }
});

/** Python's clients, and what each prints when it is in. */
const CLIENTS: readonly (readonly [string, Protocol, string, string])[] = [
  [
    "imaplib",
    "imap",
    "CRAM-MD5",
    `import imaplib, sys
client = imaplib.IMAP4("127.0.0.1", int(sys.argv[1]))
print(client.login_cram_md5("anna", sys.argv[2])[0])
client.shutdown()`,
  ],
  [
    "poplib",
    "pop3",
    "APOP",
    `import poplib, sys
client = poplib.POP3("127.0.0.1", int(sys.argv[1]))
print(client.apop("anna", sys.argv[2]).decode().split()[0].strip("+"))
client.close()`,
  ],
  [
    "smtplib",
    "smtp",
    "CRAM-MD5",
    `import smtplib, sys
client = smtplib.SMTP("127.0.0.1", int(sys.argv[1]), "me.test")
client.ehlo()
client.user, client.password = "anna", sys.argv[2]
print("OK" if client.auth("CRAM-MD5", client.auth_cram_md5)[0] == 235 else "")
client.close()`,
  ],
];

describe("Python's mail libraries", () => {
  for (const [library, protocol, mechanism, script] of CLIENTS) {
    it(`log in with ${mechanism}: ${library}`, needs("python3"), async () => {
      // This client says who it is, so that the upstream hears of it.
      const script235 = [...SMTP_SCRIPT.slice(0, 3), "250 up\r\n", "235 in\r\n", echo];
      const ensemble = await open(protocol, {
        password: BACKSTAGE,
        ...protocol === "smtp" ? { script: script235 } : {},
      });
      assertEquals((await python(script, [`${ensemble.port}`, SECRET])).trim(), "OK");
      assertEquals(field(ensemble.auth.requests[0], "Auth-Method"), mechanism.toLowerCase());
      assert(ensemble.told().includes(protocol === "smtp" ? btoa(`\0anna\0${BACKSTAGE}`) : BACKSTAGE));
    });
  }
});

/** Does the same in all protocols at once, for what has to wait. */
async function inEach(act: (protocol: Protocol) => Promise<void>): Promise<void> {
  await Promise.all(PROTOCOLS.map(act));
}

interface Keeping extends Pick<EnsembleOptions, "script"> {
  /** What the auth server has the upstream logged in to with. */
  readonly password?: string;
  /** The token it knows, where that is not the secret. */
  readonly token?: string;
  readonly wait?: number;
  readonly saslError?: string;
  readonly smtpAuth?: "off";
}

/** All mechanisms, and an auth server that checks what it is told. */
async function open(protocol: Protocol, keeping: Keeping): Promise<Ensemble> {
  const { password, token = SECRET, wait = 0, saslError, smtpAuth = "on" } = keeping;
  const words = { imap: "plain login", pop3: "plain apop", smtp: "plain login" }[protocol];
  const server = `${protocol}_auth ${words} cram-md5 external xoauth2 oauthbearer; proxy_smtp_auth ${smtpAuth};`;
  const script = keeping.script ?? (protocol === "smtp" ? SMTP_SCRIPT : WORDS[protocol].upstream);
  const ensemble = await start({ protocol, server, script });
  const { auth, upstream } = ensemble;
  auth.answer = (wire, request) => {
    const isRight = field(request, "Auth-User") === "anna" && field(request, "Auth-Pass") === expected(request, token);
    if (isRight) {
      return reply(wire, accept(upstream.port) + (password === undefined ? "" : `Auth-Pass: ${password}\r\n`));
    }
    reply(wire, refuse("Who?", wait) + (saslError === undefined ? "" : `Auth-Error-SASL: ${saslError}\r\n`));
  };
  return ensemble;
}

/** The Auth-Pass of a client that has the secret. */
function expected(request: string, token: string): string {
  const salt = field(request, "Auth-Salt") ?? "";
  switch (field(request, "Auth-Method")) {
    case "cram-md5":
      return createHmac("md5", SECRET).update(salt).digest("hex");
    case "apop":
      return createHash("md5").update(salt + SECRET).digest("hex");
    case "external":
      return "";
    default:
      return token;
  }
}

/** For a client that did not say who it is. */
const SMTP_SCRIPT = ["220 up ESMTP\r\n", "250 up\r\n", "220 up ESMTP\r\n", "235 in\r\n", echo];

/** The next line, without its end. */
async function lineOf(client: Wire): Promise<string> {
  return (await client.nextUpTo("\r\n") ?? "").trimEnd();
}

async function cramMd5(client: Wire, protocol: Protocol, secret: string): Promise<void> {
  await lineOf(client);
  await cramMd5Again(client, protocol, secret);
}

async function cramMd5Again(client: Wire, protocol: Protocol, secret: string): Promise<void> {
  const { command, prefix } = DIALECTS[protocol];
  client.send(`${command} CRAM-MD5\r\n`);
  const salt = atob((await lineOf(client)).slice(prefix.length));
  client.send(`${btoa(`anna ${createHmac("md5", secret).update(salt).digest("hex")}`)}\r\n`);
}

async function apop(client: Wire, _: Protocol, secret: string): Promise<void> {
  const greeting = await lineOf(client);
  client.send(`APOP anna ${apopDigest(greeting, secret)}\r\n`);
}

function apopDigest(greeting: string, secret: string): string {
  const [salt = ""] = /<.*>/.exec(greeting) ?? [];
  return createHash("md5").update(salt + secret).digest("hex");
}

/** Waits for the prompt, then says its message. */
function later(mechanism: string, prompt: string, message: (secret: string) => string): Prove {
  return async (client, protocol, secret) => {
    const { command, prefix } = DIALECTS[protocol];
    await lineOf(client);
    await client.ask(`${command} ${mechanism}\r\n`, `${prefix}${prompt}\r\n`);
    client.send(`${btoa(message(secret))}\r\n`);
  };
}

/** Says its message with the command. */
function atOnce(mechanism: string, message: (secret: string) => string): Prove {
  return async (client, protocol, secret) => {
    await lineOf(client);
    client.send(`${DIALECTS[protocol].command} ${mechanism} ${btoa(message(secret))}\r\n`);
  };
}

function xoauth2(token: string): string {
  return `user=anna\x01auth=Bearer ${token}\x01\x01`;
}

function oauthBearer(token: string): string {
  return `n,a=anna,\x01host=mail.test\x01port=143\x01auth=Bearer ${token}\x01\x01`;
}
