/** Users who call themselves other than their mail server does: real clients, a real server, every mechanism. */

import { after, before, describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { needs, run } from "../support/clients.ts";
import { Dovecot } from "../support/dovecot.ts";
import { TestFolder } from "../support/program.ts";
import { startProxy, type TestProxy } from "../support/proxy.ts";
import { type Protocol, PROTOCOLS } from "../support/scene.ts";
import { SmtpSink } from "../support/smtp_sink.ts";

const REAL = needs("curl", "dovecot 2.3");

const PASSWORD = "s3cret";

/** curl's code for a login that was refused. */
const REFUSED = 67;

describe("user names", () => {
  let sink: SmtpSink | undefined;
  let dovecot: Dovecot | undefined;
  const folder = new TestFolder();
  const proxies: TestProxy[] = [];

  before(async () => {
    if (REAL.skip !== false) return;
    sink = await SmtpSink.start();
    dovecot = await Dovecot.start({ users: { joe: PASSWORD }, relayPort: sink.port });
  }, REAL);
  after(async () => {
    await Promise.all(proxies.map((proxy) => proxy.stop()));
    await dovecot?.stop();
    await sink?.stop();
    folder.remove();
  });

  async function serve(protocol: Protocol, directives: string): Promise<number> {
    const port = dovecot?.ports[protocol === "smtp" ? "submission" : protocol];
    const proxy = await startProxy(
      `${directives} server { listen 127.0.0.1; protocol ${protocol}; proxy_pass 127.0.0.1:${port}; }`,
    );
    proxies.push(proxy);
    return proxy.ports[0] ?? 0;
  }

  /** Logs in with curl, and gives its code. */
  async function logIn(
    protocol: Protocol,
    port: number,
    { user, password = PASSWORD, mechanism }: {
      readonly user: string;
      readonly password?: string;
      readonly mechanism: string;
    },
  ): Promise<number | string> {
    const command = { imap: ["-X", "NOOP"], pop3: [], smtp: ["-X", "NOOP"] }[protocol];
    const options = mechanism === "" ? [] : ["--login-options", `AUTH=${mechanism}`];
    const url = `${protocol}://127.0.0.1:${port}/`;
    return (await run("curl", ["--silent", ...options, "--user", `${user}:${password}`, ...command, url])).status;
  }

  for (const protocol of PROTOCOLS) {
    it(`are what the mail server knows, in ${protocol}, where that checks the logins`, REAL, async () => {
      const port = await serve(
        protocol,
        "smtp_auth plain login; imap_auth plain login; auth_username_format $auth_local_part_lower;",
      );
      for (const mechanism of ["PLAIN", "LOGIN", ""]) {
        const found = await Promise.all([
          logIn(protocol, port, { user: "Joe@Example.COM", mechanism }),
          logIn(protocol, port, { user: "joe", mechanism }),
          logIn(protocol, port, { user: "Joe@Example.COM", mechanism, password: "wrong" }),
          logIn(protocol, port, { user: "Jim", mechanism }),
        ]);
        assertEquals([mechanism, ...found], [mechanism, 0, 0, REFUSED, REFUSED]);
      }
    });

    it(`are one for the users file and another for the mail server, in ${protocol}`, REAL, async () => {
      const users = folder.write("users", `joe@example.com:{PLAIN}${PASSWORD}\n`);
      const port = await serve(
        protocol,
        `auth_users_file ${users}; auth_default_domain example.com; auth_username_format $auth_user_lower;
         proxy_username_format $auth_local_part; proxy_smtp_auth on;
         imap_auth plain login cram-md5; pop3_auth plain apop cram-md5; smtp_auth plain login cram-md5;`,
      );
      const mechanisms = ["PLAIN", "LOGIN", "CRAM-MD5", ...protocol === "pop3" ? ["+APOP"] : []];
      for (const mechanism of mechanisms) {
        const found = await Promise.all([
          logIn(protocol, port, { user: "JOE", mechanism }),
          logIn(protocol, port, { user: "Joe@Example.COM", mechanism }),
          logIn(protocol, port, { user: "joe@example.org", mechanism }),
        ]);
        assertEquals([mechanism, ...found], [mechanism, 0, 0, REFUSED]);
      }
    });
  }
});
