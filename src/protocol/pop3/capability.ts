import type { Pop3Config } from "../../config/types.ts";
import type { Octets } from "../../runtime.ts";

/** The reply to CAPA (RFC 2449, 5): the configured words, then the mechanisms. */
export function capaReply(config: Pick<Pop3Config, "capabilities" | "auth">): Octets {
  const sasl = ["SASL", ...mechanisms(config)].join(" ");
  return `+OK Capability list follows\r\n${lines([...config.capabilities, sasl])}`;
}

/** The reply to AUTH without a mechanism (RFC 5034, 4). */
export function authReply(config: Pick<Pop3Config, "auth">): Octets {
  return `+OK methods supported:\r\n${lines(mechanisms(config))}`;
}

/** POP3 has no word of its own for LOGIN: whoever allows PLAIN allows it too. */
function mechanisms(config: Pick<Pop3Config, "auth">): readonly Octets[] {
  return MECHANISMS.flatMap(({ auth, words }) => config.auth.includes(auth) ? words : []);
}

const MECHANISMS = [
  { auth: "plain", words: ["PLAIN", "LOGIN"] },
  { auth: "cram-md5", words: ["CRAM-MD5"] },
  { auth: "external", words: ["EXTERNAL"] },
  { auth: "xoauth2", words: ["XOAUTH2"] },
  { auth: "oauthbearer", words: ["OAUTHBEARER"] },
] as const;

function lines(words: readonly Octets[]): Octets {
  return [...words, "."].map((word) => `${word}\r\n`).join("");
}
