import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import type { SocketAddress } from "../../../src/runtime.ts";
import { GeoRanges, parseIpv4Number } from "../../../src/variables/geo.ts";
import { inMail, load, memoryFiles, problem, warnings } from "../../support/config.ts";
import { factsOf } from "../../support/facts.ts";

/** What `$to` is for clients at these addresses. */
function located(lines: string, hosts: readonly string[], files: Readonly<Record<string, string>> = {}): string[] {
  const text = inMail(`auth_http_header X $to;\ngeo $to {\n${lines}\n}`);
  const [server] = load(text, { files: memoryFiles(files) }).servers;
  return hosts.map((host) => server?.authHttp?.headers[0]?.value(factsOf({ client: at(host) })) ?? "");
}

function at(host: string): SocketAddress {
  if (host === "unix:") return { family: "unix", path: "" };
  return { family: host.includes(":") ? 6 : 4, host, port: 1 };
}

function inGeo(...lines: readonly string[]): string {
  return inMail("geo $to {", ...lines, "}");
}

describe("geo by networks", () => {
  it("has the value of the smallest network", () => {
    const lines = "default x; 10.0.0.0/8 a; 10.1.0.0/16 b; 10.1.2.3 c; 10.1.2.0/24 d; 2001:db8::/32 e; 2001:db8::1 f;";
    const hosts = ["10.2.2.3", "10.1.9.9", "10.1.2.3", "10.1.2.4", "11.0.0.1", "2001:db8::2", "2001:db8::1", "::1"];
    assertEquals(located(lines, hosts), ["a", "b", "c", "d", "x", "e", "f", "x"]);
  });

  it("is empty where nothing fits", () => assertEquals(located("10.0.0.0/8 a;", ["11.0.0.1", "::1"]), ["", ""]));

  it("takes a client of an IPv6 socket for what it is", () => {
    assertEquals(located("10.0.0.0/8 a; ::/0 b;", ["::ffff:10.0.0.1", "fe80::1%eth0", "11.0.0.1"]), ["a", "b", ""]);
  });

  it("takes what has no address for 255.255.255.255", () => {
    assertEquals(located("255.255.255.255 nowhere; default x;", ["unix:", "not-an-address"]), ["nowhere", "nowhere"]);
  });

  it("may ask about another address", () => {
    const text = inMail(
      "auth_http_header X $to;",
      "geo $proxy_protocol_addr $to { 192.0.2.0/24 a; 255.255.255.255 none; }",
    );
    const value = load(text).servers[0]?.authHttp?.headers[0]?.value;
    const proxied = { source: at("192.0.2.7"), destination: at("192.0.2.8") };
    assertEquals([value?.(factsOf({ proxied })), value?.(factsOf())], ["a", "none"]);
  });

  it("takes networks out, and lets later ones count, with a word about each", () => {
    const lines = [
      "default 1;",
      "default 2;",
      "10.0.0.1/8 a;",
      "10.0.0.0/8 b;",
      "delete 10.0.0.0/8;",
      "delete 11.0.0.0/8;",
    ];
    assertEquals(located(lines.join("\n"), ["10.0.0.1"]), ["2"]);
    assertEquals(warnings(inGeo(...lines)), [
      'warn: duplicate network "default", value: "2", old value: "1" in f:5',
      "warn: low address bits of 10.0.0.1/8 are meaningless in f:6",
      'warn: duplicate network "10.0.0.0/8", value: "b", old value: "a" in f:7',
      'warn: no network "11.0.0.0/8" to delete in f:9',
    ]);
  });

  it("reads its lines from files too", () => {
    assertEquals(located("include nets;", ["10.0.0.1"], { nets: "10.0.0.0/8 '$a';" }), ["$a"]);
  });

  it("reads 100,000 networks fast, and finds them fast", () => {
    const dotted = (n: number) => `10.${n >> 16 & 255}.${n >> 8 & 255}.${n & 255}`;
    const lines = Array.from({ length: 100_000 }, (_, i) => `${dotted(i * 16)}/28 v${i};`).join("\n");
    const started = performance.now();
    const hosts = Array.from({ length: 10_000 }, (_, i) => dotted(i * 160 + 3));
    assertEquals(located(lines, hosts), hosts.map((_, i) => `v${i * 10}`));
    assertEquals(performance.now() - started < 4000, true);
  });
});

describe("geo by ranges", () => {
  it("has the value of the last range that lies in others", () => {
    const lines = "ranges; default x; 10.0.0.0-10.3.255.255 a; 10.1.0.0-10.1.0.255 b; 10.1.0.7-10.1.0.7 c;";
    const hosts = ["10.0.0.0", "10.3.255.255", "10.4.0.0", "10.1.0.0", "10.1.0.6", "10.1.0.7", "10.1.0.8", "10.1.1.0"];
    assertEquals(located(lines, hosts), ["a", "a", "x", "b", "b", "c", "b", "a"]);
  });

  it("cuts ranges at either end, and takes them out", () => {
    const lines = "ranges; 1.0.0.0-1.0.0.9 a; 1.0.0.0-1.0.0.1 b; 1.0.0.8-1.0.0.9 c; delete 1.0.0.2-1.0.0.7;";
    assertEquals(located(lines, ["1.0.0.1", "1.0.0.2", "1.0.0.7", "1.0.0.8"]), ["b", "", "", "c"]);
  });

  it("has all addresses in one range, and none for IPv6 but that of nowhere", () => {
    assertEquals(located("ranges; 0.0.0.0-255.255.255.255 a;", ["0.0.0.0", "255.255.255.255", "::1"]), ["a", "a", "a"]);
    assertEquals(located("ranges; 0.0.0.0-255.255.255.254 a;", ["::1"]), [""]);
  });

  it("is what one would get by painting the ranges one over the other", () => {
    const random = seeded(7);
    const ranges = new GeoRanges<number>();
    const painted = new Array<number | undefined>(512).fill(undefined);
    for (let value = 0; value < 400; value++) {
      const start = random(512);
      const end = Math.min(511, start + random(1 << random(9)));
      const under = new Set(painted.slice(start, end + 1));
      const overlap = ranges.add(start, end, value, () => {});
      if (under.size > 1) continue;
      if (overlap === undefined) painted.fill(value, start, end + 1);
    }
    const found = painted.map((_, address) => ranges.find(address));
    // A range that covers several others is refused, and nothing of it is painted.
    assertEquals(found, painted);
  });

  it("knows what it repeats and what it cannot take out", () => {
    const lines = [
      "ranges;",
      "default 1;",
      "default 2;",
      "1.0.0.0-1.0.0.9 a;",
      "1.0.0.0-1.0.0.9 b;",
      "delete 1.0.0.1-1.0.0.2;",
    ];
    assertEquals(warnings(inGeo(...lines)), [
      'warn: duplicate default geo range value: "2", old value: "1" in f:6',
      'warn: duplicate range "1.0.0.0-1.0.0.9", value: "b", old value: "a" in f:8',
      'warn: no address range "1.0.0.1-1.0.0.2" to delete in f:9',
    ]);
  });
});

describe("what is wrong with a geo", () => {
  for (
    const [text, expected] of [
      [inMail("geo a {}"), 'invalid variable name "a" in f:3'],
      [inMail("geo a $b {}"), 'invalid variable name "a" in f:3'],
      [inMail("geo $pid b {}"), 'invalid variable name "b" in f:3'],
      [inMail("geo $nothing $b {}"), 'unknown "nothing" variable in f:3'],
      [inMail("geo $pid {}"), 'the duplicate "pid" variable in f:3'],
      [inMail("geo $b $b {}"), 'cycle while evaluating variable "b" in f:3'],
      [inGeo("10.0.0.0/33 a;"), 'invalid network "10.0.0.0/33" in f:4'],
      [inGeo("all a;"), 'invalid network "all" in f:4'],
      [inGeo("delete x;"), 'invalid network "x" in f:4'],
      [inGeo("10.0.0.0/8;"), 'invalid number of the geo parameters in f:4\na line is two words and a ";"'],
      [
        inGeo("10.0.0.0/8 a;", "ranges;"),
        'the "ranges" directive must be the first directive inside "geo" block in f:5',
      ],
      [inGeo("ranges;", "10.0.0.0/8 a;"), 'invalid range "10.0.0.0/8" in f:5'],
      [inGeo("ranges;", "10.0.0.2-10.0.0.1 a;"), 'invalid range "10.0.0.2-10.0.0.1" in f:5'],
      [inGeo("ranges;", "-10.0.0.1 a;"), 'invalid range "-10.0.0.1" in f:5'],
      [
        inGeo("ranges;", "10.0.0.0-10.0.0.9 a;", "10.0.0.5-10.0.0.12 b;"),
        'range "10.0.0.5-10.0.0.12" overlaps "10.0.0.0-10.0.0.9" in f:6',
      ],
      [
        inGeo("proxy 10.0.0.1;"),
        'invalid network "proxy" in f:4\nwhose word about a client counts is for "set_real_ip_from" to say',
      ],
      [inGeo("volatile;"), "ok"],
    ] as const
  ) {
    it(expected, () => assertEquals(problem(text), expected));
  }

  it("reads dotted addresses into numbers", () => {
    assertEquals(["0.0.0.1", "255.255.255.255", "1.2.3", ""].map(parseIpv4Number), [
      1,
      0xffff_ffff,
      undefined,
      undefined,
    ]);
  });
});

function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return Math.floor(state / 2 ** 32 * below);
  };
}
