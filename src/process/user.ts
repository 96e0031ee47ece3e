import { ConfigError } from "../config/mod.ts";
import type { MainConfig } from "../config/types.ts";
import type { Files, Octets } from "../runtime.ts";
import { isFailure } from "../runtime.ts";
import { decode } from "../session/bytes.ts";

/**
 * Checks that `user` names a user and a group of this machine, as nginx does at the start. It looks where the system
 * looks by itself, into its files; where it is told to ask a directory as well, nobody here can say who is in that.
 * Throws {@linkcode ConfigError}.
 */
export function checkUser({ user }: MainConfig, files: Pick<Files, "read">): void {
  if (user === undefined || asksDirectories(files)) return;
  const { name, group, place } = user;
  if (!isListed(name, "/etc/passwd", files)) throw new ConfigError(`getpwnam("${name}") failed`, { place });
  if (!isListed(group, "/etc/group", files)) throw new ConfigError(`getgrnam("${group}") failed`, { place });
}

function isListed(name: Octets, path: Octets, files: Pick<Files, "read">): boolean {
  const lines = linesOf(path, files);
  return lines === undefined || lines.some((line) => line.startsWith(`${name}:`));
}

/** nsswitch.conf(5): what stands behind `passwd:` and `group:`. */
function asksDirectories(files: Pick<Files, "read">): boolean {
  const lines = linesOf("/etc/nsswitch.conf", files) ?? [];
  const sources = lines.filter((line) => /^\s*(passwd|group)\s*:/.test(line)).flatMap((line) =>
    line.slice(line.indexOf(":") + 1).replace(/\[.*?\]|#.*/g, "").trim().split(/\s+/)
  );
  return sources.some((source) => !["files", "compat", "systemd"].includes(source));
}

function linesOf(path: Octets, files: Pick<Files, "read">): readonly Octets[] | undefined {
  const bytes = files.read(path);
  return isFailure(bytes) ? undefined : decode(bytes).split("\n");
}
