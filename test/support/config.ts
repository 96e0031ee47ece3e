/** Configurations in memory, and what is wrong with them. */

import { ConfigError, loadConfig } from "../../src/config/mod.ts";
import type { AuthHttpConfig, Config, LoadOptions, NamedFile, ServerConfig } from "../../src/config/mod.ts";
import type { Files, Octets } from "../../src/runtime.ts";
import { encode } from "../../src/session/bytes.ts";

/** A file system of these texts by their paths; whatever has a `/` after it is a directory. */
export function memoryFiles(texts: Readonly<Record<Octets, Octets>>): Pick<Files, "read" | "list"> {
  const missing = { number: 2, text: "No such file or directory" };
  return {
    read(path) {
      const text = texts[path];
      return text === undefined ? missing : encode(text);
    },
    list(path) {
      const directory = path === "." ? "" : path.endsWith("/") ? path : `${path}/`;
      const below = Object.keys(texts).filter((name) => name.startsWith(directory));
      const names = below.map((name) => name.slice(directory.length).split("/", 1)[0] ?? "");
      return names.length === 0 ? missing : [...new Set(names)].sort();
    },
  };
}

/** Loads a text as the file `f`. */
export function load(text: Octets, options: Partial<LoadOptions> = {}): Config {
  return loadConfig({ files: memoryFiles({}), path: "f", prefix: "", hostname: "Host.Example", text, ...options });
}

/** A file that this line names. */
export function named(path: Octets, line: number, file: Octets = "f"): NamedFile {
  return { path, place: { file, line } };
}

/** What is wrong with it, or "ok". A hint stands on a line of its own. */
export function problem(text: Octets, options: Partial<LoadOptions> = {}): string {
  try {
    load(text, options);
    return "ok";
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.hint === undefined ? error.message : `${error.message}\n${error.hint}`;
  }
}

/** The texts of all warnings. */
export function warnings(text: Octets, options: Partial<LoadOptions> = {}): readonly string[] {
  return load(text, options).warnings.map((warning) => `${warning.level}: ${warning.text}`);
}

/** A whole file with these lines in `server {}`, from line 4 on. */
export function inServer(...lines: readonly Octets[]): Octets {
  return `events {}\nmail { auth_http auth;\nserver { listen 143;\n${lines.join("\n")}\n}\n}`;
}

/** What these lines in `server {}` say of auth servers. */
export function authHttpWith(...lines: readonly Octets[]): AuthHttpConfig {
  const { authHttp } = serverWith(...lines);
  if (authHttp === undefined) throw new Error("no auth_http");
  return authHttp;
}

/** A whole file with these lines in `mail {}`, from line 3 on, and one server. */
export function inMail(...lines: readonly Octets[]): Octets {
  return `events {}\nmail { auth_http auth;\n${lines.join("\n")}\nserver { listen 143; }\n}`;
}

/** A whole file with these lines outside of all blocks, from line 2 on, but for one server. */
export function inMain(...lines: readonly Octets[]): Octets {
  return `# main\n${lines.join("\n")}\nevents {} mail { auth_http auth; server { listen 143; } }`;
}

/** What a server with these lines comes to. */
export function serverWith(...lines: readonly Octets[]): ServerConfig {
  const [server] = load(inServer(...lines)).servers;
  if (server === undefined) throw new Error("no server");
  return server;
}
