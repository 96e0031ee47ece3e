/** Passwords and digests that others have published. */

import type { KeyDerivation, Octets } from "../../src/runtime.ts";

/** Light parameters for Argon2. */
export const ARGON2ID = { scheme: "argon2id", memory: 256, passes: 2, lanes: 2, salt: "somesalt", length: 32 } as const;

/** What bcrypt's letters `CCCCCCCCCCCCCCCCCCCCC.` and others stand for. */
const SALT_C = "\x10\x41\x04\x10\x41\x04\x10\x41\x04\x10\x41\x04\x10\x41\x04\x10";
const SALT_X = "\x65\x96\x59\x65\x96\x59\x65\x96\x59\x65\x96\x59\x65\x96\x59\x65";
const SALT_ABC = "\x71\xd7\x9f\x82\x18\xa3\x92\x59\xa7\xa2\x9a\xab\xb2\xdb\xaf\xc3";
const LONG = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/** Octets are in hex, what hashes end in as it is. */
export const VECTORS: readonly (readonly [name: string, password: Octets, KeyDerivation, digest: string])[] = [
  // Those of Openwall's crypt_blowfish.
  ["U*U", "U*U", { scheme: "bcrypt", cost: 5, salt: SALT_C }, "E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"],
  ["U*U*", "U*U*", { scheme: "bcrypt", cost: 5, salt: SALT_C }, "VGOzA784oUp/Z0DY336zx7pLYAy0lwK"],
  ["U*U*U", "U*U*U", { scheme: "bcrypt", cost: 5, salt: SALT_X }, "AcXxm9kjPGEMsLznoKqmqw7tc8WCx4a"],
  [
    "more than counts",
    `${LONG}chars after 72 are ignored`,
    { scheme: "bcrypt", cost: 5, salt: SALT_ABC },
    "5s2v8.iXieOjg/.AySBTTZIIVFJeBui",
  ],
  // Those of the reference implementation; RFC 9106's have a secret and associated data, which hashes in files have not.
  ["password", "password", ARGON2ID, "6d093c501fd5999645e0ea3bf620d7b8be7fd2db59c20d9fff9539da2bf57037"],
  [
    "password, longer",
    "password",
    { ...ARGON2ID, memory: 65536, lanes: 1 },
    "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7",
  ],
  [
    "password",
    "password",
    { ...ARGON2ID, scheme: "argon2i", lanes: 1 },
    "89e9029f4637b295beb027056a7336c414fadd43f6b208645281cb214a56452f",
  ],
  // Those of the specification.
  [
    "Hello world!",
    "Hello world!",
    { scheme: "sha256-crypt", rounds: 5000, salt: "saltstring" },
    "5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5",
  ],
  ["a longer text", "a very much longer text to encrypt.  This one even stretches over morethan one line.", {
    scheme: "sha256-crypt",
    rounds: 1400,
    salt: "anotherlongsalts",
  }, "Rx.j8H.h8HjEDGomFU8bDkXm3XIUnzyxf12oP84Bnq1"],
  [
    "Hello world!",
    "Hello world!",
    { scheme: "sha512-crypt", rounds: 5000, salt: "saltstring" },
    "svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
  ],
  [
    "Hello world!, longer",
    "Hello world!",
    { scheme: "sha512-crypt", rounds: 10000, salt: "saltstringsaltst" },
    "OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.",
  ],
  // RFC 6070 and RFC 7914, 11.
  [
    "RFC 6070",
    "password",
    { scheme: "pbkdf2", hash: "sha1", iterations: 4096, salt: "salt", length: 20 },
    "4b007901b765489abead49d926f721d065a429c1",
  ],
  [
    "RFC 7914",
    "passwd",
    { scheme: "pbkdf2", hash: "sha256", iterations: 1, salt: "salt", length: 64 },
    "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783",
  ],
];
