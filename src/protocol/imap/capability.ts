import type { ImapConfig } from "../../config/types.ts";
import type { Octets } from "../../runtime.ts";

/** The untagged CAPABILITY reply: the configured words, then the mechanisms, in nginx's order. */
export function capabilityReply(config: Pick<ImapConfig, "capabilities" | "auth">): Octets {
  const mechanisms = MECHANISMS.filter(({ auth }) => config.auth.includes(auth)).map(({ word }) => word);
  return `* CAPABILITY ${[...config.capabilities, ...mechanisms].join(" ")}\r\n`;
}

const MECHANISMS = [
  { auth: "plain", word: "AUTH=PLAIN" },
  { auth: "login", word: "AUTH=LOGIN" },
  { auth: "cram-md5", word: "AUTH=CRAM-MD5" },
  { auth: "external", word: "AUTH=EXTERNAL" },
  { auth: "xoauth2", word: "AUTH=XOAUTH2" },
  { auth: "oauthbearer", word: "AUTH=OAUTHBEARER" },
] as const;
