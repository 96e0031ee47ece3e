/** Several worker processes and the servers of a group: what one of them finds out, the others know a moment later. */

import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { serve } from "../../../src/proxy/mod.ts";
import type { FakeConnect, FakeSocket } from "../../support/fake_runtime.ts";
import { FakeRuntime } from "../../support/fake_runtime.ts";
import { Boards } from "../../support/boards.ts";
import { load } from "../../support/config.ts";

/** One worker, in which the mail server checks logins. */
class Worker {
  readonly runtime = new FakeRuntime();

  static async start(boards: Boards, id: number, servers: string): Promise<Worker> {
    const worker = new Worker();
    const text = `error_log /error.log info; events {} mail {
      upstream mail { ${servers} }
      server { listen 127.0.0.1:143; proxy_pass mail; }
    }`;
    await serve(load(text), worker.runtime, { board: boards.board(id) });
    return worker;
  }

  /** A login; gives the last octet of the server that it comes to, or `-`. */
  login(): string {
    const client = this.runtime.listeners[0]?.client();
    client?.says("a LOGIN anna sesame\r\n");
    const connect = this.last;
    return connect?.socket === undefined && connect?.isOpen && "host" in connect.target
      ? connect.target.host.slice("192.0.2.".length)
      : "-";
  }

  get last(): FakeConnect | undefined {
    return this.runtime.connects.at(-1);
  }

  /** The login that came there is in. */
  admit(): FakeSocket | undefined {
    const upstream = this.last?.accept();
    upstream?.says("* OK [CAPABILITY SASL-IR AUTH=PLAIN]\r\n");
    upstream?.says("a OK\r\n");
    return upstream;
  }

  /** Until others have been told. */
  wait(): void {
    this.runtime.clock.advance(100);
  }

  /** What its log says of servers. */
  get states(): string[] {
    const lines = (this.runtime.files.contents.get("/error.log") ?? "").split("\n");
    return lines.filter((line) => line.includes("upstream server")).map((line) =>
      line.replace(/^.*upstream server /, "")
    );
  }
}

describe("worker processes", () => {
  const two = "server 192.0.2.10:143; server 192.0.2.11:143;";

  it("hear of a server that one of them finds dead, and that it is back", async () => {
    const boards = new Boards();
    const [one, other] = [await Worker.start(boards, 1, two), await Worker.start(boards, 2, two)];
    assertEquals(one.login(), "10");
    one.last?.refuse();
    one.admit();
    assertEquals(other.login(), "11");
    other.admit();
    assertEquals(other.login(), "11");
    other.admit();
    other.runtime.clock.advance(10_000);
    while (other.login() === "11") other.admit();
    other.admit();
    const names = [one.login(), one.login(), one.login()];
    assertEquals(new Set(names), new Set(["10", "11"]));
    assertEquals([one.states.length, other.states.length], [1, 1]);
  });

  it("tell one that begins later", async () => {
    const boards = new Boards();
    const one = await Worker.start(boards, 1, two);
    one.login();
    one.last?.refuse();
    one.admit();
    const other = await Worker.start(boards, 2, two);
    assertEquals([other.login(), other.login()], ["11", "11"]);
  });

  it("count connections together, and those of one that is gone no more", async () => {
    const boards = new Boards();
    const limited = "server 192.0.2.10:143 max_conns=2; server 192.0.2.11:143 backup;";
    const [one, other] = [await Worker.start(boards, 1, limited), await Worker.start(boards, 2, limited)];
    assertEquals(one.login(), "10");
    one.admit();
    one.wait();
    assertEquals([other.login(), other.login()], ["10", "11"]);
    other.wait();
    assertEquals(one.login(), "11");
    const later = await Worker.start(boards, 3, limited);
    assertEquals(later.login(), "11");
    boards.gone(2);
    assertEquals(one.login(), "10");
  });

  it("balance by the connections of all", async () => {
    const boards = new Boards();
    const least = `least_conn; ${two}`;
    const [one, other] = [await Worker.start(boards, 1, least), await Worker.start(boards, 2, least)];
    const names = [];
    for (const worker of [one, other, other, one, other, one, one, one]) {
      names.push(worker.login());
      worker.wait();
    }
    assertEquals(names.filter((name) => name === "10").length, 4);
  });
});
