import type { ListenConfig, Protocol } from "../config/types.ts";
import { TOO_MANY as IMAP_TOO_MANY } from "../protocol/imap/reply.ts";
import { TOO_MANY as POP3_TOO_MANY } from "../protocol/pop3/reply.ts";
import { TOO_MANY as SMTP_TOO_MANY } from "../protocol/smtp/reply.ts";
import type { Octets, Socket } from "../runtime.ts";
import { encode } from "../session/bytes.ts";

/** Turns clients away that there is no room for: in their protocol's words, as long as that costs little. */
export class Doorkeeper {
  #talking = 0;

  /** Ends a socket that was just accepted. */
  turnAway(socket: Socket, protocol: Protocol, listen: Pick<ListenConfig, "ssl" | "proxyProtocol">): void {
    // Who speaks TLS would not understand, and a proxy before us that has to say something first may not listen.
    if (listen.ssl || listen.proxyProtocol || this.#talking >= MOST_TALKS) return socket.abort();
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
