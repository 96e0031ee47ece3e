import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { crc32c } from "../../src/protocol/proxy_protocol/crc32c.ts";
import { concat, decode } from "../../src/session/bytes.ts";
import { ensembles } from "../support/ensemble.ts";
import { PROTOCOLS, WORDS } from "../support/scene.ts";
import { field } from "../support/fake_auth.ts";
import { afterHeader } from "../support/fake_upstream.ts";
import { hex, IPV4, IPV6, SIGNATURE, tlv, v2 } from "../support/proxy_header.ts";
import { trickle } from "../support/raw_client.ts";
import { eventually } from "../support/watch.ts";
import type { Wire } from "../support/wire.ts";

const start = ensembles();

const V1 = "PROXY TCP4 192.0.2.1 198.51.100.2 56324 143\r\n";
const V1_IPV6 = "PROXY TCP6 2001:db8::1 2001:db8::2 56324 143\r\n";

/** Source and destination, as the auth server hears of them. */
const ADDRESSES = "192.0.2.1 56324 198.51.100.2 143";
const ADDRESSES_6 = "2001:db8::1 56324 2001:db8::2 143";

/** A header, the addresses that it brings, and who its client is then to a proxy that believes it. */
const GOOD: readonly (readonly [string, string, string | undefined, string])[] = [
  ["TCP4", V1, ADDRESSES, "192.0.2.1"],
  ["TCP6", V1_IPV6, ADDRESSES_6, "2001:db8::1"],
  ["UNKNOWN", "PROXY UNKNOWN\r\n", undefined, "127.0.0.1"],
  ["UNKNOWN with addresses", "PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n", undefined, "127.0.0.1"],
  ["version 2, IPv4", decode(v2("2111", IPV4)), ADDRESSES, "192.0.2.1"],
  ["version 2, IPv6", decode(v2("2121", IPV6)), ADDRESSES_6, "2001:db8::1"],
  [
    "version 2 with TLVs",
    decode(v2("2111", concat([IPV4, tlv(1, "imap"), tlv(0xea, "vpce")]))),
    ADDRESSES,
    "192.0.2.1",
  ],
  ["version 2 with a checksum", decode(withChecksum(v2("2111", concat([IPV4, checksum()])))), ADDRESSES, "192.0.2.1"],
  ["version 2, LOCAL", decode(v2("2000", hex(""))), undefined, "127.0.0.1"],
  ["version 2, LOCAL with addresses", decode(v2("2011", IPV4)), undefined, "127.0.0.1"],
  ["version 2, no stream", decode(v2("2112", IPV4)), undefined, "127.0.0.1"],
  ["version 2, no family", decode(v2("2100", hex(""))), undefined, "127.0.0.1"],
  ["version 2, a family of the future", decode(v2("2141", hex("010203"))), undefined, "127.0.0.1"],
  ["version 2, unix", decode(v2("2131", new Uint8Array(216))), undefined, "unix:"],
];

/** How it may arrive, and what the client says behind it in the same segment. */
const DELIVERIES: Readonly<Record<string, (client: Wire, header: string) => Promise<void>>> = {
  "whole": async (client, header) => {
    client.send(header);
    await client.expect("+OK POP3 ready\r\n");
    await client.ask("USER anna\r\n", "+OK\r\n");
    await client.ask("PASS sesame\r\n", "+OK mailbox open\r\n");
  },
  "octet by octet": async (client, header) => {
    await trickle(client, header);
    await client.expect("+OK POP3 ready\r\n");
    await trickle(client, "USER anna\r\nPASS sesame\r\n");
    await client.expect("+OK\r\n+OK mailbox open\r\n");
  },
  "with the client's first commands behind it": async (client, header) => {
    client.send(`${header}USER anna\r\nPASS sesame\r\nSTAT\r\n`);
    await client.expect("+OK POP3 ready\r\n+OK\r\n+OK mailbox open\r\nSTAT\r\n");
  },
};

describe("a PROXY header that comes in", () => {
  for (const [delivery, deliver] of Object.entries(DELIVERIES)) {
    for (const [name, header, addresses, clientIp] of GOOD) {
      it(`${delivery}: ${name}`, async () => {
        const { auth, connect } = await start({
          protocol: "pop3",
          listen: "proxy_protocol",
          mail: "set_real_ip_from 127.0.0.1;",
        });
        await deliver(await connect(), header);
        assertEquals(proxied(auth.requests[0]), addresses);
        assertEquals(field(auth.requests[0], "Client-IP"), clientIp);
      });
    }
  }

  for (const protocol of PROTOCOLS) {
    it(`is waited for before the greeting of ${protocol}`, async () => {
      const { proxy, auth, connect, logIn } = await start({ protocol, listen: "proxy_protocol" });
      const client = await connect();
      client.send(V1.slice(0, 20));
      await eventually(() => proxy.log.length > 0, () => "nobody connected");
      assertEquals(client.received, "");
      client.send(V1.slice(20));
      await logIn(client);
      assertEquals([proxied(auth.requests[0]), field(auth.requests[0], "Client-IP")], [ADDRESSES, "127.0.0.1"]);
    });
  }
});

/** What is no header. The log shows its first line, or the first word of what begins otherwise, or says what is wrong. */
const BROKEN: readonly (readonly [string, string, string?])[] = [
  ["a client that talks mail", "USER anna\r\n", 'broken header: "USER"'],
  ["a client that says its password at once", "a LOGIN anna sesame\r\n", 'broken header: "a"'],
  ["an HTTP request", "GET / HTTP/1.1\r\nHost: mail.test\r\n\r\n", 'broken header: "GET"'],
  ["the start of TLS", "\x16\x03\x01\x02\0", 'broken header: "\\x16\\x03\\x01\\x02\\x00"'],
  ["an empty line", "\r\n\r\nEHLO"],
  ["an unknown protocol", "PROXY UDP4 192.0.2.1 198.51.100.2 1 2\r\n"],
  ["a port too few", "PROXY TCP4 192.0.2.1 198.51.100.2 1\r\n"],
  ["a name for an address", "PROXY TCP4 localhost 198.51.100.2 1 2\r\n"],
  ["a line feed alone", `${V1.trimEnd()}\n`],
  ["a line of 108 octets", `PROXY UNKNOWN${" ".repeat(93)}\r\n`],
  ["version 1 in the clothes of 2", decode(v2("1111", IPV4)), "unknown PROXY protocol version: 1"],
  ["an unknown command", decode(v2("2211", IPV4)), "unknown PROXY protocol command: 2"],
  ["more than 4096 octets", decode(v2("2111", new Uint8Array(4081))), "header is too large"],
  ["addresses cut short", decode(v2("2111", IPV4.subarray(4))), "PROXY protocol header is too short for its addresses"],
  [
    "a TLV beyond the end",
    decode(v2("2111", concat([IPV4, tlv(1, "imap", 5)]))),
    "broken TLV in PROXY protocol header",
  ],
  ["a wrong checksum", decode(v2("2111", concat([IPV4, checksum()]))), "wrong checksum in PROXY protocol header"],
];

describe("without a PROXY header", () => {
  const listen = "proxy_protocol";

  for (const [name, octets, reason = `broken header: "${octets.split(/[\r\n]/)[0]}"`] of BROKEN) {
    it(`a connection is closed and gets no reply: ${name}`, async () => {
      const { proxy, connect } = await start({ protocol: "pop3", listen, mail: "set_real_ip_from 127.0.0.1;" });
      const client = await connect();
      client.send(octets);
      assertEquals(await client.rest(), "");
      assertEquals(proxy.log.slice(1), [
        `error ${reason} while reading PROXY protocol, client: 127.0.0.1, server: 127.0.0.1:0`,
      ]);
    });
  }

  it("a connection is closed when its time is over", async () => {
    const { proxy, connect } = await start({ protocol: "imap", listen, mail: "timeout 50ms;" });
    const client = await connect();
    client.send(V1.slice(0, -1));
    assertEquals(await client.rest(), "");
    assertEquals(proxy.log.slice(1), [
      "info client timed out (110: Connection timed out) while reading PROXY protocol, client: 127.0.0.1, server: 127.0.0.1:0",
    ]);
  });

  it("the time for the login begins with the greeting", async () => {
    const { proxy, connect } = await start({ protocol: "imap", listen, mail: "timeout 1s;" });
    const client = await connect();
    client.send(V1);
    await client.expectEnd(WORDS.imap.greeting);
    assertEquals(proxy.log.slice(1), [
      "info client timed out (110: Connection timed out) while in auth state, client: 127.0.0.1, server: 127.0.0.1:0",
    ]);
  });

  for (
    const [how, leave, lines] of [
      ["leaves", (client: Wire) => client.end(), []],
      ["breaks off", (client: Wire) => client.reset(), [
        "info recv() failed (104: Connection reset by peer) while reading PROXY protocol, client: 127.0.0.1, server: 127.0.0.1:0",
      ]],
    ] as const
  ) {
    it(`a client that ${how} leaves nothing behind`, async () => {
      const { proxy, connect } = await start({ protocol: "imap", listen });
      const client = await connect();
      client.send(V1.slice(0, -2));
      await eventually(() => proxy.log.length > 0, () => "nobody connected");
      leave(client);
      await eventually(() => proxy.server.connections === 0, () => "the connection is there still");
      assertEquals(proxy.log.slice(1), [...lines]);
    });
  }

  it("a stop does not wait", async () => {
    const { proxy, connect } = await start({ protocol: "imap", listen });
    const client = await connect();
    client.send(V1.slice(0, -2));
    await eventually(() => proxy.log.length > 0, () => "nobody connected");
    await proxy.stop();
    assertEquals(await client.rest(), "");
  });
});

/** Who may say where a client comes from, who says it, and whether they are believed. */
const TRUST: readonly (readonly [string, "127.0.0.1" | "127.0.0.9" | "::1" | "unix:", boolean])[] = [
  ["", "127.0.0.1", false],
  ["set_real_ip_from 127.0.0.1;", "127.0.0.1", true],
  ["set_real_ip_from 127.0.0.1;", "127.0.0.9", false],
  ["set_real_ip_from 127.0.0.0/8;", "127.0.0.9", true],
  ["set_real_ip_from 127.0.0.0/29;", "127.0.0.9", false],
  ["set_real_ip_from 192.0.2.1;", "127.0.0.1", false],
  ["set_real_ip_from 0.0.0.0/0;", "127.0.0.1", true],
  ["set_real_ip_from 0.0.0.0/0;", "::1", false],
  ["set_real_ip_from 192.0.2.0/24; set_real_ip_from 127.0.0.1;", "127.0.0.1", true],
  ["set_real_ip_from ::1;", "::1", true],
  ["set_real_ip_from ::/0;", "::1", true],
  ["set_real_ip_from ::/0;", "127.0.0.1", false],
  ["set_real_ip_from localhost;", "127.0.0.1", true],
  ["set_real_ip_from unix:;", "127.0.0.1", false],
  ["set_real_ip_from unix:;", "unix:", true],
  ["set_real_ip_from 0.0.0.0/0;", "unix:", false],
  // A list in `server {}` replaces that in `mail {}`.
  ["set_real_ip_from 127.0.0.1; } server { set_real_ip_from 192.0.2.1;", "127.0.0.1", false],
  ["set_real_ip_from 192.0.2.1; } server { set_real_ip_from 127.0.0.1;", "127.0.0.1", true],
];

describe("set_real_ip_from", () => {
  for (const [lines, sender, isBelieved] of TRUST) {
    it(`${lines || "nothing"}: the word of ${sender} ${isBelieved ? "counts" : "does not count"}`, async () => {
      const [mail = "", server = ""] = lines.split("} server {");
      const { auth, proxy, told, enter } = await start({
        protocol: "smtp",
        sender,
        listen: "proxy_protocol",
        mail,
        server,
      });
      await enter(V1);
      const client = isBelieved ? "192.0.2.1" : sender;
      assertEquals(proxied(auth.requests[0]), ADDRESSES);
      assertEquals(field(auth.requests[0], "Client-IP"), client);
      const [connected = "", loggedIn] = proxy.log;
      assertEquals(connected.split(" connected")[0]?.replace(/:\d+$/, ""), `info client ${bracketed(sender)}`);
      assertEquals(loggedIn?.split(", ").slice(0, 2), ["info client logged in", `client: ${client}`]);
      const address = client.includes("::") ? `IPV6:${client}` : client;
      assertEquals(told().split("\r\n")[1], `XCLIENT ADDR=${address} LOGIN=joe NAME=[UNAVAILABLE]`);
    });
  }
});

/** The client, whether it comes with a header that is believed, and what an upstream is told of it in version 1 and 2. */
const OUT: readonly {
  readonly sender: "127.0.0.1" | "::1" | "unix:";
  /** By its name, and as it is. */
  readonly header?: readonly [string, string];
  readonly v1: (client: number, local: number) => string;
  readonly v2: (client: number, local: number) => Uint8Array;
}[] = [
  {
    sender: "127.0.0.1",
    v1: (client, local) => `PROXY TCP4 127.0.0.1 127.0.0.1 ${client} ${local}\r\n`,
    v2: (client, local) => v2("2111", concat([hex("7f000001 7f000001"), ports(client, local), checksum()])),
  },
  {
    sender: "::1",
    v1: (client, local) => `PROXY TCP6 ::1 ::1 ${client} ${local}\r\n`,
    v2: (client, local) => v2("2121", concat([ONE, ONE, ports(client, local), checksum()])),
  },
  {
    sender: "unix:",
    v1: () => "PROXY UNKNOWN\r\n",
    v2: () => v2("2000", checksum()),
  },
  {
    sender: "127.0.0.1",
    header: ["of version 1", V1],
    v1: (_, local) => `PROXY TCP4 192.0.2.1 127.0.0.1 56324 ${local}\r\n`,
    v2: (_, local) => v2("2111", concat([hex("c0000201 7f000001"), ports(56324, local), checksum()])),
  },
  {
    sender: "::1",
    header: ["of version 2", decode(v2("2121", IPV6))],
    v1: (_, local) => `PROXY TCP6 2001:db8::1 ::1 56324 ${local}\r\n`,
    v2: (_, local) => v2("2121", concat([IPV6.subarray(0, 16), ONE, ports(56324, local), checksum()])),
  },
  {
    sender: "unix:",
    header: ["of version 1", V1],
    v1: () => "PROXY TCP4 192.0.2.1 198.51.100.2 56324 143\r\n",
    v2: () => v2("2111", concat([hex("c0000201 7f000001"), ports(56324, 0), checksum()])),
  },
  {
    sender: "unix:",
    header: ["of version 2", decode(v2("2121", IPV6))],
    v1: () => "PROXY TCP6 2001:db8::1 2001:db8::2 56324 143\r\n",
    v2: () => v2("2121", concat([IPV6.subarray(0, 16), ONE, ports(56324, 0), checksum()])),
  },
  {
    sender: "127.0.0.1",
    header: ["UNKNOWN", "PROXY UNKNOWN\r\n"],
    v1: (client, local) => `PROXY TCP4 127.0.0.1 127.0.0.1 ${client} ${local}\r\n`,
    v2: (client, local) => v2("2111", concat([hex("7f000001 7f000001"), ports(client, local), checksum()])),
  },
];

describe("a PROXY header for the upstream", () => {
  for (const { sender, header, ...expected } of OUT) {
    const title = header === undefined ? sender : `${sender} with a header ${header[0]}`;
    for (const setting of ["on", "v2"] as const) {
      it(`proxy_protocol ${setting}: a client from ${title}`, async () => {
        const isWhole = setting === "on"
          ? (octets: string) => octets.endsWith("\r\n")
          : (octets: string) => octets.length >= SIGNATURE.length + 4 + (octets.charCodeAt(15) || 0);
        const { told, port, enter } = await start({
          protocol: "pop3",
          sender,
          listen: header === undefined ? "" : "proxy_protocol",
          mail: `proxy_protocol ${setting}; set_real_ip_from 127.0.0.1; set_real_ip_from ::1; set_real_ip_from unix:;`,
          script: afterHeader(isWhole, WORDS.pop3.upstream),
        });
        const client = await enter(header?.[1]);
        const written = setting === "on"
          ? expected.v1(client.localPort, port)
          : decode(withChecksum(expected.v2(client.localPort, port)));
        assertEquals(told(), written + WORDS.pop3.login);
        await client.ask("STAT\r\n", "STAT\r\n");
      });
    }
  }

  it("is not sent unless it is asked for", async () => {
    const { told, enter } = await start({ protocol: "imap", mail: "proxy_protocol off;" });
    await enter();
    assertEquals(told().split("\r\n")[0], "a LOGIN {3}");
  });

  it("is said once for each connection", async () => {
    const isWhole = (octets: string) => octets.endsWith("\r\n");
    const script = afterHeader(isWhole, WORDS.smtp.upstream);
    const { upstream, port, enter } = await start({ protocol: "smtp", mail: "proxy_protocol on;", script });
    for (const i of [0, 1]) {
      const client = await enter();
      const [first, second] = upstream.wires[i]?.received.split("\r\n") ?? [];
      assertEquals([first, second], [`PROXY TCP4 127.0.0.1 127.0.0.1 ${client.localPort} ${port}`, "EHLO test"]);
    }
  });
});

/** The Proxy-Protocol fields of a request in one line; `undefined` when it has none of them. */
function proxied(request: string | undefined): string | undefined {
  const names = ["Addr", "Port", "Server-Addr", "Server-Port"];
  const values = names.map((name) => field(request, `Proxy-Protocol-${name}`));
  return values.every((value) => value === undefined) ? undefined : values.join(" ");
}

function bracketed(host: string): string {
  return host === "::1" ? "[::1]" : host;
}

const ONE = hex("00000000000000000000000000000001");

function ports(client: number, local: number): Uint8Array {
  return Uint8Array.of(client >> 8, client & 255, local >> 8, local & 255);
}

/** The checksum's TLV, with noughts in its place. */
function checksum(): Uint8Array {
  return tlv(3, new Uint8Array(4));
}

/** The header, its last four octets made its checksum. */
function withChecksum(header: Uint8Array): Uint8Array {
  const sum = crc32c(header);
  return concat([header.subarray(0, -4), Uint8Array.of(sum >>> 24, sum >>> 16 & 255, sum >>> 8 & 255, sum & 255)]);
}
