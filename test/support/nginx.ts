/** Debian's nginx with its mail module: what our behaviour is measured by. */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Watch } from "./watch.ts";

/** Why the reference cannot run here, or `false`: the `skip` of the tests that need it. */
export function nginxMissing(): string | false {
  if (nginxVersion() === undefined) return "nginx is not installed: apt-get install nginx libnginx-mod-mail";
  return existsSync(MODULE) ? false : "nginx has no mail module: apt-get install libnginx-mod-mail";
}

/** The version of the nginx that is installed, such as `1.22.1`. */
export function nginxVersion(): string | undefined {
  const { stderr } = spawnSync(PROGRAM, ["-v"], { encoding: "utf8" });
  return /nginx\/(\d+\.\d+\.\d+)/.exec(stderr ?? "")?.[1];
}

/** An nginx at work. */
export interface Nginx {
  stop(): Promise<void>;
}

/** Serves the text of a `mail {}` block. */
export async function startNginx(mail: string): Promise<Nginx> {
  const folder = mkdtempSync(join(tmpdir(), "postern-nginx-"));
  writeFileSync(join(folder, "nginx.conf"), configuration(mail));
  const child = spawn(PROGRAM, ["-p", folder, "-c", "nginx.conf", "-e", "stderr"], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  await untilServing(child);
  return {
    stop: async () => {
      const exited = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function configuration(mail: string): string {
  return `
    load_module ${MODULE};
    daemon off;
    master_process off;
    pid nginx.pid;
    error_log stderr notice;
    events { worker_connections 256; }
    mail { ${mail} }
  `;
}

/** What it says after it has opened its listeners tells that it accepts. */
async function untilServing(child: ChildProcess): Promise<void> {
  const watch = new Watch();
  let said = "";
  let hasExited = false;
  child.stderr?.on("data", (bytes: Uint8Array) => {
    said += new TextDecoder().decode(bytes);
    watch.look();
  });
  child.once("exit", () => {
    hasExited = true;
    watch.look();
  });
  await watch.until(() => hasExited || said.includes("getrlimit(RLIMIT_NOFILE)"), () => said);
  if (hasExited) throw new Error(`nginx ended: ${said}`);
}

const PROGRAM = "/usr/sbin/nginx";
const MODULE = "/usr/lib/nginx/modules/ngx_mail_module.so";
