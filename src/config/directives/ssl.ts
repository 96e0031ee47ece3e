/** TLS with clients. */

import type { Octets } from "../../runtime.ts";
import { readCommand } from "../conf_command.ts";
import type { ConfCommand } from "../conf_command.ts";
import { directive, MAIL_AND_SERVER, ONE } from "../directive.ts";
import type { Module } from "../directive.ts";
import { file, flag, listOf, number, oneOf, seconds, text } from "../kinds.ts";
import type { SessionCacheConfig, StartTls, VerifyClient } from "../ssl_types.ts";
import type { NamedFile } from "../types.ts";
import { passphrases, pems, versions } from "./_pem.ts";
import type { Pem, Version } from "./_pem.ts";
import { NO_CACHE, sessionCache } from "./_session_cache.ts";

export const starttls = directive<StartTls>({
  name: "starttls",
  contexts: MAIL_AND_SERVER,
  since: "0.3.13",
  kind: oneOf<StartTls>(["off", "on", "only"]),
  default: "off",
  written: "off",
  meaning: "Whether clients may, or must, switch to TLS before they log in",
});

export const sslCertificate = directive<readonly Pem[]>({
  name: "ssl_certificate",
  contexts: MAIL_AND_SERVER,
  kind: pems,
  default: [],
  meaning: "A certificate with its chain; several for several types of keys",
});

export const sslCertificateKey = directive<readonly Pem[]>({
  name: "ssl_certificate_key",
  contexts: MAIL_AND_SERVER,
  kind: pems,
  default: [],
  meaning: "The key of the certificate in the same position; `engine:` and `store:` are refused",
});

export const sslPasswordFile = directive<readonly Octets[]>({
  name: "ssl_password_file",
  contexts: MAIL_AND_SERVER,
  since: "1.7.3",
  kind: passphrases,
  default: [],
  meaning: "Passphrases of keys, one on each line",
});

export const sslProtocols = directive<readonly Version[]>({
  name: "ssl_protocols",
  contexts: MAIL_AND_SERVER,
  since: "0.2.2",
  kind: versions,
  default: ["TLSv1.2", "TLSv1.3"],
  written: "TLSv1.2 TLSv1.3",
  meaning: "The versions of TLS to speak",
});

export const sslCiphers = directive({
  name: "ssl_ciphers",
  contexts: MAIL_AND_SERVER,
  kind: text("list"),
  default: "HIGH:!aNULL:!MD5",
  written: "HIGH:!aNULL:!MD5",
  meaning: "The cipher suites to offer up to TLS 1.2",
});

export const sslPreferServerCiphers = directive({
  name: "ssl_prefer_server_ciphers",
  contexts: MAIL_AND_SERVER,
  kind: flag,
  default: false,
  written: "off",
  meaning: "Whether the server's order of cipher suites counts, not the client's",
});

export const sslSessionCache = directive<SessionCacheConfig>({
  name: "ssl_session_cache",
  contexts: MAIL_AND_SERVER,
  since: "0.5.6",
  kind: sessionCache,
  default: NO_CACHE,
  written: "none",
  meaning: "Where to keep sessions for clients that come back",
});

export const sslSessionTickets = directive({
  name: "ssl_session_tickets",
  contexts: MAIL_AND_SERVER,
  since: "1.5.9",
  kind: flag,
  default: true,
  written: "on",
  meaning: "Whether clients keep their sessions themselves",
});

export const sslSessionTicketKey = directive<readonly NamedFile[]>({
  name: "ssl_session_ticket_key",
  contexts: MAIL_AND_SERVER,
  since: "1.5.7",
  kind: listOf("file", (call) => [{ path: call.fullName(call.arg(0)), place: call.place }], ONE),
  default: [],
  meaning:
    "A key of 48 or 80 octets for tickets that several servers share; the first makes tickets, all are taken (Node, with " +
    "AES-128); without effect where clients are asked for certificates",
});

export const sslSessionTimeout = directive({
  name: "ssl_session_timeout",
  contexts: MAIL_AND_SERVER,
  kind: seconds,
  default: 300,
  written: "5m",
  meaning: "How long a client may come back to its session",
});

export const sslDhparam = directive({
  name: "ssl_dhparam",
  contexts: MAIL_AND_SERVER,
  since: "0.7.2",
  kind: file,
  default: "",
  meaning: "Parameters for Diffie-Hellman key exchange without curves",
});

export const sslEcdhCurve = directive({
  name: "ssl_ecdh_curve",
  contexts: MAIL_AND_SERVER,
  since: "1.1.0",
  kind: text("curve[:curve …]"),
  default: "auto",
  written: "auto",
  meaning: "Curves for key exchange",
});

export const sslVerifyClient = directive<VerifyClient>({
  name: "ssl_verify_client",
  contexts: MAIL_AND_SERVER,
  since: "1.7.11",
  kind: oneOf<VerifyClient>(["off", "on", "optional", "optional_no_ca"]),
  default: "off",
  written: "off",
  meaning: "Whether clients are asked for a certificate, and must have one",
});

export const sslVerifyDepth = directive({
  name: "ssl_verify_depth",
  contexts: MAIL_AND_SERVER,
  since: "1.7.11",
  kind: number,
  default: 1,
  written: "1",
  meaning: "How long a client's chain of certificates may be",
});

export const sslClientCertificate = directive({
  name: "ssl_client_certificate",
  contexts: MAIL_AND_SERVER,
  since: "1.7.11",
  kind: file,
  default: "",
  meaning: "Authorities that clients' certificates may come from, their names shown to clients",
});

export const sslTrustedCertificate = directive({
  name: "ssl_trusted_certificate",
  contexts: MAIL_AND_SERVER,
  since: "1.7.11",
  kind: file,
  default: "",
  meaning: "Authorities that clients' certificates may come from, besides those of `ssl_client_certificate`",
});

export const sslCrl = directive({
  name: "ssl_crl",
  contexts: MAIL_AND_SERVER,
  since: "1.7.11",
  kind: file,
  default: "",
  meaning: "Certificates of clients that were revoked",
});

export const sslConfCommand = directive<readonly ConfCommand[]>({
  name: "ssl_conf_command",
  contexts: MAIL_AND_SERVER,
  since: "1.19.4",
  kind: listOf("name value", (call) => [readCommand(call)], { least: 2, most: 2 }),
  default: [],
  meaning: "A command of OpenSSL's configuration, after all else",
});

export const sslCertificateCompression = directive({
  name: "ssl_certificate_compression",
  contexts: MAIL_AND_SERVER,
  since: "1.29.1",
  kind: flag,
  default: false,
  written: "off",
  meaning: "Whether certificates are sent compressed; no runtime can, and a warning says so",
});

/** Listed with the directives of the past. */
export const oldSsl = directive({
  name: "ssl",
  contexts: MAIL_AND_SERVER,
  kind: flag,
  default: false,
  written: "off",
  meaning: "The parameter `ssl` of every `listen`, before 1.25.1",
  today: 'use the "listen ... ssl" directive instead',
});

export const ssl: Module = {
  title: "TLS",
  about: "TLS with clients, from the first octet or after STARTTLS.",
  directives: [
    starttls,
    sslCertificate,
    sslCertificateKey,
    sslPasswordFile,
    sslProtocols,
    sslCiphers,
    sslPreferServerCiphers,
    sslSessionCache,
    sslSessionTickets,
    sslSessionTicketKey,
    sslSessionTimeout,
    sslDhparam,
    sslEcdhCurve,
    sslVerifyClient,
    sslVerifyDepth,
    sslClientCertificate,
    sslTrustedCertificate,
    sslCrl,
    sslConfCommand,
    sslCertificateCompression,
  ],
};
