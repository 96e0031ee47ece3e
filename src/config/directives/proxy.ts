/** How sessions are handed to back ends. */

import type { Millis } from "../../runtime.ts";
import { accepted, directive, MAIL_AND_SERVER } from "../directive.ts";
import type { Module } from "../directive.ts";
import { nextUpstreamDirectives } from "./next_upstream.ts";
import { proxyBind } from "./proxy_bind.ts";
import { proxyPass } from "./proxy_pass.ts";
import { flag, millis, oneOf, size } from "../kinds.ts";

const proxy = directive({
  name: "proxy",
  contexts: MAIL_AND_SERVER,
  kind: flag,
  default: undefined,
  written: "off",
  meaning: "Nothing: nginx reads it and never looks at it",
  state: accepted("sessions are always handed on, as in nginx"),
  today: "leave it out: sessions are always handed on",
});

export const proxyBuffer = directive({
  name: "proxy_buffer",
  contexts: MAIL_AND_SERVER,
  kind: size,
  default: 4096,
  written: "4k",
  meaning: "The longest reply of a back end during its login",
});

export const proxyConnectTimeout = directive<Millis, undefined>({
  name: "proxy_connect_timeout",
  contexts: MAIL_AND_SERVER,
  since: "stream 1.9.0",
  kind: millis,
  default: undefined,
  meaning:
    "How long a back end may take to be connected to, TLS from the first octet included, and to greet. Without it that is " +
    "`timeout`, which the whole login to a back end has, and 10s as long as there is another server of the group to try",
});

export const proxyTimeout = directive({
  name: "proxy_timeout",
  contexts: MAIL_AND_SERVER,
  since: "0.1.44",
  kind: millis,
  default: 24 * 60 * 60 * 1000,
  written: "24h",
  meaning: "How long a session that is logged in may be silent",
});

export const proxyPassErrorMessage = directive({
  name: "proxy_pass_error_message",
  contexts: MAIL_AND_SERVER,
  since: "0.4.14",
  kind: flag,
  default: false,
  written: "off",
  meaning: "Whether the client gets the words in which a back end refused the login",
});

export const xclient = directive({
  name: "xclient",
  contexts: MAIL_AND_SERVER,
  since: "0.5.15",
  kind: flag,
  default: true,
  written: "on",
  meaning:
    "Whether SMTP back ends are told about the client with XCLIENT. One at a unix socket without an address of its own is " +
    "`unix:`, as in nginx, and Postfix refuses that and the login with it: `xclient off` serves there",
});

export const proxySmtpAuth = directive({
  name: "proxy_smtp_auth",
  contexts: MAIL_AND_SERVER,
  since: "1.19.4",
  kind: flag,
  default: false,
  written: "off",
  meaning: "Whether to log in to SMTP back ends with AUTH PLAIN",
});

export const proxyProtocol = directive<"off" | "on" | "v2">({
  name: "proxy_protocol",
  contexts: MAIL_AND_SERVER,
  since: "1.19.8, `v2` 1.31.4",
  kind: oneOf(["off", "on", "v2"]),
  default: "off",
  written: "off",
  meaning:
    "Whether back ends get a PROXY header with the client's address first; `on` is version 1. In version 2 it tells of " +
    "clients over TLS, after STARTTLS too, the name they asked for (SNI), the protocol (ALPN), version, cipher suite and " +
    "certificate, so that Dovecot with `haproxy = yes` takes their passwords where it wants TLS. A client without an " +
    "address, such as one at a unix socket, is `UNKNOWN` in version 1, which Postfix refuses, and LOCAL in version 2, " +
    "which it takes",
});

export const proxyClientId = directive({
  name: "proxy_client_id",
  contexts: MAIL_AND_SERVER,
  kind: flag,
  default: false,
  written: "off",
  meaning:
    "Whether IMAP and POP3 back ends are told where the client comes from, as Dovecot's proxies do it: by `ID` where a " +
    "server has that, by `XCLIENT` where its greeting offers it. The server has to trust this proxy " +
    "(`login_trusted_networks`). SMTP back ends: see `xclient`",
});

export const proxyModule: Module = {
  title: "Proxy",
  about: "What happens between Postern and back ends.",
  directives: [
    proxy,
    proxyPass,
    proxyBind,
    ...nextUpstreamDirectives,
    proxyBuffer,
    proxyConnectTimeout,
    proxyTimeout,
    proxyPassErrorMessage,
    xclient,
    proxyClientId,
    proxySmtpAuth,
    proxyProtocol,
  ],
};
