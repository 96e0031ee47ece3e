/**
 * What a response of an `auth_http` server means. This file knows nginx's `Auth-*` fields and our differences from
 * nginx: a response that does not say `Auth-Status` lets nobody in, whatever its code, and neither does a 5xx.
 *
 * @module
 */

import type { Millis, Octets } from "../runtime.ts";
import type { UpstreamTls } from "../session/by_tls.ts";
import { fromBase64 } from "../session/base64.ts";
import { Secret } from "../session/secret.ts";
import type { FieldName } from "./_http_field.ts";
import type { ResponseHead } from "./_http_response.ts";
import { type Route, SingleRoute } from "../upstream/mod.ts";
import { decimal, parsePath, parsePort, parseServer } from "./address.ts";
import type { Accepted, Credentials, Note, Refused, Unavailable, Verdict } from "./mod.ts";
import type { RouteFor } from "./pass_through.ts";

/** The same question is to be asked again, after `delay`. */
export interface Wait {
  readonly type: "wait";
  readonly delay: Millis;
}

/** What a client hears whose refusal came without words: an empty text is no reply in IMAP (RFC 3501, 9: `text`). */
export const NO_WORDS = "Authentication failed";

/** The shortest delay of a WAIT: nginx asks again at once when it says 0, in a tight loop. */
export const MIN_WAIT: Millis = 1000;

/** The longest delay that a timer of all three runtimes keeps, 24 days in whole seconds. */
export const MAX_WAIT: Millis = 2_147_483_000;

/** Where logins can go beside the address that an answer gives. */
export interface Whereabouts {
  /** The `upstream` group of that name. */
  group(name: Octets): Route | undefined;
  /** For an answer that names no server: `proxy_pass`. */
  readonly routeFor: RouteFor | undefined;
  /** `proxy_ssl`: an answer may ask for TLS where there would be none, but not for less than this. */
  readonly upstreamTls: UpstreamTls;
}

/** What an answer is read with. */
export interface Reading {
  /** The sender, for the log. */
  readonly server: Octets;
  readonly note: Note;
  readonly whereabouts: Whereabouts;
}

/** Reads the answer to `credentials`. What is wrong with it goes to the log as a whole line. */
export function interpret(head: ResponseHead, credentials: Credentials, log: Reading): Verdict | Wait {
  const complain = (text: Octets): Unavailable => {
    log.note("error", `auth http server ${log.server} ${text}`);
    return { type: "unavailable" };
  };
  const { status } = head;
  if (status >= 500) return complain(`sent status ${status}`);
  const fields = gather(head);
  if (fields.status === undefined) return complain(status >= 300 ? `sent status ${status}` : "did not send status");
  if (fields.status !== OK && fields.status !== WAIT) return refused(fields, fields.status, { credentials, complain });
  if (fields.status === WAIT) return { type: "wait", delay: Math.max(fields.wait, MIN_WAIT) };
  const route = routeOf(fields, { credentials, log, complain });
  if ("type" in route) return route;
  const tls = tlsOf(fields, { upstreamTls: log.whereabouts.upstreamTls, complain });
  if (typeof tls === "object") return tls;
  const verdict = accepted(fields, tls === undefined ? { route } : { route, tls }, { credentials, complain });
  if (verdict.type !== "accepted" || (fields.mayBeKept && !namesNothing(fields))) return verdict;
  return { ...verdict, isRouteOurs: namesNothing(fields), mayBeKept: fields.mayBeKept };
}

/** The text with every control character made a blank, so that it is one line wherever it is shown. */
export function printable(text: Octets): Octets {
  let clean = "";
  let copied = 0;
  for (let i = 0; i < text.length; i++) {
    const octet = text.charCodeAt(i) & 0xff;
    if (octet >= 0x20 && octet !== 0x7f) continue;
    clean += `${text.slice(copied, i)} `;
    copied = i + 1;
  }
  return copied === 0 ? text : clean + text.slice(copied);
}

type Complain = (text: Octets) => Unavailable;

/** The fields of one response, each with the value that counts. */
interface Fields {
  status: Octets | undefined;
  server: Octets;
  port: Octets;
  tls: Octets | undefined;
  login: Octets | undefined;
  pass: Octets | undefined;
  wait: Millis;
  errorCode: Octets | undefined;
  saslError: Octets | undefined;
  mayBeKept: boolean;
}

/** A field that is repeated counts as it came last, but an error text stands over WAIT and WAIT over OK. */
function gather(head: ResponseHead): Fields {
  const fields: Fields = {
    status: undefined,
    server: "",
    port: "",
    tls: undefined,
    login: undefined,
    pass: undefined,
    wait: 0,
    errorCode: undefined,
    saslError: undefined,
    mayBeKept: true,
  };
  for (const { name, value } of head.fields) take(fields, name, value);
  return fields;
}

function take(fields: Fields, name: FieldName, value: Octets): void {
  switch (name) {
    case "auth-status":
      if (weight(value) >= weight(fields.status)) fields.status = value;
      break;
    case "auth-server":
      fields.server = value;
      break;
    case "auth-port":
      fields.port = value;
      break;
    case "auth-server-ssl":
      fields.tls = value;
      break;
    case "auth-user":
      fields.login = value;
      break;
    case "auth-pass":
      fields.pass = value;
      break;
    case "auth-wait":
      fields.wait = Math.min((decimal(value) ?? fields.wait / 1000) * 1000, MAX_WAIT);
      break;
    case "auth-error-code":
      fields.errorCode = value;
      break;
    case "auth-error-sasl":
      fields.saslError = value;
      break;
    case "cache-control":
      if (NO_STORE.test(value)) fields.mayBeKept = false;
      break;
  }
}

function weight(status: Octets | undefined): number {
  if (status === undefined) return 0;
  if (status === OK) return 1;
  return status === WAIT ? 2 : 3;
}

function accepted(
  fields: Fields,
  way: Pick<Accepted, "route" | "tls">,
  { credentials, complain }: { readonly credentials: Credentials; readonly complain: Complain },
): Accepted | Unavailable {
  const { login = credentials.login, pass } = fields;
  const secret = pass === undefined ? ownSecret(credentials) : new Secret(pass);
  if (secret === undefined && credentials.protocol !== "smtp") return complain("did not send password");
  const { route, tls } = way;
  return tls === undefined
    ? { type: "accepted", route, login, secret }
    : { type: "accepted", route, tls, login, secret };
}

interface Way {
  readonly credentials: Credentials;
  readonly log: Reading;
  readonly complain: Complain;
}

/**
 * Where the answer sends the client: an address or a name with a port, or, which nginx has not, `unix:PATH` or the name
 * of a group alone. One that names nothing leaves it to `proxy_pass`.
 */
function routeOf({ server, port }: Fields, { credentials, log, complain }: Way): Route | Unavailable {
  const { group, routeFor } = log.whereabouts;
  if (namesNothing({ server, port }) && routeFor !== undefined) {
    return routeFor(credentials, log.note) ?? { type: "unavailable" };
  }
  const named = port === "" ? group(server) : undefined;
  if (named !== undefined) return named;
  const path = parsePath(server);
  if (path !== undefined) return new SingleRoute({ target: { path }, text: server });
  if (server === "" || port === "") return complain("did not send server or port");
  const host = parseServer(server);
  if (host === undefined) return complain(`sent invalid server address:"${printable(server)}"`);
  const number = parsePort(port);
  if (number === undefined) return complain(`sent invalid server port:"${printable(port)}"`);
  return new SingleRoute({ target: { host, port: number }, text: `${server}:${port}` });
}

function namesNothing({ server, port }: Pick<Fields, "server" | "port">): boolean {
  return server === "" && port === "";
}

/** How TLS is to be spoken, if the answer says so. Whoever can change an answer must not get a password in clear by it. */
function tlsOf(
  { tls }: Fields,
  { upstreamTls, complain }: { readonly upstreamTls: UpstreamTls; readonly complain: Complain },
): UpstreamTls | undefined | Unavailable {
  if (tls === undefined) return undefined;
  if (tls !== "on" && tls !== "starttls" && tls !== "off") {
    return complain(`sent invalid "Auth-Server-SSL": "${printable(tls)}"`);
  }
  if (tls !== "off" || upstreamTls === "off") return tls;
  return complain(`sent "Auth-Server-SSL: off", which is less than "proxy_ssl ${upstreamTls}"`);
}

/** What the client sent, where it is worth something to an upstream: a digest is not, and EXTERNAL sends nothing. */
function ownSecret({ method, secret }: Credentials): Secret | undefined {
  return method === "plain" || method === "xoauth2" || method === "oauthbearer" ? secret : undefined;
}

/** An empty status is a refusal without words; to nginx it is a success in SMTP, which lets everybody in. */
function refused(
  fields: Fields,
  status: Octets,
  { credentials, complain }: { readonly credentials: Credentials; readonly complain: Complain },
): Refused {
  const text = printable(status).trim();
  let smtpCode: Octets | undefined;
  if (credentials.protocol === "smtp" && fields.errorCode !== undefined) {
    if (isRefusalCode(fields.errorCode)) smtpCode = fields.errorCode;
    else complain(`sent invalid error code:"${printable(fields.errorCode)}"`);
  }
  const { wait, saslError } = fields;
  if (saslError !== undefined && fromBase64(saslError) === undefined) {
    complain("sent invalid SASL error");
    return { type: "refused", text: text === "" ? NO_WORDS : text, wait, smtpCode, saslError: undefined };
  }
  return { type: "refused", text: text === "" ? NO_WORDS : text, wait, smtpCode, saslError };
}

/**
 * Whether an SMTP refusal may begin so: `NNN` or `NNN N.N.N` (RFC 3463, 2), 4xx or 5xx. Any other reply code would
 * tell the client that it is logged in, or that more is wanted of it.
 */
function isRefusalCode(code: Octets): boolean {
  const first = code.charAt(0);
  if ((first !== "4" && first !== "5") || !isNumber(code.slice(0, 3), 3)) return false;
  if (code.length === 3) return true;
  const parts = code.slice(4).split(".");
  const [statusClass = ""] = parts;
  return code.charAt(3) === " " && parts.length === 3 && statusClass.length === 1 &&
    parts.every((part) => part.length <= 3 && isNumber(part, part.length));
}

function isNumber(text: Octets, length: number): boolean {
  return text.length === length && decimal(text) !== undefined;
}

const OK = "OK";
const WAIT = "WAIT";

/** RFC 9111, 5.2.2.5. Weaker words are what frameworks say of every page. */
const NO_STORE = /(?:^|[,\s])no-store(?:$|[,\s])/i;
