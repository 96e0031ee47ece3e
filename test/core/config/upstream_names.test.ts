import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import type { UpstreamConfig } from "../../../src/config/mod.ts";
import { inMail, load, problem } from "../../support/config.ts";

function inGroup(...lines: readonly string[]): string {
  return inMail(["upstream x {", ...lines, "}"].join("\n"));
}

function groupWith(...lines: readonly string[]): UpstreamConfig {
  const [group] = load(inGroup(...lines)).upstreams;
  if (group === undefined) throw new Error("no group");
  return group;
}

const RESOLVER = "resolver 192.0.2.53;";

describe("servers whose names are looked up again", () => {
  it("are named with nginx's words", () => {
    const { servers } = groupWith(
      RESOLVER,
      "server mail.test:143 resolve;",
      "server mail.test service=imap resolve backup;",
    );
    const [name, service] = servers;
    assertEquals([name?.isResolved, name?.service], [true, undefined]);
    assertEquals([service?.isResolved, service?.service, service?.isBackup], [true, "imap", true]);
  });

  it("need a resolver, from the group or from around it", () => {
    const host = ({ resolver }: UpstreamConfig) => resolver?.servers[0]?.host;
    assertEquals(host(groupWith(RESOLVER, "server mail.test:143 resolve;")), "192.0.2.53");
    const around = load(inMail("resolver 192.0.2.54; upstream x { server mail.test:143 resolve; }"));
    assertEquals(around.upstreams.map(host), ["192.0.2.54"]);
    assertEquals(
      problem(inGroup("server mail.test:143 resolve;")),
      'no resolver defined to resolve mail.test:143 in f:4\na "resolver" in "mail {}" or in the "upstream {}" names the servers to ask',
    );
    // An address has nothing to look up.
    assertEquals(groupWith("server 192.0.2.1:143 resolve;").servers.length, 1);
  });

  it("have SRV records only where nginx has them", () => {
    assertEquals(
      problem(inGroup("server mail.test service=imap;")),
      'service upstream "mail.test" requires "resolve" parameter in f:4',
    );
    assertEquals(
      problem(inGroup("server mail.test:143 service=imap resolve;")),
      'service upstream "mail.test:143" may not have port in f:4\nSRV records have ports of their own',
    );
    assertEquals(
      problem(inGroup("server 192.0.2.1 service=imap resolve;")),
      'service upstream "192.0.2.1" requires a name in f:4',
    );
    assertEquals(problem(inGroup("server mail.test service= resolve;")), 'invalid parameter "service=" in f:4');
    assertEquals(
      problem(inGroup("server mail.test resolv;")),
      'invalid parameter "resolv" in f:4\ndid you mean "resolve"?',
    );
  });
});
