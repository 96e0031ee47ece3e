/**
 * One line of a users file: `user:password:[upstream][:options]`.
 *
 * @module
 */

import { type Network, parseNetwork } from "../config/cidr.ts";
import { PROTOCOLS } from "../config/protocols.ts";
import type { Protocol } from "../config/types.ts";
import type { Octets } from "../runtime.ts";
import { fromBase64 } from "../session/base64.ts";
import { Secret } from "../session/secret.ts";
import { decimal } from "./address.ts";
import { parsePassword, type StoredPassword } from "./_users_password.ts";

/** What one line says. */
export interface UserLine {
  readonly user: Octets;
  readonly password: StoredPassword;
  /** Where the mail is, as written; `undefined` for the server's `proxy_pass`. */
  readonly upstream: Octets | undefined;
  /** Whether the line lets nobody in. */
  readonly noLogin: boolean;
  /** Where a client must come from; empty for anywhere. */
  readonly allowNets: readonly Network[];
  readonly protocols: readonly Protocol[];
  /** The name at the upstream, where it is another. */
  readonly destUser: Octets | undefined;
  /** The password at the upstream, where it is another. */
  readonly pass: Secret | undefined;
  /** The certificate that EXTERNAL is allowed with: its SHA-1 fingerprint in lower-case hexadecimal digits. */
  readonly certificate: Octets | undefined;
}

/** Reads a line that is neither empty nor a comment. What is wrong with it is a text that shows nothing secret. */
export function parseUserLine(line: Octets): UserLine | string {
  if (hasControl(line)) return "control character";
  const [user = "", password = ""] = line.split(":", 2);
  if (user === "") return "no user";
  const stored = parsePassword(password);
  if (typeof stored === "string") return stored;
  const { upstream, options } = splitPlace(line.slice(user.length + password.length + 2));
  const settings = parseOptions(options);
  if (typeof settings === "string") return settings;
  return { user, password: stored, upstream: upstream === "" ? undefined : upstream, ...settings };
}

type Settings = Omit<UserLine, "user" | "password" | "upstream">;

/** An address has colons of its own: those in brackets, one after `unix`, and one before a port. */
function splitPlace(text: Octets): { readonly upstream: Octets; readonly options: Octets } {
  const from = text.startsWith("unix:") ? "unix:".length : text.startsWith("[") ? text.indexOf("]") + 1 : 0;
  const colon = text.indexOf(":", from);
  if (colon === -1) return { upstream: text, options: "" };
  const next = text.indexOf(":", colon + 1);
  const port = text.slice(colon + 1, next === -1 ? text.length : next);
  if (decimal(port) === undefined) return { upstream: text.slice(0, colon), options: text.slice(colon + 1) };
  return next === -1
    ? { upstream: text, options: "" }
    : { upstream: text.slice(0, next), options: text.slice(next + 1) };
}

function parseOptions(text: Octets): Settings | string {
  const settings: Writable<Settings> = {
    noLogin: false,
    allowNets: [],
    protocols: PROTOCOLS,
    destUser: undefined,
    pass: undefined,
    certificate: undefined,
  };
  // A word that is no option may be part of a password with a blank in it, so its place is named in its stead.
  for (const [i, word] of text.split(" ").filter((part) => part !== "").entries()) {
    const problem = setOption(settings, word);
    if (problem !== undefined) return `${problem} (option ${i + 1})`;
  }
  return settings;
}

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

/** What is wrong with it, if anything is. */
function setOption(settings: Writable<Settings>, word: Octets): string | undefined {
  const equals = word.indexOf("=");
  const name = equals === -1 ? word : word.slice(0, equals);
  const value = equals === -1 ? undefined : word.slice(equals + 1);
  if (name === "nologin" && value === undefined) {
    settings.noLogin = true;
    return undefined;
  }
  switch (value === undefined || value === "" ? undefined : name) {
    case "allow_nets":
      return setNetworks(settings, value ?? "");
    case "protocols":
      return setProtocols(settings, value ?? "");
    case "destuser":
      settings.destUser = value;
      return undefined;
    case "pass":
      settings.pass = new Secret(value ?? "");
      return undefined;
    case "pass.b64":
      return setEncodedPass(settings, value ?? "");
    case "cert":
      return setCertificate(settings, value ?? "");
    default:
      return OPTIONS.includes(name) ? `"${name}" without a value` : "unknown option";
  }
}

function setNetworks(settings: Writable<Settings>, value: Octets): string | undefined {
  const networks = value.split(",").map((text) => parseNetwork(text)?.network);
  if (!networks.every((network) => network !== undefined)) return 'invalid network in "allow_nets"';
  settings.allowNets = networks;
  return undefined;
}

function setProtocols(settings: Writable<Settings>, value: Octets): string | undefined {
  const names = value.split(",");
  if (!names.every((name) => PROTOCOLS.some((protocol) => protocol === name))) return 'unknown protocol in "protocols"';
  settings.protocols = PROTOCOLS.filter((protocol) => names.includes(protocol));
  return undefined;
}

function setEncodedPass(settings: Writable<Settings>, value: Octets): string | undefined {
  const pass = fromBase64(value);
  if (pass === undefined || pass === "" || hasControl(pass)) return 'invalid value of "pass.b64"';
  settings.pass = new Secret(pass);
  return undefined;
}

function setCertificate(settings: Writable<Settings>, value: Octets): string | undefined {
  const fingerprint = value.replaceAll(":", "").toLowerCase();
  if (!/^[0-9a-f]{40}$/.test(fingerprint)) return 'no SHA-1 fingerprint in "cert"';
  settings.certificate = fingerprint;
  return undefined;
}

function hasControl(text: Octets): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) < 0x20 || text.charCodeAt(i) === 0x7f) return true;
  return false;
}

const OPTIONS: readonly Octets[] = ["allow_nets", "protocols", "destuser", "pass", "pass.b64", "cert"];
