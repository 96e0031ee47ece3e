import type { StartTls } from "../../config/ssl_types.ts";
import type { Pop3Config } from "../../config/types.ts";
import type { Octets } from "../../runtime.ts";
import type { ByTls } from "../../session/by_tls.ts";

/** The reply to CAPA (RFC 2449, 5): the configured words, the mechanisms, and STLS (RFC 2595, 4) where it is to be had. */
export function capaReply(
  config: Pick<Pop3Config, "capabilities" | "auth">,
  startTls: StartTls,
): ByTls<Octets> {
  const sasl = ["SASL", ...mechanisms(config)].join(" ");
  const secure = capa([...config.capabilities, sasl]);
  switch (startTls) {
    case "off":
      return { clear: secure, secure };
    case "on":
      return { clear: capa([...config.capabilities, sasl, "STLS"]), secure };
    case "only":
      return { clear: capa([...config.capabilities.filter((word) => word.toUpperCase() !== "USER"), "STLS"]), secure };
  }
}

function capa(words: readonly Octets[]): Octets {
  return `+OK Capability list follows\r\n${lines(words)}`;
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
  { auth: "scram-sha-1", words: ["SCRAM-SHA-1"] },
  { auth: "scram-sha-256", words: ["SCRAM-SHA-256"] },
] as const;

function lines(words: readonly Octets[]): Octets {
  return [...words, "."].map((word) => `${word}\r\n`).join("");
}
