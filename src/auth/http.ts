/**
 * `auth_http`: a server of the operator's says who may log in and where their mail lives. The protocol is nginx's;
 * ours goes over HTTP/1.1 with kept-alive connections, and over one connection for each request where the server
 * closes them, or is asked to by `auth_http_header Connection close`.
 *
 * @module
 */

import type { AuthHttpConfig } from "../config/types.ts";
import type { Cancel, Octets } from "../runtime.ts";
import { interpret, type Whereabouts } from "./_http_answer.ts";
import { type AuthRuntime, Exchange, type ExchangeOwner, type ServerLink } from "./_http_exchange.ts";
import { Pool } from "./_http_pool.ts";
import { askToClose, RequestWriter } from "./_http_request.ts";
import type { ResponseHead } from "./_http_response.ts";
import type { Authenticator, Credentials, Note, Verdict } from "./mod.ts";

export type { AuthRuntime };

/** Asks one `auth_http` server. */
export class HttpAuthenticator implements Authenticator {
  readonly #link: ServerLink;
  readonly #writer: RequestWriter;
  readonly #whereabouts: Whereabouts;

  constructor(config: AuthHttpConfig, runtime: AuthRuntime, whereabouts: Whereabouts = NOWHERE_ELSE) {
    this.#whereabouts = whereabouts;
    this.#link = { config, runtime, pool: new Pool(runtime) };
    if (askToClose(config.headers)) this.#link.pool.close();
    this.#writer = new RequestWriter(config);
  }

  authenticate(credentials: Credentials, note: Note, done: (verdict: Verdict) => void): Cancel {
    const request = this.#writer.write(credentials);
    const attempt = new Attempt(this.#link, request, { credentials, note, done, whereabouts: this.#whereabouts });
    attempt.ask();
    return () => attempt.cancel();
  }

  /** Closes the connections that rest. Later logins work still, each with a connection of its own. */
  close(): void {
    this.#link.pool.close();
  }
}

interface Question {
  readonly credentials: Credentials;
  readonly note: Note;
  readonly done: (verdict: Verdict) => void;
  readonly whereabouts: Whereabouts;
}

/** An answer names a server, or it is nobody's. */
const NOWHERE_ELSE: Whereabouts = { group: () => undefined, routeFor: undefined, upstreamTls: "off" };

/** One login: an exchange, and while the answer is WAIT, the same exchange again. */
class Attempt implements ExchangeOwner {
  readonly #link: ServerLink;
  readonly #request: Uint8Array;
  readonly #question: Question;
  #exchange: Exchange | undefined;
  #waiting: Cancel | undefined;

  constructor(link: ServerLink, request: Uint8Array, question: Question) {
    this.#link = link;
    this.#request = request;
    this.#question = question;
  }

  ask(): void {
    this.#waiting = undefined;
    this.#exchange = new Exchange(this.#link, this.#request, this);
    this.#exchange.start();
  }

  cancel(): void {
    this.#waiting?.();
    this.#exchange?.cancel();
  }

  answered(head: ResponseHead): void {
    const { credentials, note, done, whereabouts } = this.#question;
    const answer = interpret(head, credentials, { server: this.#link.config.name, note, whereabouts });
    if (answer.type !== "wait") return done(answer);
    this.#waiting = this.#link.runtime.timer(answer.delay, () => this.ask());
  }

  failed(text: Octets, isOurs: boolean): void {
    this.#question.note("error", text);
    this.#question.done({ type: "unavailable", ...isOurs && { isOurs } });
  }
}
