import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { childrenOf, integerHex, objectIdentifier, readDer, timeOf } from "../../adapters/_der.ts";
import { distinguishedName } from "../../adapters/_distinguished_name.ts";
import { RevocationList } from "../../adapters/_revocation.ts";
import { LONGEST_HELLO, readClientHello } from "../../adapters/_tls_hello.ts";

describe("DER", () => {
  it("is read as it is written", () => {
    assertEquals(objectIdentifier(der("06092a864886f70d010901")), "1.2.840.113549.1.9.1");
    assertEquals(objectIdentifier(der("0603550403")), "2.5.4.3");
    assertEquals(objectIdentifier(der("0603883703")), "2.999.3");
    assertEquals(timeOf(der(`170d${hex("491231235959Z")}`)), Date.UTC(2049, 11, 31, 23, 59, 59));
    assertEquals(timeOf(der(`170d${hex("500101000000Z")}`)), Date.UTC(1950, 0, 1));
    assertEquals(timeOf(der(`180f${hex("20500101000000Z")}`)), Date.UTC(2050, 0, 1));
    assertEquals(timeOf(der("0200")), Number.NaN);
    assertEquals(["020100", "0202008f", "0201ff", "02027fff"].map((text) => integerHex(der(text))), [
      "00",
      "8F",
      "-01",
      "7FFF",
    ]);
  });

  it("is refused when it is broken", () => {
    for (const text of ["", "30", "3001", "3080", "30850000000001", "3f8101", "3003020100ff", "30020201"]) {
      assertEquals([text, childrenOf(der(text)).length <= 1], [text, true]);
    }
    assertEquals(readDer(bytes("30820100")), undefined);
    assertEquals(childrenOf(der("30050201000201")), []);
  });

  it("of any octets does no harm", () => {
    const random = randomOctets(1);
    for (let i = 0; i < 3_000; i++) {
      const octets = Uint8Array.from({ length: i % 80 }, random);
      octets[0] = 0x30;
      octets[1] = i % 80;
      for (const child of childrenOf(readDer(octets))) childrenOf(child);
      distinguishedName(readDer(octets));
      RevocationList.parse(octets);
    }
  });
});

describe("a distinguished name", () => {
  const name = (...attributes: string[]) => distinguishedName(der(sequence(...attributes.map((one) => set(one)))));

  it("is written from its end, with escapes", () => {
    assertEquals(name(attribute("550406", "13", "DE"), attribute("550403", "0c", "joe")), "CN=joe,C=DE");
    assertEquals(
      name(attribute("550403", "0c", ' #a,b+c"d\\e<f>g;h=i ')),
      'CN=\\ #a\\,b\\+c\\"d\\\\e\\<f\\>g\\;h=i\\ ',
    );
    assertEquals(name(attribute("550403", "0c", "#1")), "CN=\\#1");
    assertEquals(name(attribute("550403", "0c", "a\r\nb\x7f")), "CN=a\\0D\\0Ab\\7F");
    assertEquals(name(attribute("550403", "0c", "\xc3\xa4")), "CN=\\C3\\A4");
    assertEquals(name(attribute("550403", "14", "\xe4")), "CN=\\C3\\A4");
    assertEquals(name(attribute("550403", "1e", "\x20\xac")), "CN=\\E2\\82\\AC");
    assertEquals(name(attribute("2a0304", "0c", "a")), "1.2.3.4=#0C0161");
    assertEquals(name(), "");
  });

  it("keeps what belongs together", () => {
    const pair = set(attribute("550403", "0c", "a") + attribute("550405", "13", "1"));
    assertEquals(distinguishedName(der(sequence(pair))), "serialNumber=1+CN=a");
  });
});

describe("a ClientHello", () => {
  it("is read with what was looked for in it", () => {
    assertEquals(readClientHello(hello("Mail.Example.ORG", ["imap", "x"])), {
      serverName: "mail.example.org",
      alpn: ["imap", "x"],
      takesEcdsa: true,
      suites: SUITES,
      offersTls13: false,
      ticketKey: undefined,
    });
    const more = { serverName: undefined, alpn: [], takesEcdsa: true, suites: SUITES, ticketKey: undefined };
    assertEquals(readClientHello(hello(undefined, [])), { ...more, offersTls13: false });
    assertEquals(readClientHello(hello(undefined, [], "03040303")), { ...more, offersTls13: true });
    assertEquals(readClientHello(hello(undefined, [], "03030302")), { ...more, offersTls13: false });
  });

  it("says which key its session's ticket was made with", () => {
    const key = "0123456789abcdef";
    const named = (extensions: string) => {
      const read = readClientHello(hello(undefined, [], "", extensions));
      return typeof read === "object" && read.ticketKey !== undefined && String.fromCharCode(...read.ticketKey);
    };
    const ticket = (text: string) => `0023${length(2, hex(text))}`;
    assertEquals(named(ticket(`${key} and more`)), key);
    assertEquals(named(ticket(key)), key);
    assertEquals(named(ticket(key.slice(1))), false);
    assertEquals(named(ticket("")), false);
    const identity = (text: string) => length(2, hex(text)) + "00000000";
    const sessions = (...texts: string[]) =>
      `0029${length(2, length(2, texts.map(identity).join("")) + length(2, "20" + "00".repeat(32)))}`;
    assertEquals(named(sessions(`${key} and more`)), key);
    assertEquals(named(ticket("") + sessions(`${key} and more`, "fedcba9876543210 and more")), key);
    assertEquals(named(ticket("fedcba9876543210") + sessions(key)), key);
    assertEquals(named(`0029${length(2, "00")}`), false);
  });

  it("is waited for, octet by octet", () => {
    const octets = hello("mail.example.org", ["imap"]);
    for (let length = 0; length < octets.length; length++) {
      assertEquals(readClientHello(octets.subarray(0, length)), length < 9 ? 9 : octets.length);
    }
  });

  it("is looked at some dozens of times, in however many records it comes", () => {
    const octets = inRecords(hello("mail.example.org", ["imap"], "", `0015${length(2, "00".repeat(4_000))}`));
    let looks = 1;
    let wanted = 1;
    for (let read = readClientHello(octets.subarray(0, wanted)); typeof read !== "object"; looks++) {
      assert(typeof read === "number" && read > wanted && read <= octets.length);
      wanted = read;
      read = readClientHello(octets.subarray(0, wanted));
    }
    assertEquals([wanted, looks < 60], [octets.length, true]);
  });

  it("may be as long as allowed and not longer", () => {
    const header = (size: number) => new Uint8Array([22, 3, 1, 0, 4, 1, 0, size >> 8, size & 0xff]);
    assertEquals(typeof readClientHello(header(LONGEST_HELLO)), "number");
    assertEquals(typeof readClientHello(header(LONGEST_HELLO + 1)), "string");
  });

  it("with any octets changed does no harm", () => {
    const random = randomOctets(2);
    const octets = hello("mail.example.org", ["imap", "pop3"]);
    for (let i = 0; i < 5_000; i++) {
      const changed = octets.slice();
      for (let n = 0; n < 3; n++) changed[(random() * 256 + random()) % changed.length] = random();
      readClientHello(changed);
    }
  });
});

/** With the versions in hex in the extension for them, if they are given, and more extensions behind. */
function hello(serverName: string | undefined, alpn: readonly string[], versions = "", more = ""): Uint8Array {
  const names = alpn.map((name) => length(1, hex(name))).join("");
  const sni = serverName === undefined ? "" : `0000${length(2, length(2, `00${length(2, hex(serverName))}`))}`;
  const extensions = sni + (alpn.length === 0 ? "" : `0010${length(2, length(2, names))}`) +
    `000d${length(2, length(2, "0403"))}` +
    (versions === "" ? "" : `002b${length(2, length(1, versions))}`) + more;
  const body = `0303${"00".repeat(32)}${length(1, "")}${length(2, "1301c02b")}${length(1, "00")}${
    length(2, extensions)
  }`;
  return bytes(`160301${length(2, `01${length(3, body)}`)}`);
}

/** What one record has, in records of an octet each. */
function inRecords(record: Uint8Array): Uint8Array {
  return new Uint8Array([...record.subarray(5)].flatMap((octet) => [22, 3, 1, 0, 1, octet]));
}

const SUITES = [0x1301, 0xc02b];

function attribute(oid: string, tag: string, value: string): string {
  return sequence(`06${length(1, oid)}`, `${tag}${length(1, hex(value))}`);
}

function sequence(...parts: readonly string[]): string {
  return `30${length(1, parts.join(""))}`;
}

function set(content: string): string {
  return `31${length(1, content)}`;
}

/** Content in hex behind its length in so many octets. */
function length(octets: number, content: string): string {
  return (content.length / 2).toString(16).padStart(octets * 2, "0") + content;
}

function hex(text: string): string {
  return [...text].map((character) => character.charCodeAt(0).toString(16).padStart(2, "0")).join("");
}

function bytes(text: string): Uint8Array {
  return new Uint8Array((text.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16)));
}

function der(text: string) {
  return readDer(bytes(text));
}

function randomOctets(seed: number): () => number {
  let state = seed;
  return () => {
    state = Math.imul(state, 1664525) + 1013904223 | 0;
    return state >>> 24;
  };
}
