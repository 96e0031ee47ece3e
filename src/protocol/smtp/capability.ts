import type { SmtpConfig } from "../../config/types.ts";
import type { Octets } from "../../runtime.ts";

/** The reply to EHLO (RFC 5321, 4.1.1.1): the configured keywords, then AUTH with its mechanisms. */
export function ehloReply(serverName: Octets, config: Pick<SmtpConfig, "capabilities" | "auth">): Octets {
  const mechanisms = MECHANISMS.filter(({ auth }) => config.auth.includes(auth)).map(({ word }) => word);
  const auth = mechanisms.length === 0 ? [] : [`AUTH ${mechanisms.join(" ")}`];
  const lines = [serverName, ...config.capabilities, ...auth];
  return lines.map((line, i) => `250${i === lines.length - 1 ? " " : "-"}${line}\r\n`).join("");
}

const MECHANISMS = [
  { auth: "plain", word: "PLAIN" },
  { auth: "login", word: "LOGIN" },
  { auth: "cram-md5", word: "CRAM-MD5" },
  { auth: "external", word: "EXTERNAL" },
  { auth: "xoauth2", word: "XOAUTH2" },
  { auth: "oauthbearer", word: "OAUTHBEARER" },
] as const;
