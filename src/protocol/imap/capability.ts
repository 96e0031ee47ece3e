import type { StartTls } from "../../config/ssl_types.ts";
import type { ImapConfig } from "../../config/types.ts";
import type { Octets } from "../../runtime.ts";
import type { ByTls } from "../../session/by_tls.ts";

/**
 * The untagged CAPABILITY reply: the configured words, then the mechanisms, in nginx's order, then what Postern itself
 * does whatever server the client comes to: initial responses (RFC 4959).
 */
export function capabilityReply(
  config: Pick<ImapConfig, "capabilities" | "auth">,
  startTls: StartTls,
): ByTls<Octets> {
  const mechanisms = MECHANISMS.filter(({ auth }) => config.auth.includes(auth)).map(({ word }) => word);
  const own = config.capabilities.some((word) => word.toUpperCase() === "SASL-IR") ? [] : ["SASL-IR"];
  const line = (...words: readonly Octets[]) => `* CAPABILITY ${[...config.capabilities, ...words].join(" ")}\r\n`;
  return { clear: line(...inClear(startTls, mechanisms), ...own), secure: line(...mechanisms, ...own) };
}

/** A client that must not log in yet is told so (RFC 3501, 7.2.1), and how it may. */
function inClear(startTls: StartTls, mechanisms: readonly Octets[]): readonly Octets[] {
  switch (startTls) {
    case "off":
      return mechanisms;
    case "on":
      return [...mechanisms, "STARTTLS"];
    case "only":
      return ["STARTTLS", "LOGINDISABLED"];
  }
}

const MECHANISMS = [
  { auth: "plain", word: "AUTH=PLAIN" },
  { auth: "login", word: "AUTH=LOGIN" },
  { auth: "cram-md5", word: "AUTH=CRAM-MD5" },
  { auth: "external", word: "AUTH=EXTERNAL" },
  { auth: "xoauth2", word: "AUTH=XOAUTH2" },
  { auth: "oauthbearer", word: "AUTH=OAUTHBEARER" },
  { auth: "scram-sha-1", word: "AUTH=SCRAM-SHA-1" },
  { auth: "scram-sha-256", word: "AUTH=SCRAM-SHA-256" },
] as const;
