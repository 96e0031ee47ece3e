import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { ConfigError } from "../../../src/config/mod.ts";
import { checkUser } from "../../../src/process/user.ts";
import { encode } from "../../../src/session/bytes.ts";
import { load } from "../../support/config.ts";

const MACHINE: Readonly<Record<string, string>> = {
  "/etc/passwd": "root:x:0:0:root:/root:/bin/sh\nmail:x:8:8::/var/mail:/usr/sbin/nologin\n",
  "/etc/group": "root:x:0:\nmail:x:8:\npost:x:9:\n",
};

/** What is wrong with a `user` line on a machine with these files, or "ok". */
function problem(line: string, more: Readonly<Record<string, string>> = {}): string {
  const machine = { ...MACHINE, ...more };
  const read = (path: string) => {
    const text = machine[path];
    return text === undefined ? { number: 2, text: "No such file or directory" } : encode(text);
  };
  try {
    checkUser(load(`${line}\nevents {} mail {}`).main, { read });
    return "ok";
  } catch (error) {
    if (error instanceof ConfigError) return [error.message, error.hint].join("\n");
    throw error;
  }
}

const HINT =
  '"user" names a user of /etc/passwd and a group of /etc/group, which has the user\'s name unless another one is ' +
  'given, such as "user nobody nogroup;"';

describe("user", () => {
  const rows: readonly (readonly [line: string, problem: string, more?: Readonly<Record<string, string>>])[] = [
    ["", "ok"],
    ["user mail;", "ok"],
    ["user mail post;", "ok"],
    ["user mai;", `getpwnam("mai") failed in f:1\n${HINT}`],
    ["\nuser nobody;", `getpwnam("nobody") failed in f:2\n${HINT}`],
    ["user mail;", `getgrnam("mail") failed in f:1\n${HINT}`, { "/etc/group": "nogroup:x:65534:\n" }],
    ["user mail none;", `getgrnam("none") failed in f:1\n${HINT}`],
    ["user ldap;", `getpwnam("ldap") failed in f:1\n${HINT}`, {
      "/etc/nsswitch.conf": "passwd: files systemd [SUCCESS=merge]\n",
    }],
    ["user ldap;", "ok", { "/etc/nsswitch.conf": "# who\npasswd:   files sss\ngroup: files\n" }],
  ];
  for (const [line, expected, more] of rows) {
    it(`${JSON.stringify(line)}${more === undefined ? "" : ` with ${Object.values(more).join("")}`}: ${expected.split("\n", 1)[0]}`, () => {
      assertEquals(problem(line, more), expected);
    });
  }
});
