import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { inMail, inServer, load, problem } from "../../support/config.ts";

/** The limits of the first server with these lines in `mail {}` and in `server {}`. */
function limitsWith(mail: string, server: string): unknown {
  const [found] = load(`events {} mail { auth_http a; ${mail} server { listen 143; ${server} } }`).servers;
  const { rules, level, isDryRun } = found?.limits ?? { rules: [] };
  const short = rules.map(({ zone: { name, capacity, needsLogin, key }, most }) =>
    [name, key.text, capacity, needsLogin ? "login" : "arrival", most].join(" ")
  );
  return [short, level, isDryRun];
}

const ZONE = "limit_conn_zone $binary_remote_addr zone=perip:10m;";

describe("limit_conn", () => {
  it("limits nothing unless it is given", () => {
    assertEquals(limitsWith(ZONE, ""), [[], "error", false]);
  });

  it("names a zone, which may stand below it", () => {
    const lines = `limit_conn peruser 20; ${ZONE} limit_conn_zone $auth_user zone=peruser:32k; limit_conn perip 10;`;
    assertEquals(limitsWith(lines, ""), [
      ["peruser $auth_user 256 login 20", "perip $binary_remote_addr 81920 arrival 10"],
      "error",
      false,
    ]);
  });

  it("says which zone may be meant", () => {
    assertEquals(
      problem(inMail(`${ZONE} limit_conn perp 10;`)),
      'zero size shared memory zone "perp" in f:3\ndid you mean "perip"?',
    );
  });

  it("of a server replaces those of mail", () => {
    const own = "limit_conn perip 3; limit_conn_log_level warn; limit_conn_dry_run on;";
    assertEquals(limitsWith(`${ZONE} limit_conn perip 10;`, own), [
      ["perip $binary_remote_addr 81920 arrival 3"],
      "warn",
      true,
    ]);
  });

  it("knows which keys need a login, also by way of maps", () => {
    const keys: readonly [key: string, moment: string][] = [
      ["$remote_addr$server_port", "arrival"],
      ["$remote_addr$auth_user", "login"],
      ["$outer", "login"],
      ["$near", "arrival"],
      ["$ssl_client_s_dn", "login"],
      ["$smtp_helo", "login"],
      ["everybody", "arrival"],
    ];
    const maps = "map $auth_domain $inner { a b; } map $inner $outer { a b; } geo $near { default a; }";
    for (const [key, moment] of keys) {
      const lines = `${maps} limit_conn_zone ${key} zone=z:1m; limit_conn z 1;`;
      assertEquals(limitsWith(lines, ""), [[`z ${key} 8192 ${moment} 1`], "error", false]);
    }
  });

  const zones: readonly [line: string, problem: string][] = [
    ["limit_conn_zone $remote_addr;", 'invalid number of arguments in "limit_conn_zone" directive in f:3'],
    ["limit_conn_zone $remote_addr size=1m;", 'invalid parameter "size=1m" in f:3'],
    [
      "limit_conn_zone $remote_addr zone=a;",
      'invalid zone size "zone=a" in f:3\na zone has a name and a size: zone=name:10m',
    ],
    [
      "limit_conn_zone $remote_addr zone=a:x;",
      'invalid zone size "zone=a:x" in f:3\na zone has a name and a size: zone=name:10m',
    ],
    ["limit_conn_zone $remote_addr zone=:1m;", '"limit_conn_zone" must have "zone" parameter in f:3'],
    ["limit_conn_zone $remote_addr zone=a:31k;", 'zone "a" is too small in f:3'],
    ["limit_conn_zone $remot_addr zone=a:1m;", 'unknown "remot_addr" variable in f:3\ndid you mean "$remote_addr"?'],
    [
      "limit_conn_zone $remote_addr zone=a:1m; limit_conn_zone $auth_user zone=a:1m;",
      'limit_conn_zone "a" is already bound to key "$remote_addr" in f:3',
    ],
  ];
  for (const [line, expected] of zones) it(line, () => assertEquals(problem(inMail(line)), expected));

  const limits: readonly [line: string, problem: string][] = [
    ["limit_conn perip;", 'invalid number of arguments in "limit_conn" directive in f:4'],
    ["limit_conn perip 0;", 'invalid number of connections "0" in f:4'],
    ["limit_conn perip many;", 'invalid number of connections "many" in f:4'],
    ["limit_conn perip 65536;", "connection limit must be less 65536 in f:4"],
    ["limit_conn perip 65535;", 'zero size shared memory zone "perip" in f:4\nno "limit_conn_zone" makes it'],
    ["limit_conn perip 1; limit_conn perip 2;", '"limit_conn" directive is duplicate in f:4'],
    [
      `limit_conn_log_level debug;`,
      'invalid value "debug" in f:4\n"limit_conn_log_level" takes "info", "notice", "warn" or "error"',
    ],
    [
      "limit_conn_zone $remote_addr zone=a:1m;",
      '"limit_conn_zone" directive is not allowed here in f:4\n"limit_conn_zone" belongs into "mail {}"',
    ],
  ];
  for (const [line, expected] of limits) it(line, () => assertEquals(problem(inServer(line)), expected));
});
