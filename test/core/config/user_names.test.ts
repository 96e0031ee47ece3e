import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { inServer, problem, serverWith } from "../../support/config.ts";

const PASS = "events {}\nmail { proxy_pass 192.0.2.1;\nserver { listen 143;\n";
const HINT = 'only the client can make what the mail server checks: no "auth_default_domain" and no formats of names';

describe("user names", () => {
  it("stay as they are unless something is given", () => {
    assertEquals(serverWith().userNames, undefined);
    assertEquals(serverWith("auth_default_domain off;").userNames, undefined);
    const { defaultDomain, asked, told } = serverWith(
      "auth_default_domain example.com;",
      "auth_username_format $auth_user_lower;",
    ).userNames ?? {};
    assertEquals([defaultDomain, asked?.text, told], ["example.com", "$auth_user_lower", undefined]);
  });

  const errors: readonly [line: string, problem: string][] = [
    ['auth_default_domain "";', 'invalid domain "" in f:4'],
    ["auth_default_domain a@b;", 'invalid domain "a@b" in f:4'],
    ["proxy_username_format $auth_usr;", 'unknown "auth_usr" variable in f:4\ndid you mean "$auth_user"?'],
    ["auth_username_format a; auth_username_format b;", '"auth_username_format" directive is duplicate in f:4'],
    ["imap_auth cram-md5; auth_default_domain example.com;", "ok"],
  ];
  for (const [line, expected] of errors) it(line, () => assertEquals(problem(inServer(line)), expected));

  for (const method of ["cram-md5", "scram-sha-256"]) {
    it(`of ${method} cannot be changed where the mail server checks it`, () => {
      assertEquals(
        problem(`${PASS}imap_auth plain ${method}; proxy_username_format $auth_local_part; } }`),
        `"imap_auth ${method}" does not go with another name for the user in f:3\n${HINT}`,
      );
    });
  }
});
