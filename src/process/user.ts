import { ConfigError } from "../config/mod.ts";
import type { MainConfig, Place } from "../config/types.ts";
import type { Account, Files, Octets } from "../runtime.ts";
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
  if (!isListed(name, "/etc/passwd", files)) throw unknown(`getpwnam("${name}")`, place);
  if (!isListed(group, "/etc/group", files)) throw unknown(`getgrnam("${group}")`, place);
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

/**
 * Whose rights the workers of a main process that runs as root take on; nginx's own choice where `user` does not say.
 * Only accounts that stand in the machine's own files can be found. Throws {@linkcode ConfigError}.
 */
export function accountOf({ user }: MainConfig, files: Pick<Files, "read">): Account {
  const groups = linesOf("/etc/group", files) ?? [];
  const isGroup = (name: Octets) => groups.some((line) => line.startsWith(`${name}:`));
  const name = user?.name ?? "nobody";
  const group = user?.group ?? (isGroup("nogroup") ? "nogroup" : name);
  const uid = numberOf(name, linesOf("/etc/passwd", files) ?? []);
  const gid = numberOf(group, groups);
  if (uid !== undefined && gid !== undefined) return { name, uid, gid };
  throw unknown(uid === undefined ? `getpwnam("${name}")` : `getgrnam("${group}")`, user?.place);
}

function unknown(call: Octets, place: Place | undefined): ConfigError {
  return new ConfigError(`${call} failed`, { place, hint: HINT });
}

/** passwd(5), group(5): the third field. */
function numberOf(name: Octets, lines: readonly Octets[]): number | undefined {
  const field = lines.find((line) => line.startsWith(`${name}:`))?.split(":")[2] ?? "";
  return /^[0-9]{1,10}$/.test(field) ? Number(field) : undefined;
}

const HINT =
  '"user" names a user of /etc/passwd and a group of /etc/group, which has the user\'s name unless another one is ' +
  'given, such as "user nobody nogroup;"';
