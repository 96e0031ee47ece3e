/** What a defect of Postern's costs, in a worker process as its user has it. */

import { assertEquals, assertMatch } from "@std/assert";
import { join } from "node:path";
import { describe, it } from "node:test";
import { accept, FakeAuth } from "../support/fake_auth.ts";
import { FakeUpstream, IMAP_LOGIN } from "../support/fake_upstream.ts";
import { freePorts } from "../support/free_ports.ts";
import { Program, TestFolder } from "../support/program.ts";
import { connectTo } from "../support/raw_client.ts";
import { WORDS } from "../support/scene.ts";

const { greeting, login, welcome, internalError } = WORDS.imap;
const SABOTEUR = join(import.meta.dirname ?? "", "..", "support", "saboteur.ts");

describe("an exception", () => {
  it("in one session ends that session alone, and its worker lives", { timeout: 60_000 }, async () => {
    const folder = new TestFolder();
    const upstream = await FakeUpstream.start(IMAP_LOGIN);
    const auth = await FakeAuth.start(accept(upstream.port));
    const [port = 0] = await freePorts(1);
    const file = folder.write(
      "nginx.conf",
      `daemon off; pid ${folder.path}/pid; error_log stderr notice; events {}
       mail { auth_http 127.0.0.1:${auth.port}; server { listen 127.0.0.1:${port}; protocol imap; } }`,
    );
    const program = new Program(["-c", file], { script: SABOTEUR });
    try {
      await program.prints("start worker process ");
      const [session, newcomer] = [await connectTo(port), await connectTo(port)];
      for (const client of [session, newcomer]) await client.expect(greeting);
      await session.ask(login, welcome);
      for (const where of ["WITHIN", "BESIDE"]) {
        const victim = await connectTo(port);
        await victim.expect(greeting);
        victim.send(`a BREAK ${where}\r\n`);
        await victim.until(() => victim.isOver);
        assertEquals(victim.received.endsWith(internalError), true, victim.received);
      }
      newcomer.send("a BREAK ELSEWHERE\r\n");
      await program.prints("broken elsewhere");
      await newcomer.expect("a BAD invalid command\r\n");
      await session.ask("a letter\r\n", "a letter\r\n");
      await newcomer.ask(login, welcome);

      program.signal("SIGQUIT");
      for (const client of [session, newcomer]) client.end();
      assertEquals((await program.ending).code, 0, program.stderr);
      const alerts = program.stderr.split("\n").filter((line) => line.includes("[alert]"));
      assertEquals(alerts.length, 3, program.stderr);
      // Whose session, and where in the program.
      assertMatch(alerts.pop() ?? "", /internal error: Error: broken elsewhere.*saboteur\.ts/);
      for (const line of alerts) {
        assertMatch(
          line,
          /\*\d+ internal error: Error: broken (within|beside).*saboteur\.ts.*, client: 127\.0\.0\.1, /,
        );
      }
      assertMatch(program.stderr, /worker process \d+ exited with code 0/);
    } finally {
      program.child.kill("SIGKILL");
      for (const server of [auth, upstream]) await server.stop();
      folder.remove();
    }
  });
});
