/**
 * What nginx's stream and http modules have for TLS and its mail module has not, in a configuration that was carried over
 * from them: accepted where nothing is lost, refused with the reason where something would be.
 */

import { accepted, directive, MAIL_AND_SERVER, ONE, refused, SOME } from "../directive.ts";
import type { Count, Directive, Module, State } from "../directive.ts";
import { anything } from "../kinds.ts";
import type { Octets } from "../../runtime.ts";

interface Elsewhere {
  readonly syntax: string;
  readonly meaning: string;
  readonly since: string;
  readonly state: State;
  readonly count?: Count;
}

function elsewhere(
  name: string,
  { syntax, meaning, since, state, count = ONE }: Elsewhere,
): Directive<readonly Octets[]> {
  return directive({
    name,
    contexts: MAIL_AND_SERVER,
    since,
    kind: anything(syntax, count),
    default: [],
    meaning,
    state,
  });
}

const caches = ["ssl_certificate_cache", "proxy_ssl_certificate_cache"].map((name) =>
  elsewhere(name, {
    syntax: "off | max=N [inactive=time] [valid=time]",
    meaning: "How many certificates to keep",
    since: "stream 1.27.4",
    state: accepted("all of them are kept, and read again when they have changed"),
    count: SOME,
  })
);

const stapling = ["ssl_stapling", "ssl_stapling_verify", "ssl_stapling_file", "ssl_stapling_responder"].map((name) =>
  elsewhere(name, {
    syntax: name.endsWith("file") ? "file" : name.endsWith("responder") ? "url" : "on | off",
    meaning: "Whether, and with what, answers about our certificate's revocation are shown with it",
    since: "stream 1.27.2",
    state: refused("two of the three runtimes cannot, and a certificate that demands it would fail"),
  })
);

const ocsp = ["ssl_ocsp", "ssl_ocsp_cache", "ssl_ocsp_responder"].map((name) =>
  elsewhere(name, {
    syntax: name.endsWith("ocsp") ? "on | off | leaf" : name.endsWith("cache") ? "off | shared:name:size" : "url",
    meaning: "Whether, and where, it is asked if clients' certificates were revoked",
    since: "stream 1.27.2",
    state: refused('nobody is asked: "ssl_crl" takes lists, which are read again when they have changed'),
  })
);

const keyLogs = ["ssl_key_log", "proxy_ssl_key_log"].map((name) =>
  elsewhere(name, {
    syntax: "path",
    meaning: "Where to write down the keys of sessions",
    since: "stream 1.27.2",
    state: refused("whoever has the keys can read the passwords"),
  })
);

export const sslElsewhere: Module = {
  title: "TLS in nginx's other modules",
  about: "A configuration may have been carried over from a `stream {}` or `http {}`, or be shared with one.",
  directives: [
    ...caches,
    elsewhere("ssl_buffer_size", {
      syntax: "size",
      meaning: "How much to send in one record",
      since: "http 1.5.9",
      state: accepted("the TLS library decides"),
    }),
    elsewhere("ssl_handshake_timeout", {
      syntax: "time",
      meaning: "How long a handshake with a client may take",
      since: "stream 1.9.0",
      state: refused('a handshake has the time of the whole login, which is "timeout"'),
    }),
    elsewhere("ssl_reject_handshake", {
      syntax: "on | off",
      meaning: "Whether handshakes for other names are refused",
      since: "stream 1.25.5",
      state: refused("a client that asks for nobody's name gets the first server block of the address"),
    }),
    elsewhere("ssl_alpn", {
      syntax: "protocol …",
      meaning: "The application protocols to speak",
      since: "stream 1.21.4",
      state: refused('it is always that of "protocol": a client that offers others only is refused'),
      count: SOME,
    }),
    elsewhere("proxy_ssl_alpn", {
      syntax: "protocol …",
      meaning: "The application protocols to offer to back ends",
      since: "stream 1.31.0",
      state: refused("none are offered"),
      count: SOME,
    }),
    elsewhere("ssl_early_data", {
      syntax: "on | off",
      meaning: "Whether commands may come with the first message",
      since: "http 1.15.3",
      state: refused("whoever records such a message can send it again"),
    }),
    elsewhere("ssl_ech_file", {
      syntax: "file",
      meaning: "Keys to hide the name that a client asks for",
      since: "stream 1.29.4",
      state: refused("no runtime has Encrypted Client Hello for servers"),
    }),
    ...stapling,
    ...ocsp,
    ...keyLogs,
  ],
};
