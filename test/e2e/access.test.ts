import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { ensembles } from "../support/ensemble.ts";
import { PROTOCOLS } from "../support/scene.ts";
import { eventually } from "../support/watch.ts";

const start = ensembles();

/** What a client hears that may not come in. */
const REPLIES = {
  imap: "* BYE access denied\r\n",
  pop3: "-ERR access denied\r\n",
  smtp: "554 5.7.1 Access denied\r\n",
};

/** Rules in `mail {}` or in `server {}`, a client, and whether it may come in. */
const RULES: readonly {
  readonly mail?: string;
  readonly server?: string;
  readonly clients: Readonly<Record<string, boolean>>;
}[] = [
  { clients: { "127.0.0.1": true } },
  { mail: "allow 127.0.0.1;", clients: { "127.0.0.1": true, "127.0.0.9": true } },
  { mail: "deny 127.0.0.9;", clients: { "127.0.0.1": true, "127.0.0.9": false } },
  { mail: "allow 127.0.0.9; deny all;", clients: { "127.0.0.1": false, "127.0.0.9": true } },
  { mail: "deny all; allow 127.0.0.9;", clients: { "127.0.0.1": false, "127.0.0.9": false } },
  { mail: "deny 127.0.0.9; allow 127.0.0.0/8; deny all;", clients: { "127.0.0.1": true, "127.0.0.9": false } },
  {
    mail: "allow 127.0.0.8/29; deny 127.0.0.0/8;",
    clients: { "127.0.0.7": false, "127.0.0.8": true, "127.0.0.15": true },
  },
  { mail: "deny 0.0.0.0/0;", clients: { "127.0.0.1": false } },
  { mail: "deny 0.0.0.0/0;", clients: { "::1": true } },
  { mail: "deny 0.0.0.0/0;", clients: { "unix:": true } },
  { mail: "deny ::1;", clients: { "::1": false } },
  { mail: "allow ::1; deny all;", clients: { "::1": true } },
  { mail: "deny ::/0;", clients: { "127.0.0.1": true } },
  { mail: "deny unix:;", clients: { "unix:": false } },
  { mail: "allow unix:; deny all;", clients: { "unix:": true } },
  { mail: "allow unix:; deny all;", clients: { "127.0.0.1": false } },
  { server: "deny all;", clients: { "127.0.0.1": false } },
  // Those of `server {}` replace those of `mail {}`, be they of the other kind.
  { mail: "deny all;", server: "allow 127.0.0.9;", clients: { "127.0.0.1": true, "127.0.0.9": true } },
  { mail: "allow 127.0.0.1;", server: "deny all;", clients: { "127.0.0.1": false } },
  { mail: "deny all;", server: "imap_capabilities IMAP4rev1;", clients: { "127.0.0.1": false } },
];

describe("allow and deny", () => {
  for (const { mail = "", server = "", clients } of RULES) {
    const rules = [mail, ...server === "" ? [] : [`server { ${server} }`]].join(" ").trim() || "no rules";
    for (const [client, mayEnter] of Object.entries(clients)) {
      it(`${rules}: ${client} ${mayEnter ? "may enter" : "is turned away"}`, async () => {
        const { enter, connect, auth } = await start({ protocol: "imap", mail, server, sender: client });
        if (mayEnter) await enter();
        else await (await connect()).expectEnd(REPLIES.imap);
        assertEquals(auth.requests.length, mayEnter ? 1 : 0);
      });
    }
  }

  for (const protocol of PROTOCOLS) {
    it(`turn a client of ${protocol} away with the words of its protocol`, async () => {
      const { connect, proxy } = await start({ protocol, mail: "deny all;" });
      const client = await connect();
      const { localPort } = client;
      await client.expectEnd(REPLIES[protocol]);
      assertEquals(proxy.log, [
        `info client 127.0.0.1:${localPort} connected to 127.0.0.1:0`,
        "error access forbidden by rule while sending client greeting line, client: 127.0.0.1, server: 127.0.0.1:0",
      ]);
      await eventually(() => proxy.records.length > 0, () => "the connection is there still");
      assertEquals(proxy.records.map(({ result }) => result), ["forbidden"]);
    });
  }

  it("do not answer what a client says that is turned away", async () => {
    const { connect, proxy } = await start({ protocol: "pop3", listen: "proxy_protocol", mail: "deny all;" });
    const client = await connect();
    client.send("PROXY UNKNOWN\r\nUSER anna\r\nPASS sesame\r\nQUIT\r\n");
    await client.expectEnd(REPLIES.pop3);
    assertEquals(proxy.log.length, 2);
  });
});

/** Whether a PROXY header's word counts, whom it says the client is, and whether that one may come in. */
const PROXIED: readonly (readonly [string, string, boolean])[] = [
  ["set_real_ip_from 127.0.0.1; deny 192.0.2.0/24;", "192.0.2.1", false],
  ["set_real_ip_from 127.0.0.1; deny 192.0.2.0/24;", "198.51.100.1", true],
  ["set_real_ip_from 127.0.0.1; allow 192.0.2.1; deny all;", "192.0.2.1", true],
  ["set_real_ip_from 127.0.0.1; deny 127.0.0.1;", "192.0.2.1", true],
  ["set_real_ip_from 127.0.0.1; deny 127.0.0.1;", "127.0.0.1", false],
  ["deny 192.0.2.0/24;", "192.0.2.1", true],
  ["deny 127.0.0.1;", "192.0.2.1", false],
];

describe("allow and deny behind another proxy", () => {
  for (const [mail, source, mayEnter] of PROXIED) {
    it(`${mail} ${source} ${mayEnter ? "may enter" : "is turned away"}`, async () => {
      const { enter, connect, proxy } = await start({ protocol: "smtp", listen: "proxy_protocol", mail });
      const header = `PROXY TCP4 ${source} 198.51.100.2 56324 25\r\n`;
      if (mayEnter) return void await enter(header);
      const client = await connect();
      client.send(header);
      await client.expectEnd(REPLIES.smtp);
      const known = mail.includes("set_real_ip_from") ? source : "127.0.0.1";
      assertEquals(proxy.log[1]?.split(", ")[1], `client: ${known}`);
    });
  }
});
