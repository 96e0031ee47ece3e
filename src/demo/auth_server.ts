/**
 * The auth server of the demo: the HTTP protocol of `auth_http`, as an operator's own script would speak it.
 *
 * @module
 */

import type { Protocol } from "../config/types.ts";
import type { Octets } from "../runtime.ts";
import { encode } from "../session/bytes.ts";
import { type Conversation, Incoming } from "./conversation.ts";
import type { MailStore } from "./mailbox.ts";

/** What the auth server is told. */
export interface AuthServerOptions {
  readonly store: MailStore;
  /** The ports on 127.0.0.1 where the mail servers are. */
  readonly ports: Readonly<Record<Protocol, number>>;
}

/** One connection of the auth server; it takes one request after the other. */
export class AuthServer implements Conversation {
  readonly #options: AuthServerOptions;
  readonly #incoming = new Incoming();
  /** The request line and the header fields so far. */
  #request = "";
  #headers = new Map<Octets, Octets>();
  #size = 0;
  #isOver = false;

  constructor(options: AuthServerOptions) {
    this.#options = options;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  receive(bytes: Uint8Array): void {
    this.#incoming.push(bytes);
  }

  next(): Uint8Array | undefined {
    while (!this.#isOver) {
      const line = this.#incoming.line(HEAD_LIMIT);
      if (line === undefined) return undefined;
      this.#size += line === "tooLong" ? HEAD_LIMIT : line.text.length + 2;
      if (line === "tooLong" || this.#size > HEAD_LIMIT) {
        return this.#respond("431 Request Header Fields Too Large", []);
      }
      if (line.text === "" && this.#request !== "") return this.#answer();
      if (this.#request === "") this.#request = line.text;
      else this.#addHeader(line.text);
    }
    return undefined;
  }

  #addHeader(line: Octets): void {
    const colon = line.indexOf(":");
    this.#headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }

  #answer(): Uint8Array {
    const [method, path] = this.#request.split(" ");
    if (method !== "GET") return this.#respond("405 Method Not Allowed", ["Allow: GET"]);
    if (path !== AUTH_PATH) return this.#respond("404 Not Found", []);
    return this.#respond("200 OK", this.#verdict());
  }

  #verdict(): readonly Octets[] {
    const login = unescape(this.#headers.get("auth-user") ?? "");
    const password = unescape(this.#headers.get("auth-pass") ?? "");
    const port = portFor(this.#options.ports, this.#headers.get("auth-protocol"));
    if (
      this.#headers.get("auth-method") === "plain" && this.#options.store.login(login, password) && port !== undefined
    ) {
      return ["Auth-Status: OK", "Auth-Server: 127.0.0.1", `Auth-Port: ${port}`];
    }
    // Without Auth-Wait the proxy closes the connection, and its line in the demo says why.
    return ["Auth-Status: Invalid login or password"];
  }

  #respond(status: Octets, headers: readonly Octets[]): Uint8Array {
    const wish = (this.#headers.get("connection") ?? "").toLowerCase();
    const isPersistent = this.#request.endsWith(" HTTP/1.1") ? wish !== "close" : wish === "keep-alive";
    // A body would be taken for the next request.
    const isLast = !status.startsWith("200") || !isPersistent || this.#headers.has("content-length") ||
      this.#headers.has("transfer-encoding");
    this.#isOver = isLast;
    this.#request = "";
    this.#headers = new Map();
    this.#size = 0;
    const connection = `Connection: ${isLast ? "close" : "keep-alive"}`;
    return encode([`HTTP/1.1 ${status}`, "Content-Length: 0", connection, ...headers, "", ""].join("\r\n"));
  }
}

/** Where the demo's configuration sends the proxy to ask. */
export const AUTH_PATH = "/auth";

function portFor(ports: Readonly<Record<Protocol, number>>, protocol: Octets | undefined): number | undefined {
  return protocol === "imap" || protocol === "pop3" || protocol === "smtp" ? ports[protocol] : undefined;
}

/** Undoes `%20`: blanks, controls and `%` come escaped in Auth-User and Auth-Pass. */
function unescape(text: Octets): Octets {
  let octets = "";
  for (let i = 0; i < text.length; i++) {
    const code = text[i] === "%" ? Number.parseInt(text.slice(i + 1, i + 3), 16) : Number.NaN;
    octets += Number.isNaN(code) ? text.charAt(i) : String.fromCharCode(code);
    if (!Number.isNaN(code)) i += 2;
  }
  return octets;
}

const HEAD_LIMIT = 16 * 1024;
