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
export function startNginx(mail: string): Promise<Nginx> {
  return start(`load_module ${MODULE};`, `mail { ${mail} }`);
}

/** Serves the text of an `http {}` block. */
export function startWebNginx(http: string): Promise<Nginx> {
  return start("", `http { access_log off; ${http} }`);
}

async function start(modules: string, block: string): Promise<Nginx> {
  const folder = new TestFolder();
  const daemon = new Daemon(PROGRAM, [
    "-p",
    folder.path,
    "-c",
    folder.write("nginx.conf", configuration(modules, block)),
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

function configuration(modules: string, block: string): string {
  return `
    ${modules}
    daemon off;
    master_process off;
    pid nginx.pid;
    error_log stderr notice;
    events { worker_connections 256; }
    ${block}
  `;
}

const PROGRAM = "nginx";
const MODULE = "/usr/lib/nginx/modules/ngx_mail_module.so";
