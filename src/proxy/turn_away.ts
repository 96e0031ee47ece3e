import type { ListenConfig, Protocol } from "../config/types.ts";
import { TOO_MANY as IMAP_TOO_MANY } from "../protocol/imap/reply.ts";
import { TOO_MANY as POP3_TOO_MANY } from "../protocol/pop3/reply.ts";
import { TOO_MANY as SMTP_TOO_MANY } from "../protocol/smtp/reply.ts";
import type { Octets, Socket } from "../runtime.ts";
import { encode } from "../session/bytes.ts";

/** Turns clients away that there is no room for: in their protocol's words, as long as that costs little. */
export class Doorkeeper {
  readonly #most: number;
  #talking = 0;

  /** `spare` descriptors are left beyond those that there is room for; a few of them are spent on good manners. */
  constructor(spare: number) {
    this.#most = Math.min(MOST_TALKS, Math.floor(spare / 4));
  }

  /** Ends a socket that was just accepted. */
  turnAway(socket: Socket, protocol: Protocol, listen: Pick<ListenConfig, "ssl" | "proxyProtocol">): void {
    // Who speaks TLS would not understand, and a proxy before us that has to say something first may not listen.
    if (listen.ssl || listen.proxyProtocol || this.#talking >= this.#most) return socket.abort();
    this.#talking++;
    socket.handler = { bytes() {}, drained() {}, ended() {}, closed: () => void this.#talking-- };
    socket.write(encode(TOO_MANY[protocol]));
    socket.close();
  }
}

/** A socket takes up to two seconds to end in good manners, and has a descriptor for that long. */
const MOST_TALKS = 32;

const TOO_MANY: Readonly<Record<Protocol, Octets>> = {
  imap: IMAP_TOO_MANY,
  pop3: POP3_TOO_MANY,
  smtp: SMTP_TOO_MANY,
};
