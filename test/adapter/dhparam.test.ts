import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { describe, it } from "node:test";
import { readDhparam } from "../../adapters/_dhparam.ts";

/** DER of a sequence of integers, each of these octets. */
function sequence(...integers: readonly number[][]): number[] {
  const content = integers.flatMap((octets) => [0x02, ...length(octets), ...octets]);
  return [0x30, ...length(content), ...content];
}

function length({ length }: readonly number[]): number[] {
  if (length < 128) return [length];
  return length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
}

function pem(der: readonly number[], label = "DH PARAMETERS"): string {
  return `-----BEGIN ${label}-----\n${Buffer.from(der).toString("base64")}\n-----END ${label}-----\n`;
}

/** What a text was found to be, in DER. */
function read(text: string): number[] | string {
  const found = readDhparam(text);
  if (typeof found === "string") return found;
  assert(found.pem.startsWith("-----BEGIN DH PARAMETERS-----\n"));
  return [...Buffer.from(found.pem.replaceAll(/-----.*-----/g, ""), "base64")];
}

const odd = (octets: number, first: readonly number[]) => [...first, ...Array<number>(octets - 1).fill(0xff)];
const G = [2];
const TOO_SMALL = "error:0A00018A:SSL routines::dh key too small";

describe("DH parameters", () => {
  for (const octets of [128, 256, 1024]) {
    it(`of X9.42 become those of PKCS #3: a prime of ${octets} octets`, () => {
      const prime = odd(octets, [0, 0x80]);
      const x942 = sequence(prime, G, odd(32, [0x7f]), odd(64, [0x7f]));
      assertEquals(read(pem(x942, "X9.42 DH PARAMETERS")), sequence(prime, G));
    });
  }

  it("of PKCS #3 are what they are", () => {
    const der = sequence(odd(256, [0, 0x80]), G, [0, 0xe1]);
    assertEquals(read(`for people\n${pem([1], "CERTIFICATE")}${pem(der)}`), der);
  });

  it("are the first of several", () => {
    const der = sequence(odd(256, [0, 0x80]), G);
    assertEquals(read(`${pem(der)}-----BEGIN DH PARAMETERS-----\n`), der);
  });

  it("have 1024 bits at least", () => {
    const of = (prime: number[]) => read(pem(sequence(prime, G)));
    assertEquals(of(odd(128, [0, 0x80])), sequence(odd(128, [0, 0x80]), G));
    assertEquals(of(odd(128, [0x7f])), TOO_SMALL);
    assertEquals(of([0, 0, ...odd(128, [0x7f])]), TOO_SMALL);
    assertEquals([of([0]), of([])], [TOO_SMALL, TOO_SMALL]);
  });

  it("that are none are told as OpenSSL tells them", () => {
    const wrongTag = "error:068000A8:asn1 encoding routines::wrong tag";
    assertEquals(
      [
        "nothing",
        pem([]),
        pem([0, 0, 0]),
        pem(sequence(odd(256, [0, 0x80]))),
        pem([0x30, 0x06, 0x04, 0x01, 7, 2, 1, 2]),
      ]
        .map(read),
      ["error:0480006C:PEM routines::no start line", ...Array<string>(4).fill(wrongTag)],
    );
    assertEquals(read(pem([0]).replace("==", "!=")), "error:04800064:PEM routines::bad base64 decode");
    assertEquals(read("-----BEGIN DH PARAMETERS-----\nAAAA\n"), "error:04800066:PEM routines::bad end line");
  });
});
