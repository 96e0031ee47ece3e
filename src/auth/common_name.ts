import type { Octets } from "../runtime.ts";

/**
 * The common name in a distinguished name (RFC 2253); `undefined` when there is none or more than one, or one that
 * cannot be anybody's login.
 */
export function commonNameIn(distinguishedName: Octets): Octets | undefined {
  const values: Octets[] = [];
  // From one attribute to the next: what looks like one inside of a value is escaped, and is not met here.
  for (const [, type, value = ""] of distinguishedName.matchAll(ATTRIBUTE)) if (type === "CN") values.push(value);
  const [value = "", ...others] = values;
  const isText = value !== "" && !value.startsWith("#");
  const name = value.replaceAll(ESCAPED, (_, octet: Octets) => {
    return octet.length === 2 ? String.fromCharCode(Number.parseInt(octet, 16)) : octet;
  });
  return isText && others.length === 0 && !CONTROL.test(name) ? name : undefined;
}

const ATTRIBUTE = /([^=]*)=((?:\\.|[^\\,+])*)(?:[,+]|$)/gy;
const ESCAPED = /\\([\dA-Fa-f]{2}|.)/g;
const CONTROL = /[^ -~\x80-\xff]/;
