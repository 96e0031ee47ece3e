/** `proxy_pass` without an auth server: real clients, and real servers that check the logins themselves. */

import { after, before, describe, it } from "node:test";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { needs, outputOf, python } from "../support/clients.ts";
import { Dovecot } from "../support/dovecot.ts";
import { freePorts } from "../support/free_ports.ts";
import { letter } from "../support/letters.ts";
import { startProxy, type TestProxy } from "../support/proxy.ts";
import { swaks, swaksLogin } from "../support/senders.ts";
import { SmtpSink } from "../support/smtp_sink.ts";

const REAL = needs("curl", "dovecot 2.3", "python3", "swaks");

const JOE = { login: "joe", password: "s3 cret\\" } as const;
const MECHANISMS = "plain login cram-md5 apop scram-sha-1 scram-sha-256";
const AUTH = "plain login cram-md5 scram-sha-1 scram-sha-256";

describe("proxy_pass without an auth server", () => {
  let sink: SmtpSink | undefined;
  let dovecot: Dovecot | undefined;
  const proxies: TestProxy[] = [];
  let ports: readonly string[] = [];

  before(async () => {
    if (REAL.skip !== false) return;
    sink = await SmtpSink.start();
    dovecot = await Dovecot.start({ users: { joe: JOE.password }, mechanisms: MECHANISMS, relayPort: sink.port });
    dovecot.deliver("joe", [letter(1, { size: 100 })]);
    const { imap, pop3, submission } = dovecot.ports;
    const [dead] = await freePorts(1);
    for (
      const server of [
        `protocol imap; imap_auth ${AUTH}; proxy_pass 127.0.0.1:${imap};`,
        `protocol pop3; pop3_auth ${AUTH.replace("login", "apop")}; proxy_pass 127.0.0.1:${pop3};`,
        `protocol smtp; smtp_auth ${AUTH}; proxy_pass 127.0.0.1:${submission};`,
        `protocol imap; proxy_pass 127.0.0.1:${dead};`,
        `protocol imap; proxy_pass localhost:${imap}; proxy_pass_error_message on;`,
        `protocol pop3; proxy_pass 127.0.0.1:${pop3};`,
        `protocol imap; proxy_client_id on; proxy_pass 127.0.0.1:${imap};`,
        `protocol pop3; proxy_client_id on; proxy_pass 127.0.0.1:${pop3};`,
        `protocol imap; proxy_bind 127.0.0.21 127.0.0.22; proxy_pass localhost:${imap};`,
        `protocol imap; proxy_bind ::1 127.0.0.23; proxy_pass 127.0.0.1:${imap};`,
        `protocol imap; proxy_bind ::1 127.0.0.24; proxy_pass localhost:${imap};`,
      ]
    ) {
      proxies.push(await startProxy(`server { listen 127.0.0.1; ${server} }`));
    }
    ports = proxies.map((proxy) => `${proxy.ports[0]}`);
  }, REAL);
  after(async () => {
    await Promise.all(proxies.map((proxy) => proxy.stop()));
    await dovecot?.stop();
    await sink?.stop();
  });

  for (const mechanism of ["LOGIN", "PLAIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"]) {
    it(`logs in to IMAP with ${mechanism}, and again after a wrong password`, REAL, async () => {
      const said = await python(IMAP, [ports[0] ?? "", mechanism, JOE.login, JOE.password]);
      assertEquals(said, "NO [AUTHENTICATIONFAILED] Authentication failed\nOK 1\n");
    });
  }

  for (const mechanism of ["USER", "APOP", "PLAIN", "CRAM-MD5"]) {
    it(`logs in to POP3 with ${mechanism}`, REAL, async () => {
      const said = await python(POP3, [ports[1] ?? "", mechanism, JOE.login, JOE.password]);
      assertEquals(said, "-ERR [AUTH] Authentication failed\n1\n");
    });
  }

  it("answers STAT after USER and PASS where there is no APOP", REAL, async () => {
    const said = await python(POP3, [ports[5] ?? "", "USER", JOE.login, JOE.password]);
    assertEquals(said, "-ERR [AUTH] Authentication failed\n1\n");
  });

  for (const mechanism of ["PLAIN", "LOGIN", "CRAM-MD5"]) {
    it(`logs in to SMTP with ${mechanism}`, REAL, async () => {
      const options = ["--to", "carl@example.test", "--h-Subject", `through ${mechanism}`];
      const { status, stdout } = await swaks(ports[2] ?? "", [...options, ...swaksLogin(mechanism, JOE)]);
      assertEquals(status, 0, stdout);
      await sink?.letter(`Subject: through ${mechanism}`);
    });
  }

  it("tells an SMTP client that its password is wrong", REAL, async () => {
    const wrong = swaksLogin("PLAIN", { login: "joe", password: "wrong" });
    const { status, stdout } = await swaks(ports[2] ?? "", ["--to", "carl@example.test", ...wrong]);
    assertEquals(status, 28, stdout);
    assertMatch(stdout, /<\*\* 535 5\.7\.8 Authentication failed/);
  });

  it("passes the server's own words on where that is configured", REAL, async () => {
    const said = await python(IMAP, [ports[4] ?? "", "LOGIN", JOE.login, JOE.password]);
    assertMatch(said, /^NO \[AUTHENTICATIONFAILED\] Authentication failed\.\nOK 1\n$/);
  });

  it("reads a mailbox with curl", REAL, async () => {
    const user = ["--silent", "--user", `${JOE.login}:${JOE.password}`];
    const list = await outputOf("curl", [...user, `imap://127.0.0.1:${ports[0]}/`, "-X", "STATUS INBOX (MESSAGES)"]);
    assertEquals(list, "* STATUS INBOX (MESSAGES 1)\r\n");
  });

  it("never says that a password is wrong when the server is down", REAL, async () => {
    const said = await python(IMAP, [ports[3] ?? "", "LOGIN", JOE.login, JOE.password]);
    assertEquals(said, "* BAD [UNAVAILABLE] internal server error\n");
  });

  for (const [at, protocol, path] of [[6, "imap", "-X NOOP"], [7, "pop3", ""]] as const) {
    it(`tells an ${protocol} server that trusts it where the client comes from`, REAL, async () => {
      const user = ["--silent", "--interface", "127.0.0.9", "--user", `${JOE.login}:${JOE.password}`];
      await outputOf("curl", [...user, `${protocol}://127.0.0.1:${ports[at]}/`, ...path.split(" ").filter(Boolean)]);
      await dovecot?.until(new RegExp(`${protocol}-login: .*Login: user=<joe>, .*rip=127\\.0\\.0\\.9, `));
    });
  }

  it("comes from the addresses that proxy_bind names, as far as they fit", REAL, async () => {
    const noop = ["--silent", "--user", `${JOE.login}:${JOE.password}`, "-X", "NOOP"];
    await outputOf("curl", [...noop, `imap://127.0.0.1:${ports[9]}/`]);
    await dovecot?.until(/Login: user=<joe>, .*rip=127\.0\.0\.23, /);
    for (let i = 0; i < 2; i++) await outputOf("curl", [...noop, `imap://127.0.0.1:${ports[8]}/`]);
    await dovecot?.until(/Login: user=<joe>, .*rip=127\.0\.0\.21, /);
    await dovecot?.until(/Login: user=<joe>, .*rip=127\.0\.0\.22, /);
  });

  it("comes from an address of the family that the server's name turns out to have", REAL, async () => {
    await outputOf("curl", ["--silent", "--user", `${JOE.login}:${JOE.password}`, `imap://127.0.0.1:${ports[10]}/`]);
    await dovecot?.until(/Login: user=<joe>, .*rip=127\.0\.0\.24, /);
  });

  it("tells the log whose fault it was", REAL, () => {
    const log = proxies.flatMap((proxy) => proxy.log);
    const refused = log.find((line) => line.includes("client login failed"));
    assertMatch(
      refused ?? "",
      /^info client login failed: "\[AUTHENTICATIONFAILED\] Authentication failed\." while reading response from upstream, client: 127\.0\.0\.1, server: 127\.0\.0\.1:0, login: "joe", upstream: 127\.0\.0\.1:\d+$/,
    );
    assert(!log.join("\n").includes("s3 cret"));
  });
});

/** Says what a wrong password and then the right one got, in one connection. */
const IMAP = String.raw`
import base64, hashlib, hmac, imaplib, os, socket, sys
port, mechanism, user, password = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
wire = socket.create_connection(("127.0.0.1", port)).makefile("rwb")
wire.readline()
b64 = lambda octets: base64.b64encode(octets)
def say(octets):
    wire.write(octets + b"\r\n")
    wire.flush()
def challenge():
    line = wire.readline()
    if not line.startswith(b"+"): raise EOFError(line)
    return base64.b64decode(line[1:].strip())
def scram(name, password):
    h = lambda octets: hashlib.new(name, octets).digest()
    mac = lambda key, octets: hmac.new(key, octets, name).digest()
    bare = b"n=" + user.encode() + b",r=" + b64(os.urandom(12))
    challenge()
    say(b64(b"n,," + bare))
    server = challenge()
    parts = dict(part.split(b"=", 1) for part in server.split(b","))
    salted = hashlib.pbkdf2_hmac(name, password.encode(), base64.b64decode(parts[b"s"]), int(parts[b"i"]))
    final = b"c=biws,r=" + parts[b"r"]
    key = mac(salted, b"Client Key")
    signature = mac(h(key), bare + b"," + server + b"," + final)
    proof = bytes(a ^ b for a, b in zip(key, signature))
    say(b64(final + b",p=" + b64(proof)))
    signed = challenge()
    expected = mac(mac(salted, b"Server Key"), bare + b"," + server + b"," + final)
    assert signed == b"v=" + b64(expected), signed
    say(b"")
def log_in(tag, password):
    quoted = password.replace("\\", "\\\\").replace('"', '\\"')
    if mechanism == "LOGIN":
        say(tag + (' LOGIN "%s" "%s"' % (user, quoted)).encode())
    else:
        say(tag + b" AUTHENTICATE " + mechanism.encode())
        try:
            if mechanism == "PLAIN":
                challenge()
                say(b64(("\0%s\0%s" % (user, password)).encode()))
            elif mechanism == "CRAM-MD5":
                digest = hmac.new(password.encode(), challenge(), "md5").hexdigest()
                say(b64((user + " " + digest).encode()))
            else:
                scram(mechanism[6:].replace("-", "").lower(), password)
        except EOFError as early:
            return early.args[0]
    while True:
        line = wire.readline()
        if line.startswith(tag) or not line.startswith(b"* ") or b"[UNAVAILABLE]" in line: return line
strip = lambda line: line.decode().strip().removeprefix("a ").removeprefix("b ")
answer = strip(log_in(b"a", "wrong"))
print(answer)
if not answer.startswith("* "):
    answer = strip(log_in(b"b", password))
    say(b"c STATUS INBOX (MESSAGES)")
    print(answer[:2], wire.readline().decode().split()[-1].strip(")"))
`;

/** The same for POP3, each in a connection of its own: a timestamp serves once. */
const POP3 = String.raw`
import base64, hmac, poplib, sys
port, mechanism, user, password = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
def log_in(password):
    pop = poplib.POP3("127.0.0.1", port)
    try:
        if mechanism == "USER":
            pop.user(user)
            pop.pass_(password)
        elif mechanism == "APOP":
            pop.apop(user, password)
        elif mechanism == "PLAIN":
            pop._shortcmd("AUTH PLAIN " + base64.b64encode(("\0%s\0%s" % (user, password)).encode()).decode())
        else:
            salt = base64.b64decode(pop._shortcmd("AUTH CRAM-MD5")[2:])
            digest = hmac.new(password.encode(), salt, "md5").hexdigest()
            pop._shortcmd(base64.b64encode((user + " " + digest).encode()).decode())
    except poplib.error_proto as error:
        return error.args[0].decode()
    return pop.stat()[0]
print(log_in("wrong"))
print(log_in(password))
`;
