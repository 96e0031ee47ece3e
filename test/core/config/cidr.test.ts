import { assert, assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { type Network, NetworkList, parseNetwork } from "../../../src/config/cidr.ts";
import type { SocketAddress } from "../../../src/runtime.ts";

/** `192.0.2.1`, `2001:db8::1` or `unix:`. */
function address(text: string): SocketAddress {
  if (text === "unix:") return { family: "unix", path: "" };
  return { family: text.includes(":") ? 6 : 4, host: text, port: 1 };
}

function network(text: string): Network {
  const parsed = parseNetwork(text);
  assert(parsed !== undefined, text);
  return parsed.network;
}

function list(...texts: readonly string[]): NetworkList {
  return new NetworkList(texts.map(network));
}

describe("networks", () => {
  const same: readonly [text: string, other: string, hasLowBits: boolean][] = [
    ["192.0.2.1", "192.0.2.1/32", false],
    ["192.0.2.0/24", "192.0.2.0/24", false],
    ["192.0.2.1/24", "192.0.2.0/24", true],
    ["192.0.2.1/31", "192.0.2.0/31", true],
    ["0.0.0.0/0", "0.0.0.0/0", false],
    ["0.0.0.1/0", "0.0.0.0/0", true],
    ["128.0.0.0/1", "128.0.0.0/1", false],
    ["192.0.2.0/024", "192.0.2.0/24", false],
    ["2001:db8::1", "2001:db8::1/128", false],
    ["2001:DB8::/32", "2001:db8:0::/32", false],
    ["2001:db8::1/32", "2001:db8::/32", true],
    ["::/0", "::/0", false],
    ["8000::/0", "::/0", true],
    ["::1/127", "::/127", true],
    ["::ffff:192.0.2.0/120", "192.0.2.0/24", false],
    ["::ffff:192.0.2.1/120", "192.0.2.0/24", true],
    ["::ffff:0:0/96", "0.0.0.0/0", false],
  ];
  for (const [text, other, hasLowBits] of same) {
    it(`${text} is ${other}, ${hasLowBits ? "with" : "without"} low bits set`, () => {
      assertEquals(parseNetwork(text), { network: network(other), hasLowBits });
    });
  }

  it("are all addresses or unix sockets by name", () => {
    assertEquals(parseNetwork("all"), { network: { type: "all" }, hasLowBits: false });
    assertEquals(parseNetwork("unix:"), { network: { type: "unix" }, hasLowBits: false });
  });

  const invalid = [
    "",
    "/",
    "/8",
    "ALL",
    "UNIX:",
    "unix:/run/a",
    "name",
    "name/8",
    "192.0.2",
    "192.0.2/24",
    "192.0.2.256",
    "192.0.2.0/",
    "192.0.2.0/33",
    "192.0.2.0/-1",
    "192.0.2.0/+1",
    "192.0.2.0/ 1",
    "192.0.2.0/1.5",
    "192.0.2.0/24/",
    "192.0.2.0/255.255.255.0",
    "192.0.2.0/99999999999999999999",
    "2001:db8::/129",
    "2001:db8::/",
    "2001:db8::/3a",
    "[2001:db8::]/32",
    "[2001:db8::1]",
    "fe80::1%eth0",
    ":::",
    "1::2::3/8",
    "192.0.2.1:143",
  ];
  for (const text of invalid) it(`are not ${JSON.stringify(text)}`, () => assertEquals(parseNetwork(text), undefined));
});

describe("an address in networks", () => {
  const rows: readonly [network: string, inside: readonly string[], outside: readonly string[]][] = [
    ["192.0.2.1", ["192.0.2.1", "::ffff:192.0.2.1", "::FFFF:C000:201"], ["192.0.2.0", "192.0.2.2", "::192.0.2.1"]],
    ["192.0.2.0/24", ["192.0.2.0", "192.0.2.255"], ["192.0.1.255", "192.0.3.0"]],
    ["10.0.0.0/8", ["10.255.255.255", "::ffff:10.1.2.3"], ["9.255.255.255", "11.0.0.0", "a00::"]],
    ["192.0.2.128/25", ["192.0.2.128", "192.0.2.255"], ["192.0.2.127"]],
    ["128.0.0.0/1", ["128.0.0.0", "255.255.255.255"], ["127.255.255.255"]],
    ["0.0.0.0/0", ["0.0.0.0", "255.255.255.255", "::ffff:1.2.3.4"], ["::1", "::", "2001:db8::1", "unix:"]],
    ["2001:db8::1", ["2001:db8::1", "2001:DB8:0:0::1"], ["2001:db8::", "2001:db8::2"]],
    ["2001:db8::/32", ["2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"], ["2001:db7::", "2001:db9::"]],
    ["2001:db8::/33", ["2001:db8:7fff::"], ["2001:db8:8000::"]],
    ["fe80::/10", ["fe80::1", "fe80::1%eth0", "febf::"], ["fec0::", "fe7f::"]],
    ["::/0", ["::", "::1", "ffff::"], ["192.0.2.1", "::ffff:192.0.2.1", "unix:"]],
    ["::/80", ["::1", "::1.2.3.4"], ["1.2.3.4", "::ffff:1.2.3.4"]],
    ["::ffff:192.0.2.0/120", ["192.0.2.7", "::ffff:192.0.2.7"], ["192.0.3.7"]],
    ["::ffff:0:0/96", ["192.0.2.1", "::ffff:192.0.2.1"], ["::1"]],
    ["unix:", ["unix:"], ["192.0.2.1", "::1"]],
    ["all", ["unix:", "192.0.2.1", "::1", "no address"], []],
  ];
  for (const [text, inside, outside] of rows) {
    for (const one of inside) it(`${one} is in ${text}`, () => assertEquals(list(text).has(address(one)), true));
    for (const one of outside) it(`${one} is not in ${text}`, () => assertEquals(list(text).has(address(one)), false));
  }

  it("is in none of no networks", () => {
    for (const text of ["unix:", "192.0.2.1", "::1"]) assertEquals(list().find(address(text)), -1);
  });

  it("is in no network when it is none", () => {
    for (const host of ["", "nonsense", "192.0.2", "1::2::3", "%eth0"]) {
      assertEquals(list("0.0.0.0/0", "::/0", "unix:").find({ family: 4, host, port: 1 }), -1);
    }
  });

  it("is found in the first network that has it", () => {
    const networks = list(
      "192.0.2.1",
      "unix:",
      "192.0.2.0/24",
      "2001:db8::/32",
      "192.0.2.7",
      "0.0.0.0/0",
      "all",
      "unix:",
    );
    const places = ["192.0.2.1", "unix:", "192.0.2.7", "2001:db8::9", "198.51.100.1", "::1"];
    assertEquals(places.map((text) => networks.find(address(text))), [0, 1, 2, 3, 5, 6]);
  });

  it("is found at the first of equal networks", () => {
    assertEquals(list("10.0.0.0/8", "10.1.2.3/8").find(address("10.9.9.9")), 0);
    assertEquals(list("all", "10.0.0.0/8", "unix:").find(address("unix:")), 0);
  });

  it("is found among 100,000", () => {
    const networks = Array.from({ length: 100_000 }, (_, i) => network(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`));
    const many = new NetworkList(networks);
    for (let i = 0; i < 100_000; i += 17) {
      assertEquals(many.find(address(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`)), i);
    }
    assertEquals(many.find(address("10.2.0.0")), -1);
  });
});

describe("matching by numbers", () => {
  it("agrees with matching by bits", () => {
    let state = 7;
    const random = (below: number) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor(state / 4294967296 * below);
    };
    const ipv4 = () => `${10 + random(2)}.${random(2)}.${random(2) * 128}.${random(256)}`;
    const bitsOf = (host: string) => host.split(".").map((part) => Number(part).toString(2).padStart(8, "0")).join("");
    for (let run = 0; run < 3000; run++) {
      const texts = Array.from({ length: random(6) }, () => `${ipv4()}/${random(33)}`);
      const host = ipv4();
      const first = texts.findIndex((text) => {
        const [prefix = "", length] = text.split("/");
        return bitsOf(host).startsWith(bitsOf(prefix).slice(0, Number(length)));
      });
      assertEquals(list(...texts).find(address(host)), first);
      assertEquals(list(...texts).find(address(`::ffff:${host}`)), first);
    }
  });
});
