/** What the benchmark needs beside `npm ci`: it installs what it may, and says what is missing where it may not. */

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import process from "node:process";

interface Need {
  readonly present: () => boolean;
  readonly package: string;
}

const NEEDS: readonly Need[] = [
  { present: () => existsSync("/usr/lib/nginx/modules/ngx_mail_module.so"), package: "libnginx-mod-mail" },
  { present: () => has("nginx"), package: "nginx" },
  { present: () => has("openssl"), package: "openssl" },
  { present: () => has("taskset"), package: "util-linux" },
];

/** Throws when something is missing that cannot be installed from here. */
export function install(): void {
  const missing = NEEDS.filter(({ present }) => !present()).map((need) => need.package);
  if (missing.length === 0) return;
  const command = `apt-get install -y --no-install-recommends ${missing.join(" ")}`;
  if (process.getuid?.() !== 0 || !has("apt-get")) throw new Error(`The benchmark needs more programs: ${command}`);
  console.error(`installing ${missing.join(", ")}`);
  const [program = "", ...args] = command.split(" ");
  // Debian starts what it installs, unless this says that the system is going down.
  const env = { ...process.env, RUNLEVEL: "1", DEBIAN_FRONTEND: "noninteractive" };
  const { status } = spawnSync(program, args, { stdio: ["ignore", "ignore", "inherit"], env });
  if (status !== 0 || NEEDS.some(({ present }) => !present())) throw new Error(`This has failed: ${command}`);
}

function has(program: string): boolean {
  return spawnSync("which", [program], { stdio: "ignore" }).status === 0;
}
