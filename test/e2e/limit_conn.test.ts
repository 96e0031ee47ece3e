import { assertEquals, assertStringIncludes } from "@std/assert";
import { after, before, describe, it } from "node:test";
import { ensembles } from "../support/ensemble.ts";
import { freePorts } from "../support/free_ports.ts";
import type { TestProxy } from "../support/proxy.ts";
import { PROTOCOLS, WORDS } from "../support/scene.ts";
import { START_TLS, TlsScene } from "../support/tls_scene.ts";
import { beginTls, connectTls } from "../support/tls_wire.ts";
import { eventually } from "../support/watch.ts";
import type { Wire } from "../support/wire.ts";

const start = ensembles();

const PER_ADDRESS = "limit_conn_zone $remote_addr zone=perip:1m; limit_conn perip 1;";
const PER_USER = "limit_conn_zone $auth_user zone=peruser:1m; limit_conn peruser 1;";

/** What a client hears that is one too many. */
const TOO_MANY = {
  imap: "* BYE [LIMIT] too many connections\r\n",
  pop3: "-ERR [SYS/TEMP] too many connections\r\n",
  smtp: "421 4.7.0 Too many connections\r\n",
};

const NOOP = { command: "n NOOP\r\n", reply: "n OK completed\r\n" };

const LIMIT_REACHED = { imap: "NO [LIMIT] ", pop3: "-ERR [IN-USE] ", smtp: "454 4.7.0 " };

describe("limit_conn", () => {
  for (const protocol of PROTOCOLS) {
    it(`turns one client too many away in ${protocol}, until another one is gone`, async () => {
      const { connect, enter, proxy } = await start({ protocol, mail: PER_ADDRESS });
      const first = await enter();
      await (await connect()).expectEnd(TOO_MANY[protocol]);
      await enter("", "127.0.0.9");
      const [line] = proxy.log.filter((line) => line.startsWith("error"));
      assertEquals(
        line,
        'error limiting connections by zone "perip", key "127.0.0.1" while sending client greeting line, ' +
          "client: 127.0.0.1, server: 127.0.0.1:0",
      );
      first.destroy();
      await eventually(() => proxy.records.length === 2, () => "the first one is there still");
      assertEquals(proxy.records.map(({ result, loggedIn }) => [result, loggedIn])[0], ["limited", false]);
      await enter();
    });

    it(`refuses a login too many of one user in ${protocol}, and nothing is asked of the upstream for it`, async () => {
      const { connect, enter, upstream } = await start({ protocol, mail: PER_USER });
      await enter();
      const client = await connect();
      const { greeting, login } = WORDS[protocol];
      await client.expect(greeting);
      client.send(login);
      await eventually(
        () => client.received.includes(LIMIT_REACHED[protocol]),
        () => `heard ${JSON.stringify(client.received)}`,
      );
      assertEquals(upstream.wires.length, 1);
    });
  }

  it("counts whom a trusted PROXY header names", async () => {
    const mail = `set_real_ip_from 127.0.0.1; ${PER_ADDRESS}`;
    const { connect, enter } = await start({ protocol: "imap", listen: "proxy_protocol", mail });
    await enter("PROXY TCP4 192.0.2.1 198.51.100.2 56324 143\r\n");
    await enter("PROXY TCP4 192.0.2.2 198.51.100.2 56324 143\r\n");
    const client = await connect();
    client.send("PROXY TCP4 192.0.2.1 198.51.100.2 56325 143\r\n");
    await client.expectEnd(TOO_MANY.imap);
  });

  it("counts all that comes over a unix socket together by `unix:`, as nginx does", async () => {
    const { connect, enter } = await start({ protocol: "imap", sender: "unix:", mail: PER_ADDRESS });
    await enter();
    await (await connect()).expectEnd(TOO_MANY.imap);
  });
});

describe("limit_conn where TLS comes first", () => {
  let scene: TlsScene;

  before(async () => {
    scene = await TlsScene.open();
  });

  after(() => scene.close());

  it("closes what is one too many before the handshake, and counts those that never end theirs", async () => {
    const proxy = await scene.proxy(`${PER_ADDRESS} server { listen 127.0.0.1 ssl; protocol imap; }`);
    const port = proxy.ports[0] ?? 0;
    const silent = await scene.client(port);
    const second = await scene.client(port);
    await second.untilOver();
    assertEquals(second.unread, "");
    const [line = ""] = proxy.log.filter((line) => line.startsWith("error"));
    assertStringIncludes(
      line,
      'limiting connections by zone "perip", key "127.0.0.1" while accepting connection, client: 127.0.0.1',
    );
    silent.destroy();
    await eventually(() => proxy.server.connections === 0, () => "the silent one is there still");
    await scene.client(port);
    await eventually(() => proxy.server.connections === 1, () => "nobody may come in any more");
  });
});

describe("limit_conn of a server block that TLS chooses", () => {
  let scene: TlsScene;

  before(async () => {
    scene = await TlsScene.open();
  });

  after(() => scene.close());

  const NAMED = { name: "named.example.test" };

  /** A block for whoever gives no name, and one with a name, at the same address. */
  async function startBlocks({ first = "", named = "", mail = "", listen = "" }): Promise<TestProxy> {
    const [port = 0] = await freePorts(1);
    return scene.proxy(`${mail}
      server { listen 127.0.0.1:${port} ${listen}; protocol imap; ${first} }
      server { listen 127.0.0.1:${port} ${listen}; protocol imap; server_name ${NAMED.name}; ${named} }`);
  }

  /** What a client hears that comes by the name. */
  async function askedBy(proxy: TestProxy, isImplicit: boolean): Promise<Wire> {
    const port = proxy.ports[0] ?? 0;
    if (isImplicit) return (await connectTls(port, NAMED)).wire;
    const client = await scene.client(port);
    await client.expect(WORDS.imap.greeting);
    await client.ask(START_TLS.imap.command, START_TLS.imap.reply);
    const { wire } = await beginTls(client, NAMED);
    wire.send(NOOP.command);
    return wire;
  }

  for (const isImplicit of [true, false]) {
    const kind = isImplicit ? { listen: "ssl" } : { mail: "starttls on;" };
    const welcome = isImplicit ? WORDS.imap.greeting : NOOP.reply;
    const when = isImplicit ? "at once" : "by STARTTLS";

    it(`counts its clients, and nobody else, ${when}`, async () => {
      const zone = "limit_conn_zone $remote_addr zone=perip:1m;";
      const proxy = await startBlocks({ ...kind, mail: `${kind.mail ?? ""} ${zone}`, named: "limit_conn perip 1;" });
      const unnamed = await scene.client(proxy.ports[0] ?? 0);
      await (await askedBy(proxy, isImplicit)).expect(welcome);
      await (await askedBy(proxy, isImplicit)).expectEnd(TOO_MANY.imap);
      const [line = ""] = proxy.log.filter((line) => line.startsWith("error"));
      assertStringIncludes(line, 'limiting connections by zone "perip", key "127.0.0.1" while ');
      await eventually(() => proxy.records.length === 1, () => "it is there still");
      assertEquals(proxy.records.map(({ result }) => result), ["limited"]);
      unnamed.destroy();
    });

    it(`counts them where whoever has no name is denied, ${when}`, async () => {
      const mail = `${kind.mail ?? ""} ${PER_ADDRESS}`;
      const proxy = await startBlocks({ ...kind, mail, first: isImplicit ? "deny all;" : "", named: "allow all;" });
      await (await askedBy(proxy, isImplicit)).expect(welcome);
      if (isImplicit) await (await askedBy(proxy, true)).expectEnd(TOO_MANY.imap);
      else await (await scene.client(proxy.ports[0] ?? 0)).expectEnd(TOO_MANY.imap);
    });
  }

  it("lets go of the place that a client had at the first one", async () => {
    const mail = "limit_conn_zone $remote_addr zone=perip:1m;";
    const proxy = await startBlocks({ listen: "ssl", mail, first: "limit_conn perip 1;" });
    for (const _ of [1, 2, 3]) await (await askedBy(proxy, true)).expect(WORDS.imap.greeting);
  });
});
