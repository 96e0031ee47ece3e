import { after, before, describe, it } from "node:test";
import { connect as connectRaw } from "node:net";
import { connect as connectTls } from "node:tls";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { readClientHello } from "../../adapters/_tls_hello.ts";
import type { Runtime, Socket } from "../../src/runtime.ts";
import type { Certificate } from "../support/certificates.ts";
import { describeBoth, Exchange, Peer } from "./_peer.ts";
import { abort, dial, finish, openssl, secured, serve, TlsBench, turn } from "./_tls.ts";

describeBoth("TLS", (load) => {
  let runtime: Runtime;
  let exchange: Exchange;
  let bench: TlsBench;
  let ecdsa: Certificate;
  let rsa: Certificate;

  before(async () => {
    runtime = await load();
    exchange = await Exchange.open(runtime);
    bench = new TlsBench(runtime, exchange);
    ecdsa = bench.server;
    rsa = bench.makeServer("rsa", { keyType: "rsa" });
  });

  after(async () => {
    bench.close();
    await exchange.close();
  });

  describe("handshakes", () => {
    for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
      it(`speak ${version}`, async () => {
        const { near, far, nearFacts, farFacts } = await bench.connect(bench.clientContext({ versions: [version] }));
        assertEquals([nearFacts.version, farFacts.version], [version, version]);
        assertEquals(farFacts.cipher, nearFacts.cipher);
        assertMatch(farFacts.cipher, /^(TLS_|ECDHE-)/);
        assertEquals([farFacts.serverName, nearFacts.serverName], ["mail.example.org", "mail.example.org"]);
        assertEquals([farFacts.alpn, farFacts.isResumed, farFacts.certificate], [undefined, false, undefined]);
        assertEquals(far.socket.remote, near.socket.local);
        near.socket.resume();
        far.socket.resume();
        near.say("a1 NOOP\r\n");
        await far.untilReceived(9);
        far.say("a1 OK\r\n");
        await near.untilReceived(7);
        assertEquals([far.text, near.text], ["a1 NOOP\r\n", "a1 OK\r\n"]);
        assertEquals(far.chunks.map((chunk) => chunk.constructor), [Uint8Array]);
        await finish(near, far);
      });
    }

    it("choose the server by the name that is asked for", async () => {
      const other = bench.makeServer("other.example.net", { names: ["DNS:other.example.net"] });
      const contexts = new Map([["other.example.net", bench.serverContext({}, [other])]]);
      const standard = bench.serverContext();
      const asked: unknown[] = [];
      for (const name of ["Other.Example.NET", "mail.example.org", ""]) {
        const { near, far } = await exchange.connect();
        const verifiedName = name === "" ? "127.0.0.1" : name;
        const [nearEnd, farEnd] = await Promise.all([
          dial(runtime, near, bench.clientContext({ serverName: name, verifiedName })).then(secured),
          serve(runtime, far, (asksFor) => {
            asked.push(asksFor);
            return contexts.get(asksFor ?? "") ?? standard;
          }).then(secured),
        ]);
        assertEquals(farEnd.facts.serverName, asked.at(-1));
        await finish(new Peer(nearEnd.socket), new Peer(farEnd.socket));
      }
      assertEquals(asked, ["other.example.net", "mail.example.org", undefined]);
    });

    it("show the certificate that the client understands", async () => {
      const context = bench.serverContext({}, [rsa, ecdsa]);
      const shown = [];
      for (const algorithm of ["RSA-PSS+SHA256", "ECDSA+SHA256"]) {
        const result = bench.serveNext(context);
        const dialled = openssl(exchange.port, "-sigalgs", algorithm);
        secured(await result).socket.close();
        shown.push((await dialled).certificate);
      }
      assertEquals(shown, [rsa, ecdsa].map(({ certificate }) => certificate.trim()));
    });

    it(
      "take a first message that comes in any pieces, also behind what was read before",
      { timeout: 60_000 },
      async () => {
        const octets = await bench.hello();
        for (const cut of [1, 3, 5, 6, 9, 43, 100, octets.length - 1]) {
          for (const held of [0, cut]) {
            assertEquals(await answerTo([octets.subarray(0, cut), octets.subarray(cut)], held), HANDSHAKE);
          }
        }
        assertEquals(await answerTo([octets], octets.length), HANDSHAKE);
        assertEquals(await answerTo([...octets].map((octet) => new Uint8Array([octet])), 0), HANDSHAKE);
      },
    );

    it("take a first message in many records", async () => {
      const octets = await bench.hello();
      const message = octets.subarray(5);
      const records: number[] = [];
      for (let at = 0; at < message.length; at += 7) {
        const part = message.subarray(at, at + 7);
        records.push(22, 3, 1, 0, part.length, ...part);
      }
      assertEquals(await answerTo([new Uint8Array(records)], 0), HANDSHAKE);
    });

    it("refuse a client of another protocol, before anything of ours is shown", async () => {
      const result = bench.serveNext();
      const error = await new Promise<unknown>((resolve) => {
        const raw = connectTls({
          port: exchange.port,
          host: "127.0.0.1",
          ALPNProtocols: ["http/1.1"],
          rejectUnauthorized: false,
        });
        raw.on("error", resolve).on("secureConnect", () => resolve("secured"));
      });
      assertEquals(await result, { failure: "error:0A0000EB:SSL routines::no application protocol" });
      assertMatch(String(error), /no.application.protocol|NoApplicationProtocol/i);
    });

    it("take a client that offers ours among others", async () => {
      const result = bench.serveNext();
      const raw = connectTls({
        port: exchange.port,
        host: "127.0.0.1",
        ALPNProtocols: ["http/1.1", "imap"],
        rejectUnauthorized: false,
      });
      raw.on("error", () => {});
      const { socket, facts } = secured(await result);
      assertEquals(facts.alpn, "imap");
      raw.destroy();
      await abort(new Peer(socket));
    });

    it("fail with what is no TLS", async () => {
      const cases = [
        ["a1 LOGIN joe secret\r\n", "error:0A00010B:SSL routines::wrong version number"],
        ["GET / HTTP/1.0\r\n\r\n", "error:0A00009C:SSL routines::http request"],
        ["\x16\x03\x01\x00\x00", "error:0A0000C6:SSL routines::packet length too long"],
        ["\x16\x03\x01\x00\x04\x02\x00\x00\x00", "error:0A0000F4:SSL routines::unexpected message"],
        ["\x16\x03\x01\x00\x05\x01\x01\x00\x00\x00", "error:0A000098:SSL routines::excessive message size"],
        ["\x16\x03\x01\x00\x06\x01\x00\x00\x02\x03\x03", "error:0A00009F:SSL routines::length mismatch"],
      ] as const;
      for (const [said, wanted] of cases) {
        const raw = connectRaw({ port: exchange.port, host: "127.0.0.1" });
        raw.on("error", () => {}).write(said, "latin1");
        assertEquals(await bench.serveNext(), { failure: wanted });
        raw.destroy();
      }
    });

    it("fail when the client says something else in the middle of it", async () => {
      const octets = await bench.hello();
      const raw = connectRaw({ port: exchange.port, host: "127.0.0.1" });
      raw.on("error", () => {}).write(octets);
      raw.once("data", () => raw.write("a1 LOGIN joe secret\r\n"));
      const result = await bench.serveNext();
      assert("failure" in result && result.failure !== "", JSON.stringify(result));
      raw.destroy();
    });

    it("say that the peer went away", async () => {
      const raw = connectRaw({ port: exchange.port, host: "127.0.0.1" }).on("error", () => {});
      const result = bench.serveNext();
      raw.write("\x16\x03\x01\x02", "latin1", () => raw.end());
      assertEquals(await result, { failure: "peer closed connection in SSL handshake" });
      raw.destroy();
    });

    it("say nothing more when they are cancelled", async () => {
      const before = runtime.sockets();
      for (const isBegun of [false, true]) {
        const octets = await bench.hello();
        const raw = connectRaw({ port: exchange.port, host: "127.0.0.1" }).on("error", () => {});
        const gone = new Promise((resolve) => raw.on("close", resolve));
        const socket = await exchange.accept();
        let calls = 0;
        const handler = { secured: () => calls++, failed: () => calls++ };
        const answered = new Promise((resolve) => raw.once("data", resolve));
        const tls = { choose: () => bench.serverContext(), held: isBegun ? octets : new Uint8Array(0) };
        const cancel = runtime.secureServer(socket, tls, handler);
        if (isBegun) await answered;
        cancel();
        cancel();
        raw.resume();
        await gone;
        assertEquals(calls, 0);
      }
      await untilSockets(before);
    });

    it("leave nothing behind when 200 of them are given up halfway", { timeout: 60_000 }, async () => {
      const octets = await bench.hello();
      const count = async () => {
        const pieces = [0, 1, 5, 60, octets.length];
        await Promise.all(Array.from({ length: 40 }, async (_, i) => {
          const raw = connectRaw({ port: exchange.port, host: "127.0.0.1" }).on("error", () => {});
          const socket = await exchange.accept();
          const result = serve(runtime, socket, bench.serverContext());
          const piece = octets.subarray(0, pieces[i % pieces.length]);
          if (piece.length === octets.length) raw.once("data", () => raw.destroy());
          if (piece.length > 0) raw.write(piece);
          if (piece.length < octets.length) raw.end();
          assert("failure" in await result);
          raw.destroy();
        }));
      };
      await count();
      const sockets = runtime.sockets();
      const { open } = runtime.descriptors();
      for (let i = 0; i < 5; i++) await count();
      await untilSockets(sockets);
      for (let i = 0; i < 100 && runtime.descriptors().open > open + 3; i++) await turn();
      assert(runtime.descriptors().open <= open + 3, `${open} descriptors have become ${runtime.descriptors().open}`);
    });

    it("leave nothing behind when the library refuses the client", { timeout: 60_000 }, async () => {
      const clients = [
        ["-tls1_2", "-cipher", "DHE-RSA-AES256-GCM-SHA384"],
        ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
      ];
      const context = bench.serverContext({}, [rsa]);
      const sockets = runtime.sockets();
      for (const client of clients) {
        for (const isHeld of [false, true]) {
          const left = openssl(exchange.port, ...client);
          const socket = await exchange.accept();
          const held = isHeld ? await helloOn(socket) : new Uint8Array(0);
          const told: string[] = [];
          await new Promise<void>((resolve) => {
            const hear = (what: string) => {
              told.push(what);
              resolve();
            };
            const handler = { secured: () => hear("secured"), failed: () => hear("failed") };
            const cancel = runtime.secureServer(socket, { choose: () => context, held }, handler);
            told.push(typeof cancel);
          });
          // It is the server that closes.
          await left;
          assertEquals([client, isHeld, told], [client, isHeld, ["function", "failed"]]);
          await untilSockets(sockets);
        }
      }
    });
  });

  describe("an upgrade", () => {
    it("comes after what was said in clear, once that has left", async () => {
      const { near, far } = await exchange.connect();
      const [left, right] = [new Peer(near), new Peer(far)];
      left.socket.resume();
      right.socket.resume();
      left.say("a1 STARTTLS\r\n");
      await right.untilReceived(13);
      right.say("a1 OK\r\n");
      const farEnd = serve(runtime, far, bench.serverContext());
      await left.untilReceived(7);
      const nearEnd = dial(runtime, near, bench.clientContext());
      const [client, server] = [secured(await nearEnd), secured(await farEnd)];
      assertEquals([left.text, right.text, left.closings, right.closings], ["a1 OK\r\n", "a1 STARTTLS\r\n", 0, 0]);
      const [leftTls, rightTls] = [new Peer(client.socket), new Peer(server.socket)];
      rightTls.socket.resume();
      leftTls.say("a2 CAPABILITY\r\n");
      await rightTls.untilReceived(15);
      assertEquals([rightTls.text, right.received], ["a2 CAPABILITY\r\n", 13]);
      await finish(leftTls, rightTls);
    });

    it("never shows what a client adds in clear", async () => {
      for (const isSeparate of [false, true]) {
        const raw = connectRaw({ port: exchange.port, host: "127.0.0.1", noDelay: true }).on("error", () => {});
        const far = new Peer(await exchange.accept());
        const result = serve(runtime, far.socket, bench.serverContext());
        const octets = await bench.hello();
        const injected = new TextEncoder().encode("a2 LOGIN joe secret\r\n");
        if (isSeparate) {
          raw.write(octets);
          raw.once("data", () => raw.write(injected));
        } else raw.write(new Uint8Array([...octets, ...injected]));
        assert("failure" in await result);
        assertEquals(far.received, 0);
        raw.destroy();
      }
    });

    it("fails when a server has said something in clear before", async () => {
      for (const isEarly of [true, false]) {
        const { near, far } = await exchange.connect();
        const left = new Peer(near);
        far.write(new TextEncoder().encode("a1 OK\r\n"));
        left.socket.resume();
        await left.untilReceived(7);
        left.socket.pause();
        if (isEarly) far.write(new TextEncoder().encode("* PREAUTH welcome\r\n"));
        const result = dial(runtime, near, bench.clientContext());
        const right = new Peer(far);
        right.socket.resume();
        if (!isEarly) {
          await right.untilReceived(1);
          right.say("* PREAUTH welcome\r\n");
        }
        assert("failure" in await result);
        assertEquals(left.text, "a1 OK\r\n");
        await abort(right);
      }
    });
  });

  /** How a server's answer to these pieces begins, of which it is given the first octets as held. */
  async function answerTo(pieces: readonly Uint8Array[], held: number): Promise<string> {
    const raw = connectRaw({ port: exchange.port, host: "127.0.0.1", noDelay: true }).on("error", () => {});
    const answer = new Promise<string>((resolve) => {
      raw.once("data", (bytes: Uint8Array) => resolve(new TextDecoder("latin1").decode(bytes)));
      raw.on("close", () => resolve("closed"));
    });
    const far = await exchange.accept();
    const [first = new Uint8Array(0), ...rest] = pieces;
    if (held === 0) raw.write(first);
    const result = serve(runtime, far, bench.serverContext(), held === 0 ? new Uint8Array(0) : first);
    for (const piece of rest) {
      await turn();
      raw.write(piece);
    }
    const text = await answer;
    raw.destroy();
    await result;
    return text.slice(0, HANDSHAKE.length);
  }

  /** What the client of a socket says first, all of it. */
  async function helloOn(socket: Socket): Promise<Uint8Array> {
    const peer = new Peer(socket);
    socket.resume();
    await peer.until(() =>
      typeof readClientHello(new Uint8Array(peer.chunks.flatMap((chunk) => [...chunk]))) === "object"
    );
    socket.pause();
    return new Uint8Array(peer.chunks.flatMap((chunk) => [...chunk]));
  }

  async function untilSockets(count: number): Promise<void> {
    for (let i = 0; i < 1_000 && runtime.sockets() > count; i++) await turn();
    assert(runtime.sockets() <= count, `${runtime.sockets()} sockets are left, ${count} were there before`);
  }
});

/** How a record with a handshake message begins. */
const HANDSHAKE = "\x16\x03\x03";
