import type { StartTls } from "../../config/ssl_types.ts";
import type { SmtpConfig } from "../../config/types.ts";
import type { Octets } from "../../runtime.ts";
import type { ByTls } from "../../session/by_tls.ts";

/**
 * The reply to EHLO (RFC 5321, 4.1.1.1): the configured keywords, AUTH with its mechanisms, and STARTTLS where it is to
 * be had. With `starttls only` there is no AUTH in clear.
 */
export function ehloReply(
  serverName: Octets,
  config: Pick<SmtpConfig, "capabilities" | "auth">,
  startTls: StartTls,
): ByTls<Octets> {
  const mechanisms = MECHANISMS.filter(({ auth }) => config.auth.includes(auth)).map(({ word }) => word);
  const auth = mechanisms.length === 0 ? [] : [`AUTH ${mechanisms.join(" ")}`];
  const always = [serverName, ...config.capabilities];
  const inClear = startTls === "only" ? always : [...always, ...auth];
  return {
    clear: reply(startTls === "off" ? inClear : [...inClear, "STARTTLS"]),
    secure: reply([...always, ...auth]),
  };
}

function reply(lines: readonly Octets[]): Octets {
  return lines.map((line, i) => `250${i === lines.length - 1 ? " " : "-"}${line}\r\n`).join("");
}

const MECHANISMS = [
  { auth: "plain", word: "PLAIN" },
  { auth: "login", word: "LOGIN" },
  { auth: "cram-md5", word: "CRAM-MD5" },
  { auth: "external", word: "EXTERNAL" },
  { auth: "xoauth2", word: "XOAUTH2" },
  { auth: "oauthbearer", word: "OAUTHBEARER" },
  { auth: "scram-sha-1", word: "SCRAM-SHA-1" },
  { auth: "scram-sha-256", word: "SCRAM-SHA-256" },
] as const;
