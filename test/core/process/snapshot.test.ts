import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { loadConfig } from "../../../src/config/mod.ts";
import { filesOf, Recorder } from "../../../src/process/snapshot.ts";
import { FakeFiles } from "../../support/fake_runtime.ts";

const OPTIONS = { path: "/etc/postern/nginx.conf", prefix: "/", hostname: "test" };

describe("a snapshot of a configuration's files", () => {
  it("gives the same configuration when the files have changed, whatever was included", () => {
    const files = new FakeFiles();
    files.write("/etc/postern/nginx.conf", "events {} include main.conf; mail { include conf.d/*; }");
    files.write("/etc/postern/main.conf", "pid /run/\xe4.pid;");
    files.write("/etc/postern/conf.d/a", "server { auth_http h/; listen 143; protocol imap; }");
    const recorder = new Recorder(files);
    const config = loadConfig({ ...OPTIONS, files: recorder });
    const snapshot = JSON.parse(JSON.stringify(recorder.snapshot));
    files.contents.clear();
    const again = loadConfig({ ...OPTIONS, files: filesOf(snapshot) });
    assertEquals([again.main.pid, again.servers.length], ["/run/\xe4.pid", 1]);
    assertEquals(again.files, config.files);
  });

  it("has no other files, and the same failures", () => {
    const recorder = new Recorder(new FakeFiles());
    const missing = { number: 2, text: "No such file or directory" };
    recorder.read("/a");
    recorder.list("/b");
    const files = filesOf(recorder.snapshot);
    assertEquals([files.read("/a"), files.list("/b"), files.read("/c")], [missing, missing, missing]);
  });
});
