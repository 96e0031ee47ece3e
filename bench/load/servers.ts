/** What stands behind the proxies: mail servers that say no more than they must, and an auth server that says yes. */

import { bun, type LoadSocket } from "./_bun.ts";
import { CHUNK, DOWNLOAD_END, downloadStart } from "./_bulk.ts";

/** The ports of what was started. */
export interface ServerPorts {
  readonly auth: number;
  readonly imap: number;
  readonly pop3: number;
  readonly smtp: number;
}

export function startServers(): ServerPorts {
  const mail = { imap: listen(GREETING.imap, answerImap), pop3: listen(GREETING.pop3, answerPop3) };
  const smtp = listen(GREETING.smtp, answerSmtp);
  const auth = listen("", (line, session) => answerAuth(line, session, { ...mail, smtp }));
  return { auth, ...mail, smtp };
}

interface ServerSession {
  /** What came without an end of line. */
  rest: string;
  /** Octets of an upload that are still to come. */
  upload: number;
  /** Octets of a download that are still to leave. */
  download: number;
  /** Offset into the chunk under way. */
  tag: string;
  /** The auth server: the protocol asked for, and whether the connection stays. */
  protocol: string;
  stays: boolean;
}

type Reply = string | undefined;
type Answer = (line: string, session: ServerSession) => Reply;

/** A reply that ends the connection begins so. */
const LAST = "\0";

function listen(greeting: string, answer: Answer): number {
  const server = bun.listen<ServerSession>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open: (socket) => {
        socket.data = { rest: "", upload: 0, download: 0, tag: "", protocol: "", stays: false };
        if (greeting !== "") socket.write(greeting);
      },
      data: (socket, bytes) => receive(socket, bytes, answer),
      drain: pump,
      close: () => {},
      error: () => {},
    },
  });
  return server.port;
}

function receive(socket: LoadSocket<ServerSession>, bytes: Uint8Array, answer: Answer): void {
  const session = socket.data;
  if (session.upload > 0) {
    session.upload -= bytes.length;
    if (session.upload <= 0) socket.write(`${session.tag} OK\r\n`);
    return;
  }
  const text = session.rest + decoder.decode(bytes);
  let from = 0;
  let said = "";
  for (let end = text.indexOf("\r\n"); end >= 0; end = text.indexOf("\r\n", from)) {
    const reply = answer(text.slice(from, end), session);
    from = end + 2;
    if (reply === undefined) continue;
    if (!reply.startsWith(LAST)) {
      said += reply;
      continue;
    }
    socket.write(said + reply.slice(1));
    return socket.end();
  }
  session.rest = from === 0 ? text : text.slice(from);
  if (said !== "") socket.write(said);
  if (session.download > 0) pump(socket);
}

/** Sends what fits. */
function pump(socket: LoadSocket<ServerSession>): void {
  const session = socket.data;
  while (session.download > 0) {
    const offset = (CHUNK.length - session.download % CHUNK.length) % CHUNK.length;
    const written = socket.write(CHUNK.subarray(offset, Math.min(CHUNK.length, offset + session.download)));
    if (written <= 0) return;
    session.download -= written;
    if (session.download === 0) socket.write(DOWNLOAD_END);
  }
}

/** Takes `a LOGIN`, from proxies with two literals; then `b` and `NOOP`, `DOWN n`, `UP n`, `LOGOUT`. */
function answerImap(line: string, session: ServerSession): Reply {
  if (line.endsWith("}")) {
    if (session.tag === "") session.tag = line.slice(0, line.indexOf(" "));
    return "+ go on\r\n";
  }
  if (session.tag !== "" && !line.startsWith("b ")) return `${session.tag} OK logged in\r\n`;
  const [, command = "", amount = "0"] = line.split(" ");
  if (command === "LOGIN") return "a OK logged in\r\n";
  session.tag = "b";
  if (command === "DOWN") {
    session.download = Number(amount);
    return downloadStart(session.download);
  }
  if (command === "UP") {
    session.upload = Number(amount);
    return "+ go on\r\n";
  }
  return command === "LOGOUT" ? `${LAST}* BYE\r\nb OK\r\n` : "b OK\r\n";
}

function answerPop3(line: string): Reply {
  return line === "QUIT" ? `${LAST}+OK bye\r\n` : "+OK\r\n";
}

function answerSmtp(line: string): Reply {
  if (line === "QUIT") return `${LAST}221 bye\r\n`;
  return line.startsWith("AUTH") ? "235 in\r\n" : "250 done\r\n";
}

function answerAuth(line: string, session: ServerSession, ports: Omit<ServerPorts, "auth">): Reply {
  if (line.endsWith("HTTP/1.1")) session.stays = true;
  else if (line.startsWith("Auth-Protocol: ")) session.protocol = line.slice(15);
  else if (line === "Connection: close") session.stays = false;
  if (line !== "") return undefined;
  const port = ports[session.protocol as "imap" | "pop3" | "smtp"];
  const fields = `Auth-Status: OK\r\nAuth-Server: 127.0.0.1\r\nAuth-Port: ${port}\r\nContent-Length: 0\r\n\r\n`;
  return session.stays ? `HTTP/1.1 200 OK\r\n${fields}` : `${LAST}HTTP/1.0 200 OK\r\n${fields}`;
}

const GREETING = { imap: "* OK ready\r\n", pop3: "+OK ready\r\n", smtp: "220 ready\r\n" };

const decoder = new TextDecoder("latin1");
