/** TLS with clients. */

import { directive, MAIL_AND_SERVER, partly, SOME } from "../directive.ts";
import type { Module } from "../directive.ts";
import { oneOf } from "../kinds.ts";
import { planned } from "./_planned.ts";

const starttls = directive({
  name: "starttls",
  contexts: MAIL_AND_SERVER,
  since: "0.3.13",
  kind: oneOf(["off", "on", "only"]),
  default: "off",
  written: "off",
  meaning: "Whether clients may, or must, switch to TLS before they log in",
  state: partly("off", (value) => value === "off"),
});

export const ssl: Module = {
  title: "TLS",
  about: "TLS with clients, from the first octet or after STARTTLS.",
  directives: [
    starttls,
    planned("ssl_certificate", {
      syntax: "file | data:PEM",
      meaning: "A certificate with its chain; several for several types of keys",
    }),
    planned("ssl_certificate_key", {
      syntax: "file | data:PEM",
      meaning: "The key of the certificate in the same position",
    }),
    planned("ssl_password_file", {
      syntax: "file",
      since: "1.7.3",
      meaning: "Passphrases of keys, one on each line",
    }),
    planned("ssl_protocols", {
      syntax: "SSLv2 | SSLv3 | TLSv1 | TLSv1.1 | TLSv1.2 | TLSv1.3 …",
      count: SOME,
      since: "0.2.2",
      written: "TLSv1.2 TLSv1.3",
      meaning: "The versions of TLS to speak",
    }),
    planned("ssl_ciphers", {
      syntax: "list",
      written: "HIGH:!aNULL:!MD5",
      meaning: "The cipher suites to offer up to TLS 1.2",
    }),
    planned("ssl_prefer_server_ciphers", {
      syntax: "on | off",
      written: "off",
      meaning: "Whether the server's order of cipher suites counts, not the client's",
    }),
    planned("ssl_session_cache", {
      syntax: "off | none | [builtin[:number]] [shared:name:size]",
      count: { least: 1, most: 2 },
      since: "0.5.6",
      written: "none",
      meaning: "Where to keep sessions for clients that come back",
    }),
    planned("ssl_session_tickets", {
      syntax: "on | off",
      since: "1.5.9",
      written: "on",
      meaning: "Whether clients keep their sessions themselves",
    }),
    planned("ssl_session_ticket_key", {
      syntax: "file",
      since: "1.5.7",
      meaning: "A key for tickets that several servers share; the first encrypts",
    }),
    planned("ssl_session_timeout", {
      syntax: "time",
      written: "5m",
      meaning: "How long a client may come back to its session",
    }),
    planned("ssl_dhparam", {
      syntax: "file",
      since: "0.7.2",
      meaning: "Parameters for Diffie-Hellman key exchange without curves",
    }),
    planned("ssl_ecdh_curve", {
      syntax: "curve[:curve …]",
      since: "1.1.0",
      written: "auto",
      meaning: "Curves for key exchange",
    }),
    planned("ssl_verify_client", {
      syntax: "off | on | optional | optional_no_ca",
      since: "1.7.11",
      written: "off",
      meaning: "Whether clients are asked for a certificate, and must have one",
    }),
    planned("ssl_verify_depth", {
      syntax: "number",
      since: "1.7.11",
      written: "1",
      meaning: "How long a client's chain of certificates may be",
    }),
    planned("ssl_client_certificate", {
      syntax: "file",
      since: "1.7.11",
      meaning: "Authorities that clients' certificates may come from, their names shown to clients",
    }),
    planned("ssl_trusted_certificate", {
      syntax: "file",
      since: "1.7.11",
      meaning: "Authorities that clients' certificates may come from, their names not shown",
    }),
    planned("ssl_crl", {
      syntax: "file",
      since: "1.7.11",
      meaning: "Certificates of clients that were revoked",
    }),
    planned("ssl_conf_command", {
      syntax: "name value",
      count: { least: 2, most: 2 },
      since: "1.19.4",
      meaning: "A command to OpenSSL's configuration, after all else",
    }),
    planned("ssl_certificate_compression", {
      syntax: "on | off",
      since: "1.29.1",
      written: "off",
      meaning: "Whether certificates are sent compressed",
    }),
  ],
};
