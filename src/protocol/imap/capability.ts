import type { ImapConfig } from "../../config/types.ts";
import type { Octets } from "../../runtime.ts";

/**
 * The untagged CAPABILITY reply: the configured words, then the mechanisms, in nginx's order, then what Postern itself
 * does whatever server the client comes to: initial responses (RFC 4959).
 */
export function capabilityReply(config: Pick<ImapConfig, "capabilities" | "auth">): Octets {
  const mechanisms = MECHANISMS.filter(({ auth }) => config.auth.includes(auth)).map(({ word }) => word);
  const own = config.capabilities.some((word) => word.toUpperCase() === "SASL-IR") ? [] : ["SASL-IR"];
  return `* CAPABILITY ${[...config.capabilities, ...mechanisms, ...own].join(" ")}\r\n`;
}

const MECHANISMS = [
  { auth: "plain", word: "AUTH=PLAIN" },
  { auth: "login", word: "AUTH=LOGIN" },
  { auth: "cram-md5", word: "AUTH=CRAM-MD5" },
  { auth: "external", word: "AUTH=EXTERNAL" },
  { auth: "xoauth2", word: "AUTH=XOAUTH2" },
  { auth: "oauthbearer", word: "AUTH=OAUTHBEARER" },
] as const;
