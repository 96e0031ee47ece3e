import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { resolveClientHost } from "../../../src/dns/mod.ts";
import type { Octets, SocketAddress } from "../../../src/runtime.ts";
import { writeName } from "../../support/dns_wire.ts";
import type { Reply } from "../../support/dns_wire.ts";
import { concat } from "../../../src/session/bytes.ts";
import { Bench, reply } from "./_support.ts";

const CLIENT: SocketAddress = { family: 4, host: "192.0.2.45", port: 40000 };
const REVERSE = "45.2.0.192.in-addr.arpa";
const PTR = reply(`${REVERSE} 60 PTR mail.test`);
const ADDRESS = "in resolving client address";
const HOSTNAME = "in resolving client hostname";

/** What name servers say: to the PTR question, then to those for A and AAAA. `undefined` is silence. */
interface Case {
  readonly ptr?: Reply | undefined;
  readonly a?: Reply | undefined;
  readonly aaaa?: Reply | undefined;
  readonly client?: SocketAddress;
}

/** The host value that comes of it, then the log's lines with what was under way. */
function resolve({ ptr, a, aaaa, client = CLIENT }: Case): readonly string[] {
  const bench = new Bench({ ipv6: true });
  const { hosts, lines } = search(bench, client);
  for (const query of bench.sent()) if (ptr !== undefined) query.answers(ptr);
  for (const query of bench.sent()) {
    const answer = query.query.type === "A" ? a : aaaa;
    if (answer !== undefined) query.answers(answer);
  }
  bench.runtime.clock.advance(30_000);
  assertEquals([hosts.length, bench.open], [1, { sockets: 0, timers: 0 }]);
  return [...hosts, ...lines];
}

function search(bench: Bench, client = CLIENT): { hosts: Octets[]; lines: string[]; cancel: () => void } {
  const hosts: Octets[] = [];
  const lines: string[] = [];
  const note = (text: Octets, action: string) => lines.push(`${text} while ${action}`);
  const cancel = resolveClientHost(client, { resolver: bench.resolver, note }, (host) => hosts.push(host));
  return { hosts, lines, cancel };
}

describe("the name of a client", () => {
  it("is its PTR name, if that has its address", () => {
    assertEquals(resolve({ ptr: PTR, a: reply("mail.test 60 A 192.0.2.1", "mail.test 60 A 192.0.2.45"), aaaa: {} }), [
      "mail.test",
    ]);
  });

  it("is found for IPv6 clients, too, whatever form their address has", () => {
    const reverse = `1${".0".repeat(23)}.8.b.d.0.1.0.0.2.ip6.arpa`;
    const ptr = reply(`${reverse} 60 PTR six.test`);
    const aaaa = reply("six.test 60 AAAA 2001:db8::1");
    for (const host of ["2001:db8::1", "2001:DB8:0:0:0:0:0:1", "2001:db8::1%eth0"]) {
      assertEquals(resolve({ client: { family: 6, host, port: 1 }, ptr, a: {}, aaaa }), ["six.test"]);
    }
    const mapped = { family: 6, host: "::ffff:192.0.2.45", port: 1 } as const;
    assertEquals(resolve({ client: mapped, ptr: PTR, a: reply("mail.test 60 A 192.0.2.45"), aaaa: {} }), ["mail.test"]);
  });

  it("is unavailable without a resolver, and temporarily so for unix sockets", () => {
    const hosts: Octets[] = [];
    const note = () => {
      throw new Error("nothing is to be said");
    };
    resolveClientHost(CLIENT, { resolver: undefined, note }, (host) => hosts.push(host));
    const unix = { family: "unix", path: "" } as const;
    resolveClientHost(unix, { resolver: new Bench().resolver, note }, (host) => hosts.push(host));
    assertEquals(hosts, ["[UNAVAILABLE]", "[TEMPUNAVAIL]"]);
  });

  it("is unavailable when there is no PTR record", () => {
    const line = `${CLIENT.host} could not be resolved (3: Host not found) while ${ADDRESS}`;
    assertEquals(resolve({ ptr: { rcode: 3 } }), ["[UNAVAILABLE]", line]);
    assertEquals(resolve({ ptr: {} }), ["[UNAVAILABLE]", line]);
    assertEquals(resolve({ ptr: reply(`${REVERSE} 60 A 192.0.2.45`) }), ["[UNAVAILABLE]", line]);
  });

  it("is temporarily unavailable when asking for the PTR record fails otherwise", () => {
    const failures = [
      [{ rcode: 1 }, "1: Format error"],
      [{ rcode: 2 }, "2: Server failure"],
      [{ rcode: 4 }, "4: Unimplemented"],
      [{ rcode: 5 }, "5: Operation refused"],
      [undefined, "110: Operation timed out"],
    ] as const;
    for (const [ptr, text] of failures) {
      assertEquals(resolve({ ptr }), [
        "[TEMPUNAVAIL]",
        `${CLIENT.host} could not be resolved (${text}) while ${ADDRESS}`,
      ]);
    }
  });

  it("is unavailable when the PTR name does not exist", () => {
    assertEquals(resolve({ ptr: PTR, a: { rcode: 3 }, aaaa: { rcode: 3 } }), [
      "[UNAVAILABLE]",
      `"mail.test" could not be resolved (3: Host not found) while ${HOSTNAME}`,
    ]);
  });

  it("is temporarily unavailable when looking up the PTR name fails otherwise", () => {
    const failures = [
      [{ rcode: 2 }, "2: Server failure"],
      [{ rcode: 5 }, "5: Operation refused"],
      [undefined, "110: Operation timed out"],
    ] as const;
    for (const [a, text] of failures) {
      const line = `"mail.test" could not be resolved (${text}) while ${HOSTNAME}`;
      assertEquals(resolve({ ptr: PTR, a, aaaa: { rcode: 3 } }), ["[TEMPUNAVAIL]", line]);
    }
  });

  it("is unavailable when the PTR name has other addresses", () => {
    assertEquals(resolve({ ptr: PTR, a: reply("mail.test 60 A 192.0.2.1"), aaaa: reply("mail.test 60 AAAA ::1") }), [
      "[UNAVAILABLE]",
    ]);
  });

  it("is temporarily unavailable when the PTR name may have the address, for all that could be found out", () => {
    assertEquals(resolve({ ptr: PTR, a: { rcode: 2 }, aaaa: reply("mail.test 60 AAAA ::1") }), [
      "[TEMPUNAVAIL]",
      `"mail.test" could not be resolved (2: Server failure) while ${HOSTNAME}`,
    ]);
    assertEquals(resolve({ ptr: PTR, a: reply("mail.test 60 A 192.0.2.45"), aaaa: { rcode: 2 } }), ["mail.test"]);
  });

  it("is found through the aliases of classless delegation", () => {
    const alias = `${REVERSE} 60 CNAME 45.32/27.2.0.192.in-addr.arpa`;
    const ptr = reply(alias, "45.32/27.2.0.192.in-addr.arpa 60 PTR mail.test");
    assertEquals(resolve({ ptr, a: reply("mail.test 60 A 192.0.2.45"), aaaa: {} }), ["mail.test"]);
  });

  it("is temporarily unavailable when the PTR name is empty, or has what no host name has", () => {
    const names: readonly (readonly [string, string])[] = [
      ["", ""],
      ["mail_1.test", "mail_1.test"],
      ["a b.test", "a\\032b.test"],
      ["mail.test\r\nXCLIENT LOGIN=root", "mail.test\\013\\010xclient\\032login=root"],
      ['x", client: 127.0.0.1', 'x\\",\\032client:\\032127.0.0.1'],
      ["a\0", "a\\000"],
      ["\x7f\xff", "\\127\\255"],
      ["<script>.test", "<script>.test"],
      ["a\\b", "a\\\\b"],
    ];
    for (const [name, printed] of names) {
      const line = `${CLIENT.host} resolved to invalid host name "${printed}" while ${ADDRESS}`;
      assertEquals(resolve(named(name)), ["[TEMPUNAVAIL]", line]);
    }
    const bench = new Bench();
    const { hosts, lines } = search(bench);
    const { socket, query } = bench.next();
    const data = concat([Uint8Array.of(3, 0x61, 0x2e, 0x62), writeName("test")]);
    const head = Uint8Array.of(query.id >> 8, query.id & 255, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0);
    const fixed = Uint8Array.of(0xc0, 12, 0, 12, 0, 1, 0, 0, 0, 60, 0, data.length);
    socket.receives(concat([head, query.wire, fixed, data]));
    assertEquals([hosts, lines], [["[TEMPUNAVAIL]"], [
      `${CLIENT.host} resolved to invalid host name "a\\.b.test" while ${ADDRESS}`,
    ]]);
  });

  it("is not looked for any more once that is taken back", () => {
    const early = new Bench();
    const first = search(early);
    first.cancel();
    const late = new Bench();
    const second = search(late);
    late.next().answers(PTR);
    late.next();
    second.cancel();
    for (const bench of [early, late]) assertEquals(bench.open, { sockets: 0, timers: 0 });
    late.runtime.clock.advance(60_000);
    assertEquals([first, second].flatMap(({ hosts, lines }) => [...hosts, ...lines]), []);
  });

  it("is told at once when it is known", () => {
    const bench = new Bench();
    search(bench);
    bench.next().answers(PTR);
    bench.next().answers(reply("mail.test 60 A 192.0.2.45"));
    assertEquals(search(bench).hosts, ["mail.test"]);
  });
});

/** A PTR record with exactly these octets as its name's labels. */
function named(name: string): Pick<Case, "ptr"> {
  return { ptr: { records: [{ name: REVERSE, ttl: 60, data: { type: "PTR", target: name } }] } };
}
