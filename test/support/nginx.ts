/** Debian's nginx with its mail module: what our behaviour is measured by. */

import { spawnSync } from "node:child_process";
import { environment } from "./clients.ts";
import { Daemon } from "./daemon.ts";
import { TestFolder } from "./program.ts";

/** The version of the nginx that is installed, such as `1.22.1`. */
export function nginxVersion(): string | undefined {
  const { stderr } = spawnSync(PROGRAM, ["-v"], { encoding: "utf8", env: environment() });
  return /nginx\/(\d+\.\d+\.\d+)/.exec(stderr ?? "")?.[1];
}

/** An nginx at work. */
export interface Nginx {
  stop(): Promise<void>;
}

/** Serves the text of a `mail {}` block. */
export async function startNginx(mail: string): Promise<Nginx> {
  const folder = new TestFolder();
  const daemon = new Daemon(PROGRAM, [
    "-p",
    folder.path,
    "-c",
    folder.write("nginx.conf", configuration(mail)),
    "-e",
    "stderr",
  ]);
  const stop = async () => {
    await daemon.stop();
    folder.remove();
  };
  try {
    // What it says once its listeners are open.
    await daemon.until(/getrlimit\(RLIMIT_NOFILE\)/);
    return { stop };
  } catch (error) {
    await stop();
    throw error;
  }
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

const PROGRAM = "nginx";
const MODULE = "/usr/lib/nginx/modules/ngx_mail_module.so";
