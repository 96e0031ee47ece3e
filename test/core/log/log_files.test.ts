import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { LogFailure, LogFiles, LogUse } from "../../../src/log/log_files.ts";
import { load } from "../../support/config.ts";
import { FakeRuntime } from "../../support/fake_runtime.ts";

describe("the files of logs", () => {
  it("are closed for good when what was said to syslog servers before has left, too", async () => {
    const runtime = new FakeRuntime();
    let leave: () => void = () => {};
    const end = () => new Promise<void>((resolve) => leave = resolve);
    runtime.datagram = () => ({ send() {}, end, close() {} });
    const files = new LogFiles(runtime);
    const use = new LogUse();
    const { errorLogs } = load("error_log syslog:server=192.0.2.7 notice; events {}").main;
    const log = files.open(errorLogs, use);
    if (log instanceof LogFailure) throw new Error(log.text);
    log.write("emerg", "bind() failed");
    void files.release(use);
    let isClosed = false;
    const closed = files.close().then(() => isClosed = true);
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    assertEquals(isClosed, false);
    leave();
    await closed;
  });
});
