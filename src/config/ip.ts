/**
 * Numeric addresses as text.
 *
 * @module
 */

/** The usual form of a numeric address, IPv6 without brackets; `undefined` when the text is none. */
export function parseIp(text: string): string | undefined {
  if (text.includes(":")) {
    const words = parseIpv6(text);
    return words === undefined ? undefined : formatIpv6(words);
  }
  const octets = parseIpv4(text);
  if (octets === undefined) return undefined;
  // One without leading zeros is in its usual form already.
  return text.length === octets.reduce(addDigits, octets.length - 1) ? text : octets.join(".");
}

function addDigits(sum: number, octet: number): number {
  return sum + (octet > 99 ? 3 : octet > 9 ? 2 : 1);
}

/** The four octets of a dotted address. As in nginx leading zeros mean nothing. */
export function parseIpv4(text: string): readonly number[] | undefined {
  const octets: number[] = [];
  let octet = -1;
  for (let i = 0; i <= text.length; i++) {
    // The end is a dot, too.
    const code = i < text.length ? text.charCodeAt(i) : DOT;
    if (code === DOT && octet >= 0) {
      octets.push(octet);
      octet = -1;
    } else if (code >= ZERO && code <= NINE) {
      octet = Math.max(octet, 0) * 10 + (code - ZERO);
      if (octet > 255) return undefined;
    } else {
      return undefined;
    }
  }
  return octets.length === 4 ? octets : undefined;
}

/** What an address has in common with others of the same customer: all of IPv4, the first 64 bits of IPv6. */
export function networkOf(host: string): string {
  // A link-local address may name its interface: fe80::1%eth0.
  const words = host.includes(":") ? parseIpv6(host.replace(/%.*/, "")) : undefined;
  if (words === undefined) return (parseIpv4(host) ?? [host]).join(".");
  const isMapped = words.slice(0, 5).every((word) => word === 0) && words[5] === 0xffff;
  return isMapped ? host.slice(host.lastIndexOf(":") + 1) : words.slice(0, 4).join(":");
}

/** The eight words of an IPv6 address, without brackets or zone. */
export function parseIpv6(text: string): readonly number[] | undefined {
  const [head = "", tail, ...more] = text.split("::");
  const front = wordsOf(head, tail === undefined);
  const back = wordsOf(tail ?? "", true);
  if (front === undefined || back === undefined || more.length > 0) return undefined;
  const missing = 8 - front.length - back.length;
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  return [...front, ...Array<number>(missing).fill(0), ...back];
}

/** The words between colons; the last may be an IPv4 address if nothing follows. */
function wordsOf(text: string, isLast: boolean): readonly number[] | undefined {
  if (text === "") return [];
  const words: number[] = [];
  const parts = text.split(":");
  for (const [i, part] of parts.entries()) {
    const dotted = isLast && i === parts.length - 1 ? parseIpv4(part) : undefined;
    if (dotted !== undefined) {
      const [a = 0, b = 0, c = 0, d = 0] = dotted;
      words.push(a * 256 + b, c * 256 + d);
    } else if (HEXADECIMAL.test(part)) {
      words.push(Number.parseInt(part, 16));
    } else {
      return undefined;
    }
  }
  return words;
}

/** The longest run of zero words as `::`, and IPv4 addresses inside dotted, as nginx's log has them. */
export function formatIpv6(words: readonly number[]): string {
  const gap = longestZeros(words);
  const [first = 0, second = 0] = words.slice(6);
  const mapped = gap.start === 0 && gap.length === 5 && words[5] === 0xffff;
  const compatible = gap.start === 0 && gap.length === 6;
  const hex = words.slice(0, mapped || compatible ? 6 : 8).map((word) => word.toString(16));
  if (mapped || compatible) hex.push(`${first >> 8}.${first & 255}.${second >> 8}.${second & 255}`);
  if (gap.length < 2) return hex.join(":");
  return `${hex.slice(0, gap.start).join(":")}::${hex.slice(gap.start + gap.length).join(":")}`;
}

function longestZeros(words: readonly number[]): { readonly start: number; readonly length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < words.length; start++) {
    let end = start;
    while (words[end] === 0) end++;
    if (end - start > best.length) best = { start, length: end - start };
  }
  return best;
}

const [DOT, ZERO, NINE] = [0x2e, 0x30, 0x39];
const HEXADECIMAL = /^[0-9a-fA-F]{1,4}$/;

/** A host with its port, if it has one: an IPv6 address stands in brackets (RFC 3986, 3.2.2). */
export function formatHost(host: string, port: number | undefined): string {
  const name = host.includes(":") ? `[${host}]` : host;
  return port === undefined ? name : `${name}:${port}`;
}
