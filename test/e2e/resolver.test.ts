import { assertEquals } from "@std/assert";
import { after, before, beforeEach, describe, it } from "node:test";
import type { RecordData } from "../../src/dns/message.ts";
import type { Reply } from "../support/dns_wire.ts";
import { ensembles } from "../support/ensemble.ts";
import { WORDS } from "../support/scene.ts";
import { field } from "../support/fake_auth.ts";
import { FakeDns } from "../support/fake_dns.ts";
import { freePorts } from "../support/free_ports.ts";
import { eventually } from "../support/watch.ts";

const start = ensembles();

/** What the name server answers to `TYPE name`: records, an error code, or nothing at all. */
type Zone = Readonly<Record<string, readonly RecordData[] | number | "silence">>;

let dns: FakeDns;
let zone: Zone = {};
let ttl = 300;

before(async () => {
  dns = await FakeDns.start(({ type, name }) => answer(name, zone[`${type} ${name}`] ?? absent(name)));
});
beforeEach(() => {
  dns.heard.length = 0;
  ttl = 300;
});
after(() => dns.close());

function answer(name: string, known: Zone[string]): Reply | undefined {
  if (known === "silence") return undefined;
  if (typeof known === "number") return { rcode: known };
  let owner = name;
  const records = known.map((data) => {
    const record = { name: owner, ttl, data };
    if (data.type === "CNAME") owner = data.target;
    return record;
  });
  return { records };
}

/** A name that has other records exists. */
function absent(name: string): readonly RecordData[] | number {
  return Object.keys(zone).some((key) => key.endsWith(` ${name}`)) ? [] : NXDOMAIN;
}

function resolver(parameters = ""): string {
  return `resolver 127.0.0.1:${dns.address.port} ${parameters};`;
}

const [FORMAT_ERROR, SERVER_FAILURE, NXDOMAIN, UNIMPLEMENTED, REFUSED] = [1, 2, 3, 4, 5];
const PTR = "PTR 1.0.0.127.in-addr.arpa";
const PTR_6 = `PTR 1.${"0.".repeat(31)}ip6.arpa`;
const NAME: RecordData = { type: "PTR", target: "client.test" };
const A: RecordData = { type: "A", address: "127.0.0.1" };
const ANOTHER_A: RecordData = { type: "A", address: "192.0.2.1" };
const AAAA: RecordData = { type: "AAAA", address: "::1" };

const IN_ADDRESS = "while in resolving client address";
const IN_NAME = "while in resolving client hostname";

/** A client, what the name server knows, how the client is called then, and what the log says. */
const NAMES: readonly {
  readonly title: string;
  readonly client?: string;
  readonly zone: Zone;
  readonly mail?: string;
  readonly host: string;
  readonly line?: string;
  readonly heard?: readonly string[];
}[] = [
  { title: "a name that has the address", zone: { [PTR]: [NAME], "A client.test": [A] }, host: "client.test" },
  {
    title: "a name with several addresses",
    zone: { [PTR]: [NAME], "A client.test": [ANOTHER_A, A], "AAAA client.test": [AAAA] },
    host: "client.test",
  },
  {
    title: "a name in capitals",
    zone: { [PTR]: [{ type: "PTR", target: "Client.TEST" }], "A client.test": [A] },
    host: "client.test",
  },
  {
    title: "the first name of several",
    zone: { [PTR]: [NAME, { type: "PTR", target: "other.test" }], "A client.test": [A], "A other.test": [A] },
    host: "client.test",
  },
  {
    title: "a name behind an alias",
    zone: { [PTR]: [{ type: "CNAME", target: "1.0-63.test" }, NAME], "A client.test": [A] },
    host: "client.test",
  },
  {
    title: "an IPv6 client",
    client: "::1",
    zone: { [PTR_6]: [NAME], "A client.test": [A], "AAAA client.test": [AAAA] },
    host: "client.test",
  },
  {
    title: "ipv6=off",
    zone: { [PTR]: [NAME], "A client.test": [A] },
    mail: "ipv6=off",
    host: "client.test",
    heard: ["udp PTR 1.0.0.127.in-addr.arpa", "udp A client.test"],
  },
  {
    title: "ipv4=off",
    client: "::1",
    zone: { [PTR_6]: [NAME], "AAAA client.test": [AAAA] },
    mail: "ipv4=off",
    host: "client.test",
    heard: [`udp ${PTR_6}`, "udp AAAA client.test"],
  },
  {
    title: "an address that is not there",
    zone: {},
    host: "[UNAVAILABLE]",
    line: `127.0.0.1 could not be resolved (3: Host not found) ${IN_ADDRESS}`,
  },
  {
    title: "an answer without records",
    zone: { [PTR]: [] },
    host: "[UNAVAILABLE]",
    line: `127.0.0.1 could not be resolved (3: Host not found) ${IN_ADDRESS}`,
  },
  {
    title: "a format error",
    zone: { [PTR]: FORMAT_ERROR },
    host: "[TEMPUNAVAIL]",
    line: `127.0.0.1 could not be resolved (1: Format error) ${IN_ADDRESS}`,
  },
  {
    title: "a server failure",
    zone: { [PTR]: SERVER_FAILURE },
    host: "[TEMPUNAVAIL]",
    line: `127.0.0.1 could not be resolved (2: Server failure) ${IN_ADDRESS}`,
  },
  {
    title: "a query that is not implemented",
    zone: { [PTR]: UNIMPLEMENTED },
    host: "[TEMPUNAVAIL]",
    line: `127.0.0.1 could not be resolved (4: Unimplemented) ${IN_ADDRESS}`,
  },
  {
    title: "a refused query",
    zone: { [PTR]: REFUSED },
    host: "[TEMPUNAVAIL]",
    line: `127.0.0.1 could not be resolved (5: Operation refused) ${IN_ADDRESS}`,
  },
  {
    title: "a silent server",
    zone: { [PTR]: "silence" },
    host: "[TEMPUNAVAIL]",
    line: `127.0.0.1 could not be resolved (110: Operation timed out) ${IN_ADDRESS}`,
  },
  {
    title: "an empty name",
    zone: { [PTR]: [{ type: "PTR", target: "" }] },
    host: "[TEMPUNAVAIL]",
    line: `127.0.0.1 resolved to invalid host name "" ${IN_ADDRESS}`,
  },
  {
    title: "a name with other characters",
    zone: { [PTR]: [{ type: "PTR", target: "evil\r\nClient-IP: x" }] },
    host: "[TEMPUNAVAIL]",
    line: `127.0.0.1 resolved to invalid host name "evil\\013\\010client-ip:\\032x" ${IN_ADDRESS}`,
  },
  {
    title: "a name with an underscore",
    zone: { [PTR]: [{ type: "PTR", target: "a_b.test" }], "A a_b.test": [A] },
    host: "[TEMPUNAVAIL]",
    line: `127.0.0.1 resolved to invalid host name "a_b.test" ${IN_ADDRESS}`,
  },
  {
    title: "a name that is not there",
    zone: { [PTR]: [NAME] },
    host: "[UNAVAILABLE]",
    line: `"client.test" could not be resolved (3: Host not found) ${IN_NAME}`,
  },
  {
    title: "a name whose server fails",
    zone: { [PTR]: [NAME], "A client.test": SERVER_FAILURE, "AAAA client.test": SERVER_FAILURE },
    host: "[TEMPUNAVAIL]",
    line: `"client.test" could not be resolved (2: Server failure) ${IN_NAME}`,
  },
  {
    title: "a name whose server is silent",
    zone: { [PTR]: [NAME], "A client.test": "silence", "AAAA client.test": "silence" },
    host: "[TEMPUNAVAIL]",
    line: `"client.test" could not be resolved (110: Operation timed out) ${IN_NAME}`,
  },
  {
    title: "a name with the addresses of others",
    zone: { [PTR]: [NAME], "A client.test": [ANOTHER_A], "AAAA client.test": [AAAA] },
    host: "[UNAVAILABLE]",
  },
  { title: "a client on a unix socket", client: "unix:", zone: {}, host: "[TEMPUNAVAIL]", heard: [] },
];

describe("the name of an SMTP client", () => {
  for (const { title, client = "127.0.0.1", mail = "", host, line, heard, ...row } of NAMES) {
    it(`${title}: ${host}`, async () => {
      zone = row.zone;
      const timeout = Object.values(zone).includes("silence") ? "resolver_timeout 500ms;" : "";
      const { enter, auth, told, proxy } = await start({
        protocol: "smtp",
        sender: client,
        mail: `${resolver(mail)} ${timeout}`,
      });
      await enter();
      assertEquals(field(auth.requests[0], "Client-Host"), host);
      const address = client === "::1" ? "IPV6:::1" : client;
      assertEquals(told().split("\r\n")[1], `XCLIENT ADDR=${address} LOGIN=joe NAME=${host}`);
      const server = client === "unix:" ? "" : client === "::1" ? "[::1]:0" : `${client}:0`;
      const expected = line === undefined ? [] : [`error ${line}, client: ${client}, server: ${server}`];
      assertEquals(proxy.log.filter((text) => text.startsWith("error")), expected);
      if (heard !== undefined) assertEquals(dns.heard, heard);
    });
  }

  it("is asked for at a name server that is itself given by name", async () => {
    zone = { [PTR]: [NAME], "A client.test": [A] };
    const { enter, auth } = await start({ protocol: "smtp", mail: `resolver localhost:${dns.address.port};` });
    await enter();
    assertEquals(field(auth.requests[0], "Client-Host"), "client.test");
  });

  it("is not found at a name server that is not there, which the log names", async () => {
    const [port = 0] = await freePorts(1);
    const mail = `resolver 127.0.0.1:${port}; resolver_timeout 1s;`;
    const { enter, auth, proxy } = await start({ protocol: "smtp", mail });
    await enter();
    assertEquals(field(auth.requests[0], "Client-Host"), "[TEMPUNAVAIL]");
    // Deno does not tell a socket that nobody is there.
    const refused = `error recv() failed (111: Connection refused) while resolving, resolver: 127.0.0.1:${port}`;
    assertEquals(proxy.log.filter((text) => text.startsWith("error")), [
      ..."Deno" in globalThis ? [] : [refused],
      `error 127.0.0.1 could not be resolved (110: Operation timed out) ${IN_ADDRESS}, client: 127.0.0.1, ` +
      "server: 127.0.0.1:0",
    ]);
  });

  it("without a resolver: [UNAVAILABLE]", async () => {
    const { enter, auth, proxy } = await start({ protocol: "smtp", mail: "resolver off;" });
    await enter();
    assertEquals(field(auth.requests[0], "Client-Host"), "[UNAVAILABLE]");
    assertEquals(proxy.log.filter((text) => text.startsWith("error")), []);
  });

  it("is that of the address in a PROXY header which is believed", async () => {
    zone = { "PTR 1.2.0.192.in-addr.arpa": [NAME], "A client.test": [ANOTHER_A] };
    const mail = `${resolver()} set_real_ip_from 127.0.0.1;`;
    const { enter, auth } = await start({ protocol: "smtp", listen: "proxy_protocol", mail });
    await enter("PROXY TCP4 192.0.2.1 198.51.100.2 56324 25\r\n");
    assertEquals(field(auth.requests[0], "Client-Host"), "client.test");
  });

  for (const protocol of ["imap", "pop3"] as const) {
    it(`is not asked for with ${protocol}`, async () => {
      const { enter, auth } = await start({ protocol, mail: resolver() });
      await enter();
      assertEquals([field(auth.requests[0], "Client-Host"), dns.heard], [undefined, []]);
    });
  }

  it("is asked for once, as long as its TTL lasts", async () => {
    zone = { [PTR]: [NAME], "A client.test": [A], "AAAA client.test": [] };
    const { enter } = await start({ protocol: "smtp", mail: resolver("ipv6=off") });
    for (let i = 0; i < 3; i++) await enter();
    assertEquals(dns.heard, [`udp ${PTR}`, "udp A client.test"]);
  });

  it("is waited for before the greeting, and what the client says meanwhile is kept", async () => {
    zone = { [PTR]: "silence" };
    const { connect, proxy } = await start({ protocol: "smtp", mail: `${resolver()} resolver_timeout 100ms;` });
    const client = await connect();
    client.send("EHLO me.test\r\nQUIT\r\n");
    await client.expectEnd(`${WORDS.smtp.greeting}${WORDS.smtp.heard}221 2.0.0 Bye\r\n`);
    assertEquals(proxy.log.length, 2);
  });

  it("is not waited for when the client leaves", async () => {
    zone = { [PTR]: "silence" };
    const { connect, proxy } = await start({ protocol: "smtp", mail: resolver() });
    const client = await connect();
    await eventually(() => dns.heard.length > 0, () => "nobody was asked");
    client.end();
    await eventually(() => proxy.server.connections === 0, () => "the connection is there still");
    assertEquals(proxy.log.length, 1);
  });
});

/** The reply to a client that speaks too early. */
const EARLY = "503 5.5.0 Improper use of SMTP command pipelining\r\n";
const REJECTED = "while in delay pipelining state, client: 127.0.0.1, server: 127.0.0.1:0";

describe("smtp_greeting_delay", () => {
  it("is waited for by a patient client", async () => {
    const { enter } = await start({ protocol: "smtp", mail: "smtp_greeting_delay 50ms;" });
    const began = performance.now();
    await enter();
    // A timer may ring within the millisecond before.
    assertEquals(performance.now() - began >= 49, true);
  });

  it("is not part of the time for the login", async () => {
    const { enter } = await start({ protocol: "smtp", mail: "smtp_greeting_delay 1200ms; timeout 1s;" });
    await enter();
  });

  for (
    const [title, early, shown] of [
      ["a command", "EHLO me.test\r\n", "EHLO"],
      ["a part of one", "E", "E"],
      ["several lines", "QUIT\r\nMAIL FROM:<>\n", "QUIT"],
      ["a password", "AUTH PLAIN AGpvZQBzM2NyZXQ=\r\n", "AUTH"],
      ["control characters", "\0\x1b[2J", "\\x00\\x1B[2J"],
    ] as const
  ) {
    it(`turns a client away that sends ${title} before`, async () => {
      const { connect, proxy, auth } = await start({ protocol: "smtp", mail: "smtp_greeting_delay 1m;" });
      const client = await connect();
      await client.ask(early, EARLY);
      await client.expectEnd();
      assertEquals(proxy.log.slice(1), [`info client was rejected before greeting: "${shown}..." ${REJECTED}`]);
      assertEquals(auth.requests, []);
    });
  }

  it("is silent about a client that leaves", async () => {
    const { connect, proxy } = await start({ protocol: "smtp", mail: "smtp_greeting_delay 1m;" });
    const client = await connect();
    client.end();
    await eventually(() => proxy.server.connections === 0, () => "the connection is there still");
    assertEquals([proxy.log.length, client.received], [1, ""]);
  });

  it("begins when the client's name is known", async () => {
    zone = { [PTR]: "silence" };
    const mail = `${resolver()} resolver_timeout 50ms; smtp_greeting_delay 50ms;`;
    const { enter, auth } = await start({ protocol: "smtp", mail });
    const began = performance.now();
    await enter();
    assertEquals(performance.now() - began >= 98, true);
    assertEquals(field(auth.requests[0], "Client-Host"), "[TEMPUNAVAIL]");
  });

  it("turns a client away that spoke while its name was looked up", async () => {
    zone = { [PTR]: "silence" };
    const mail = `${resolver()} resolver_timeout 50ms; smtp_greeting_delay 1m;`;
    const { connect, proxy } = await start({ protocol: "smtp", mail });
    const client = await connect();
    await client.ask("QUIT\r\n", EARLY);
    await client.expectEnd();
    assertEquals(proxy.log.at(-1), `info client was rejected before greeting: "QUIT..." ${REJECTED}`);
  });

  it("is nothing that other protocols know", async () => {
    const { enter } = await start({ protocol: "imap", mail: "smtp_greeting_delay 1m;" });
    await enter();
  });
});

/** How long an answer lasts, and how often three logins ask for it. */
const LASTING: readonly (readonly [string, number, number])[] = [["", 300, 1], ["valid=1h", 0, 1], ["", 0, 3]];

describe("names that the resolver looks up", () => {
  for (const [parameters, seconds, times] of LASTING) {
    const title = `with a TTL of ${seconds} s${parameters === "" ? "" : ` and ${parameters}`}`;
    it(`Auth-Server ${title} is asked for ${times} times in 3 logins`, async () => {
      zone = { "A mail.test": [A] };
      ttl = seconds;
      const { enter, auth, upstream } = await start({ protocol: "imap", mail: resolver(`ipv6=off ${parameters}`) });
      auth.answer = `Auth-Status: OK\r\nAuth-Server: mail.test\r\nAuth-Port: ${upstream.port}\r\n`;
      for (let i = 0; i < 3; i++) await enter();
      assertEquals(dns.heard, Array(times).fill("udp A mail.test"));
    });

    it(`the host in auth_http ${title} is asked for ${times} times in 3 logins`, async () => {
      zone = { "A auth.test": [A] };
      ttl = seconds;
      const mail = resolver(`ipv6=off ${parameters}`);
      const { enter, auth } = await start({ protocol: "imap", mail, authHttp: (port) => `auth.test:${port}/auth` });
      for (let i = 0; i < 3; i++) await enter();
      assertEquals(dns.heard, Array(times).fill("udp A auth.test"));
      assertEquals(auth.requests.map((request) => field(request, "Host")), Array(3).fill("auth.test"));
    });
  }

  it("are looked up again when the TTL is over", async () => {
    zone = { "A mail.test": [A] };
    ttl = 1;
    const { enter, auth, upstream } = await start({ protocol: "imap", mail: resolver("ipv6=off") });
    auth.answer = `Auth-Status: OK\r\nAuth-Server: mail.test\r\nAuth-Port: ${upstream.port}\r\n`;
    const began = performance.now();
    await enter();
    await enter();
    if (performance.now() - began < 900) assertEquals(dns.heard.length, 1);
    // The clients come until one of them is late enough.
    while (dns.heard.length < 2 && performance.now() - began < 30_000) {
      const client = await enter();
      client.end();
      await client.untilOver();
    }
    assertEquals(dns.heard.length, 2);
  });

  it("have their addresses tried in turn", async () => {
    zone = { "A mail.test": [{ type: "A", address: "127.0.0.99" }, A] };
    const { enter, auth, upstream, proxy } = await start({ protocol: "imap", mail: resolver("ipv6=off") });
    auth.answer = `Auth-Status: OK\r\nAuth-Server: mail.test\r\nAuth-Port: ${upstream.port}\r\n`;
    await enter();
    const tail = `client: 127.0.0.1, server: 127.0.0.1:0, login: "joe", upstream: mail.test:${upstream.port}`;
    assertEquals(proxy.log.slice(1), [`info client logged in, ${tail}`]);
  });

  for (
    const [title, known, reason] of [
      ["is not there", NXDOMAIN, "(3: Host not found)"],
      ["cannot be asked for", REFUSED, "(5: Operation refused)"],
      ["nobody answers for", "silence", "(110: Operation timed out)"],
    ] as const
  ) {
    const mail = () => `${resolver("ipv6=off")} ${known === "silence" ? "resolver_timeout 50ms;" : ""}`;
    const { greeting, login, internalError } = WORDS.imap;

    it(`Auth-Server: one that ${title} is our trouble, not the client's`, async () => {
      zone = { "A gone.test": known };
      const { connect, auth, proxy } = await start({ protocol: "imap", mail: mail() });
      auth.answer = "Auth-Status: OK\r\nAuth-Server: gone.test\r\nAuth-Port: 143\r\n";
      const client = await connect();
      await client.expect(greeting);
      client.send(login);
      await client.expectEnd(internalError);
      assertEquals(proxy.log.slice(1), [
        `error connect() failed ${reason} while connecting to upstream, client: 127.0.0.1, server: 127.0.0.1:0, ` +
        'login: "joe", upstream: gone.test:143',
      ]);
    });

    it(`auth_http: one that ${title} is our trouble, not the client's`, async () => {
      zone = { "A gone.test": known };
      const { connect, proxy } = await start({ protocol: "imap", mail: mail(), authHttp: () => "gone.test" });
      const client = await connect();
      await client.expect(greeting);
      client.send(login);
      await client.expectEnd(internalError);
      assertEquals(proxy.log.slice(1), [
        `error connect() failed ${reason} with auth http server gone.test while in http auth state, ` +
        'client: 127.0.0.1, server: 127.0.0.1:0, login: "joe"',
      ]);
    });
  }
});
