import { after, before, describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { AUTH_SERVERS } from "../support/auth_servers.ts";
import { needs, python } from "../support/clients.ts";
import { ANNA, CARL, Scene } from "../support/real_scene.ts";

const REAL = needs("dovecot 2.3", "python3");

const PROTOCOLS = ["imap", "pop3", "smtp"] as const;

type Answers = Readonly<Record<typeof PROTOCOLS[number], string>>;

const REFUSED: Answers = {
  imap: "error: b'Invalid login or password'",
  pop3: "error_proto: b'-ERR Invalid login or password'",
  smtp: "SMTPAuthenticationError: (535, b'5.7.0 Invalid login or password')",
};

const LOGGED_IN: Answers = { imap: "logged in", pop3: "logged in", smtp: "logged in" };

/** What a client makes of it when the mail server does not want the password that the auth server liked. */
const OUR_TROUBLE: Answers = {
  imap: "abort: command: LOGIN => socket error: EOF after b'[UNAVAILABLE] internal server error'",
  pop3: "error_proto: b'-ERR [SYS/TEMP] internal server error'",
  smtp: "SMTPAuthenticationError: (451, b'4.3.2 Internal server error')",
};

const DOVECOTS_WORDS: Answers = {
  imap: "error: b'[AUTHENTICATIONFAILED] Authentication failed.'",
  pop3: "error_proto: b'-ERR [AUTH] Authentication failed.'",
  smtp: "SMTPAuthenticationError: (535, b'5.7.8 Authentication failed.')",
};

for (const [kind, auth] of AUTH_SERVERS) {
  describe(`Wrong passwords of Python's mail libraries, asking ${kind}`, () => {
    let scene: Scene | undefined;
    before(async () => {
      if (REAL.skip === false) scene = await Scene.open({ auth, wait: 1 });
    }, REAL);
    after(() => scene?.close());

    /** Tries passwords in turn on one connection for each protocol, and returns what each try came to. */
    async function attempts(options: string, login: string, ...passwords: string[]): Promise<Answers[]> {
      assert(scene !== undefined);
      const proxies = await Promise.all(PROTOCOLS.map((protocol) => {
        return scene?.proxy(`proxy_smtp_auth on; ${options} server { listen 127.0.0.1; protocol ${protocol}; }`);
      }));
      const printed = await Promise.all(proxies.map((proxy, i) => {
        return python(ATTEMPTS, [PROTOCOLS[i] ?? "", `${proxy?.ports[0]}`, login, ...passwords]);
      }));
      const [imap = [], pop3 = [], smtp = []] = printed.map((lines) => lines.split("\n"));
      return passwords.map((_, i) => ({ imap: imap[i] ?? "", pop3: pop3[i] ?? "", smtp: smtp[i] ?? "" }));
    }

    it("are refused in the auth server's words, after its wait, and may be put right", REAL, async () => {
      const start = performance.now();
      assertEquals(await attempts("", ANNA.login, "sesam", ANNA.password), [REFUSED, LOGGED_IN]);
      assert(performance.now() - start > 999);
    });

    it("are our trouble when it is the mail server that refuses", REAL, async () => {
      assertEquals(await attempts("", CARL.login, CARL.password), [OUR_TROUBLE]);
    });

    it("are refused in the mail server's words with proxy_pass_error_message", REAL, async () => {
      assertEquals(await attempts("proxy_pass_error_message on;", CARL.login, CARL.password), [DOVECOTS_WORDS]);
    });
  });
}

/** Prints a line for each password. */
const ATTEMPTS = String.raw`
import imaplib, poplib, smtplib, sys
protocol, port, user, *passwords = sys.argv[1:]
if protocol == "imap":
    imap = imaplib.IMAP4("127.0.0.1", int(port))
    def attempt(password):
        try:
            imap.login(user, password)
        except imaplib.IMAP4.abort as error:
            raise imaplib.IMAP4.abort("%s after %s" % (error, imap.untagged_responses["BAD"][0]))
elif protocol == "pop3":
    pop = poplib.POP3("127.0.0.1", int(port))
    def attempt(password):
        pop.user(user)
        pop.pass_(password)
else:
    smtp = smtplib.SMTP("127.0.0.1", int(port), "client.example.test")
    smtp.ehlo()
    def attempt(password):
        smtp.user, smtp.password = user, password
        smtp.auth("PLAIN", smtp.auth_plain)

for password in passwords:
    try:
        attempt(password)
        print("logged in")
    except (imaplib.IMAP4.error, poplib.error_proto, smtplib.SMTPException) as error:
        print("%s: %s" % (type(error).__name__, error))
`;
