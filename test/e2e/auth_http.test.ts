import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket as RawSocket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { loadRuntime } from "../../adapters/detect.ts";
import { HttpAuthenticator } from "../../src/auth/http.ts";
import type { Verdict } from "../../src/auth/mod.ts";
import type { Cancel, ConnectTarget, Runtime } from "../../src/runtime.ts";
import { Secret } from "../../src/session/secret.ts";
import { authHttpWith } from "../support/config.ts";
import { factsOf } from "../support/facts.ts";

/** What a test's server does with each request that it has read whole. */
type Serve = (socket: RawSocket, request: string, count: number) => void;

/** A server in a few lines, as operators write them. */
class TinyServer {
  /** How many connections it has accepted, and how many of them are gone. */
  accepted = 0;
  gone = 0;
  requests: string[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<RawSocket>();
  #watchers: (() => void)[] = [];

  constructor(serve: Serve) {
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      this.accepted++;
      this.#sockets.add(socket);
      let unread = "";
      socket.on("data", (bytes) => {
        unread += bytes.toString("latin1");
        for (let end = unread.indexOf("\r\n\r\n"); end >= 0; end = unread.indexOf("\r\n\r\n")) {
          const request = unread.slice(0, end + 4);
          unread = unread.slice(end + 4);
          this.requests.push(request);
          serve(socket, request, this.requests.length);
        }
        this.#changed();
      });
      socket.on("end", () => socket.end());
      socket.on("error", () => {});
      socket.on("close", () => {
        this.gone++;
        this.#sockets.delete(socket);
        this.#changed();
      });
    });
  }

  /** Listens on a port of its own, or on a path. */
  async listen(path?: string): Promise<ConnectTarget> {
    await new Promise<void>((resolve) => {
      if (path === undefined) this.#server.listen(0, "127.0.0.1", resolve);
      else this.#server.listen(path, resolve);
    });
    const address = this.#server.address();
    if (path !== undefined) return { path };
    return { host: "127.0.0.1", port: typeof address === "object" && address !== null ? address.port : 0 };
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#watchers.push(resolve));
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #changed(): void {
    for (const watcher of this.#watchers.splice(0)) watcher();
  }
}

interface Answer {
  readonly verdict: string;
  readonly notes: readonly string[];
}

/** The verdict in one line. */
function brief(verdict: Verdict): string {
  if (verdict.type === "accepted") {
    return `${verdict.login} ${verdict.secret?.reveal()} at ${verdict.route.select(factsOf()).next()?.peer.text}`;
  }
  return verdict.type === "refused" ? verdict.text : verdict.type;
}

describe("auth_http over real sockets", () => {
  let runtime: Runtime;
  before(async () => {
    runtime = await loadRuntime();
  });

  function start(authenticator: HttpAuthenticator, login: string): { answer: Promise<Answer>; cancel: Cancel } {
    let cancel: Cancel = () => {};
    const answer = new Promise<Answer>((resolve) => {
      const notes: string[] = [];
      const credentials = {
        protocol: "imap",
        method: "plain",
        login,
        secret: new Secret("sesame"),
        salt: undefined,
        attempt: 1,
        client: { family: 4, host: "198.51.100.7", port: 40000 },
        proxied: undefined,
        clientHost: undefined,
        envelope: undefined,
        tls: undefined,
        facts: factsOf(),
      } as const;
      const note = (_: string, text: string) => void notes.push(text);
      cancel = authenticator.authenticate(credentials, note, (verdict) => resolve({ verdict: brief(verdict), notes }));
    });
    return { answer, cancel };
  }

  function authenticator(address: ConnectTarget, timeout = 4000): HttpAuthenticator {
    return new HttpAuthenticator({ ...authHttpWith("auth_http tiny;"), address, timeout }, runtime);
  }

  /** Runs a server and an authenticator for it, and ends both. */
  async function using(
    serve: Serve,
    run: (login: (name: string) => Promise<Answer>, server: TinyServer, source: HttpAuthenticator) => Promise<void>,
    timeout?: number,
  ): Promise<void> {
    const server = new TinyServer(serve);
    const source = authenticator(await server.listen(), timeout);
    try {
      await run((name) => start(source, name).answer, server, source);
    } finally {
      source.close();
      await server.close();
    }
  }

  /** The fields of a success that names its user, so that a mixed-up answer shows. */
  function fields(request: string): string {
    const user = /^Auth-User: (.*)$/m.exec(request)?.[1] ?? "";
    return `Auth-Status: OK\r\nAuth-Server: 127.0.0.1\r\nAuth-Port: 143\r\nAuth-User: ${user}-in\r\n`;
  }

  function accepted(name: string): Answer {
    return { verdict: `${name}-in sesame at 127.0.0.1:143`, notes: [] };
  }

  const names = Array.from({ length: 12 }, (_, i) => `user${i}`);

  /** One after the other, with a pause in which a connection comes to rest. */
  async function oneByOne(login: (name: string) => Promise<Answer>): Promise<void> {
    for (const name of names) {
      assertEquals(await login(name), accepted(name));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  it("asks an HTTP/1.0 server that writes line by line and closes", async () => {
    const serve: Serve = (socket, request) => {
      const lines = `HTTP/1.0 200 OK\nServer: Script\n${fields(request)}\nsome body\n`.match(/[^\n]*\n/g) ?? [];
      for (const line of lines) socket.write(line);
      socket.end();
    };
    await using(serve, async (login, server) => {
      await oneByOne(login);
      assertEquals(await Promise.all(names.map(login)), names.map(accepted));
      await server.until(() => server.gone === 2 * names.length);
      assertEquals([server.accepted, server.requests.length], [2 * names.length, 2 * names.length]);
    });
  });

  it("keeps the connection to an HTTP/1.1 server with Content-Length", async () => {
    const serve: Serve = (socket, request) => {
      socket.write(`HTTP/1.1 200 OK\r\n${fields(request)}Content-Length: 2\r\n\r\nOK`);
    };
    await using(serve, async (login, server) => {
      await oneByOne(login);
      assertEquals([server.accepted, server.requests.length], [1, names.length]);
      assertEquals(await Promise.all(names.map(login)), names.map(accepted));
    });
  });

  it("keeps the connection to a server with chunks", async () => {
    const serve: Serve = (socket, request, count) => {
      socket.write(`HTTP/1.1 200 OK\r\n${fields(request)}Transfer-Encoding: chunked\r\n\r\n`);
      if (count % 2 === 0) socket.write("5\r\nhello\r\n");
      socket.write("0\r\n\r\n");
    };
    await using(serve, async (login) => {
      await oneByOne(login);
      assertEquals(await Promise.all(names.map(login)), names.map(accepted));
    });
  });

  it("goes on with a server that closes kept connections whenever it likes", async () => {
    const serve: Serve = (socket, request, count) => {
      if (count % 3 === 0) return void socket.destroy();
      socket.write(`HTTP/1.1 200 OK\r\n${fields(request)}Content-Length: 0\r\n\r\n`);
      if (count % 3 === 1) setTimeout(() => socket.end(), 1);
    };
    await using(serve, async (login) => {
      for (const name of names) {
        const { verdict, notes } = await login(name);
        // A new connection that is closed at once is the server's answer; a kept one is replaced.
        const isOwn = verdict === accepted(name).verdict && notes.length === 0;
        assert(isOwn || (verdict === "unavailable" && notes.length === 1), `${verdict}: ${notes.join()}`);
        await new Promise((resolve) => setTimeout(resolve, 3));
      }
    });
  });

  it("sends a request again when the kept connection is gone", async () => {
    let serves = 0;
    const serve: Serve = (socket, request, count) => {
      if (count === 2) return void socket.end();
      serves++;
      socket.write(`HTTP/1.1 200 OK\r\n${fields(request)}Content-Length: 0\r\n\r\n`);
    };
    await using(serve, async (login, server) => {
      assertEquals(await login("anna"), accepted("anna"));
      await new Promise((resolve) => setTimeout(resolve, 5));
      assertEquals(await login("berta"), accepted("berta"));
      assertEquals([server.accepted, server.requests.length, serves], [2, 3, 2]);
      assertEquals(server.requests[1], server.requests[2]);
    });
  });

  it("gives up on a server that never answers, and leaves it no connection", async () => {
    await using(() => {}, async (login, server) => {
      const note = "auth http server tiny timed out (110: Connection timed out)";
      assertEquals(await login("anna"), { verdict: "unavailable", notes: [note] });
      await server.until(() => server.gone === 1);
    }, 150);
  });

  it("notices at once that a server closes early", async () => {
    const serve: Serve = (socket, _request, count) => {
      if (count === 2) socket.write("HTTP/1.1 200 OK\r\nAuth-Status: OK\r\n");
      socket.end();
    };
    await using(serve, async (login) => {
      const note = "auth http server tiny closed connection prematurely";
      assertEquals(await login("anna"), { verdict: "unavailable", notes: [note] });
      assertEquals(await login("berta"), { verdict: "unavailable", notes: [note] });
    });
  });

  it("says that nobody listens", async () => {
    const server = new TinyServer(() => {});
    const address = await server.listen();
    await server.close();
    const note = `connect() failed (111: Connection refused) with auth http server tiny`;
    assertEquals(await start(authenticator(address), "anna").answer, { verdict: "unavailable", notes: [note] });
  });

  it("takes its request back when the client leaves", async () => {
    await using(() => {}, async (_, server, source) => {
      const { cancel } = start(source, "anna");
      await server.until(() => server.requests.length === 1);
      cancel();
      await server.until(() => server.gone === 1);
    });
  });

  it("closes the connections that rest when it is closed", async () => {
    const serve: Serve = (socket, request) => {
      socket.write(`HTTP/1.1 200 OK\r\n${fields(request)}Content-Length: 0\r\n\r\n`);
    };
    await using(serve, async (login, server, source) => {
      await login("anna");
      source.close();
      await server.until(() => server.gone === 1);
      assertEquals(await login("berta"), accepted("berta"));
      await server.until(() => server.gone === 2);
    });
  });

  describe("on a unix socket", () => {
    const folder = mkdtempSync(join(tmpdir(), "postern-auth-"));
    after(() => rmSync(folder, { recursive: true, force: true }));

    it("asks a server there", async () => {
      const server = new TinyServer((socket, request) => {
        socket.end(`HTTP/1.0 200 OK\r\n${fields(request)}\r\n`);
      });
      const source = authenticator(await server.listen(join(folder, "auth.sock")));
      try {
        assertEquals(await start(source, "anna").answer, accepted("anna"));
      } finally {
        source.close();
        await server.close();
      }
    });
  });
});
