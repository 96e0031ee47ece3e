/** Another version takes the place of the file that runs, as a package manager has it, and nobody restarts anything. */

import { assertEquals } from "@std/assert";
import { copyFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { freePort } from "../support/free_ports.ts";
import { readIfThere } from "../support/files.ts";
import { Program, programCommand, TestFolder } from "../support/program.ts";
import { eventually } from "../support/watch.ts";

const LIMIT = { timeout: 180_000 };

describe("a file that is replaced while it runs", () => {
  const folder = new TestFolder();
  after(() => folder.remove());

  it("is what workers of a reload are started from", LIMIT, async () => {
    const [file, ...args] = programCommand();
    const [running, next] = [join(folder.path, "running"), join(folder.path, "next")];
    for (const copy of [running, next]) copyFileSync(file, copy);
    const path = folder.write(
      "nginx.conf",
      `daemon off; pid pid; error_log log notice; events {}
       mail { auth_http 127.0.0.1:1/; server { listen 127.0.0.1:${await freePort()}; protocol imap; } }`,
    );
    const log = () => readIfThere(join(folder.path, "log")) ?? "";
    const logs = (text: RegExp) => eventually(() => text.test(log()), log, 30_000);
    const program = new Program(["-p", folder.path, "-c", path], { command: [running, ...args] });
    await logs(/start worker process /);
    renameSync(next, running);
    program.signal("SIGHUP");
    await logs(/ reconfigured|\[emerg\]/);
    assertEquals(log().match(/\[emerg\].*/)?.[0], undefined);
    program.signal("SIGTERM");
    assertEquals((await program.ending).code, 0);
  });
});
