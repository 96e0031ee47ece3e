import { assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "node:test";
import type { Octets } from "../../../src/runtime.ts";
import { Proxy } from "./_support.ts";

/** What a login becomes: for the auth server, for the upstream, and in the log. */
async function names(
  mail: string,
  login: string,
  answer = "",
): Promise<{ asked: string; told: string; log: Octets[] }> {
  const proxy = await Proxy.start(`auth_http_header X-Said $auth_original_user/$auth_user; ${mail}`);
  const client = proxy.client();
  client.says(`a LOGIN {${login.length}}\r\n`);
  client.says(`${login} sesame\r\n`);
  const auth = proxy.runtime.connects[0]?.accept();
  const request = auth?.heard() ?? "";
  const [, user] = /\r\nAuth-User: (.*)\r\n/.exec(request) ?? [];
  const [, said] = /\r\nX-Said: (.*)\r\n/.exec(request) ?? [];
  assertEquals(said, `${login}/${user}`);
  auth?.says(`HTTP/1.0 200 OK\r\nAuth-Status: OK\r\nAuth-Server: 192.0.2.3\r\nAuth-Port: 143\r\n${answer}\r\n`);
  const upstream = proxy.runtime.connects[1]?.accept();
  for (const line of ["* OK ready", "+ go on"]) upstream?.says(`${line}\r\n`);
  const [, told] = /\r\n(.*) \{6\}\r\n$/.exec(upstream?.heard() ?? "") ?? [];
  return { asked: user ?? "", told: told ?? "", log: proxy.log() };
}

describe("user names", () => {
  const rows: readonly [mail: string, login: string, asked: string, told: string][] = [
    ["", "Anna", "Anna", "Anna"],
    ["auth_default_domain example.com;", "anna", "anna@example.com", "anna@example.com"],
    ["auth_default_domain @example.com;", "anna", "anna@example.com", "anna@example.com"],
    ["auth_default_domain example.com;", "anna@example.org", "anna@example.org", "anna@example.org"],
    ["auth_username_format $auth_user_lower;", "Anna@Example.COM", "anna@example.com", "anna@example.com"],
    ["auth_username_format $auth_local_part;", "Anna@Example.COM", "Anna", "Anna"],
    [
      "auth_username_format $auth_local_part@$auth_domain_lower;",
      "Anna@Example.COM",
      "Anna@example.com",
      "Anna@example.com",
    ],
    ["proxy_username_format $auth_local_part_lower;", "Anna@Example.COM", "Anna@Example.COM", "anna"],
    ["proxy_username_format $auth_user@$protocol.test;", "Anna", "Anna", "Anna@imap.test"],
    [
      "auth_default_domain Example.com; auth_username_format $auth_user_lower; proxy_username_format $auth_local_part;",
      "Anna",
      "anna@example.com",
      "anna",
    ],
    ["map $auth_user $renamed { anna berta; } auth_username_format $renamed;", "anna", "berta", "berta"],
    ["map $auth_user $renamed { anna berta; } auth_username_format $renamed;", "carl", "carl", "carl"],
    ["auth_default_domain example.com;", "\xc4nna", "\xc4nna@example.com", "\xc4nna@example.com"],
    ["auth_username_format $auth_user_lower;", "\xc4NNA", "\xc4nna", "\xc4nna"],
  ];
  for (const [mail, login, asked, told] of rows) {
    it(`${mail || "without formats"} ${login}`, async () => {
      const found = await names(mail, login);
      assertEquals([found.asked, found.told], [asked, told]);
    });
  }

  it("leave the name alone that the auth server gives", async () => {
    const { told } = await names(
      "proxy_username_format $auth_local_part;",
      "anna@example.com",
      "Auth-User: inner@x\r\n",
    );
    assertEquals(told, "inner@x");
  });

  it("are what variables are worked out from afterwards, and limits count by", async () => {
    const limit = "limit_conn_zone $auth_user zone=u:1m; limit_conn u 1; auth_username_format $auth_user_lower;";
    const proxy = await Proxy.start(limit);
    proxy.logIn(proxy.client());
    const client = proxy.client();
    client.says("a LOGIN ANNA sesame\r\n");
    proxy.answer();
    assertEquals(client.heard(), "a NO [LIMIT] Too many connections\r\n");
    assertStringIncludes(proxy.log().join("\n"), 'by zone "u", key "anna"');
  });

  it("never have a line break in them", async () => {
    const found = await names('map $auth_user $broken { default "x\\r\\ny"; } auth_username_format $broken;', "anna");
    assertEquals([found.asked, found.told], ["anna", "anna"]);
    assertStringIncludes(found.log.join("\n"), '"auth_username_format $broken" makes a login with a line break while');
  });
});
