/** What the TLS of a runtime cannot do. */

import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { capabilityError, capabilityWarnings, weighed } from "../../../src/config/mod.ts";
import type { CapableRuntime } from "../../../src/config/mod.ts";
import type { CapabilityState } from "../../../src/runtime.ts";
import { inServer, load } from "../../support/config.ts";
import { FakeRuntime } from "../../support/fake_runtime.ts";

const NEVER: CapabilityState = { state: "no", reason: "it never could" };

const ABLE: CapableRuntime = { name: "node", capabilities: new FakeRuntime().capabilities };

/** A runtime whose TLS has none of it. */
const LACKING: CapableRuntime = {
  name: "deno",
  capabilities: {
    ...ABLE.capabilities,
    "tls.ciphersuites": NEVER,
    "tls.clientSessionReuse": NEVER,
    "tls.confCommand": NEVER,
    "tls.dhparam": NEVER,
    "tls.oldVersions": NEVER,
    "tls.preferServerCiphers": NEVER,
    "tls.sessionCache": { state: "emulated", reason: "clients have tickets" },
    "tls.sessionTimeout": NEVER,
    "tls.ticketKeys": NEVER,
    "tls.ticketsOff": NEVER,
    "tls.unannouncedAuthorities": NEVER,
  },
};

const TLS = "starttls on; ssl_certificate c; ssl_certificate_key k;";

function told(lines: string, runtime = LACKING): readonly string[] {
  return capabilityWarnings(load(inServer(TLS, lines)), runtime).map(({ text }) => text);
}

const without = (setting: string) => `${setting} has no effect with deno: it never could in f:5`;

const WARNED: readonly [lines: string, ...warnings: string[]][] = [
  [""],
  ["ssl_session_cache none; ssl_session_tickets on; ssl_prefer_server_ciphers off;"],
  ["ssl_session_timeout 10m;", without('"ssl_session_timeout"')],
  ["ssl_session_tickets off;", without('"ssl_session_tickets"')],
  ["ssl_prefer_server_ciphers on;", without('"ssl_prefer_server_ciphers"')],
  ["ssl_session_cache shared:SSL:10m;", '"ssl_session_cache" has no effect with deno: clients have tickets in f:5'],
  ["ssl_conf_command Options KTLS;", without('"ssl_conf_command"')],
  [
    "ssl_verify_client on; ssl_trusted_certificate ca;",
    without('what sets "ssl_trusted_certificate" apart from "ssl_client_certificate"'),
  ],
  ["ssl_verify_client on; ssl_client_certificate ca;"],
  ["ssl_dhparam d;", without('"ssl_dhparam"')],
  ["ssl_session_ticket_key t;", without('"ssl_session_ticket_key"')],
  [
    "ssl_protocols TLSv1 TLSv1.1 TLSv1.2;",
    without('"TLSv1" in "ssl_protocols"'),
    without('"TLSv1.1" in "ssl_protocols"'),
  ],
  ["proxy_ssl on; proxy_ssl_protocols TLSv1 TLSv1.2;", without('"TLSv1" in "proxy_ssl_protocols"')],
  ["proxy_ssl_protocols TLSv1 TLSv1.2;"],
  ["proxy_ssl starttls; proxy_ssl_session_reuse on;", without('"proxy_ssl_session_reuse"')],
  ["proxy_ssl starttls; proxy_ssl_session_reuse off;"],
  ["proxy_ssl on; proxy_ssl_conf_command Options KTLS;", without('"proxy_ssl_conf_command"')],
  [
    "auth_http https://a; auth_http_ssl_protocols TLSv1.1 TLSv1.3;",
    without('"TLSv1.1" in "auth_http_ssl_protocols"'),
  ],
];

/** What no runtime does. */
const ALWAYS: readonly [lines: string, warning: string][] = [
  [
    "ssl_certificate_compression on;",
    '"ssl_certificate_compression" has no effect with node: certificates are always sent as they are in f:5',
  ],
  [
    "ssl_session_ticket_key t; ssl_verify_client optional_no_ca;",
    '"ssl_session_ticket_key" beside "ssl_verify_client" has no effect with node: what was verified elsewhere is verified ' +
    "anew in f:5",
  ],
];

const REFUSED: readonly [lines: string, error: string | undefined][] = [
  ["ssl_protocols TLSv1 TLSv1.1 TLSv1.2;", undefined],
  [
    "ssl_protocols TLSv1 TLSv1.1;",
    '"ssl_protocols" without TLSv1.2 and TLSv1.3 is not possible with deno: it never could in f:5',
  ],
  [
    "proxy_ssl on; proxy_ssl_protocols TLSv1.1;",
    '"proxy_ssl_protocols" without TLSv1.2 and TLSv1.3 is not possible with deno: it never could in f:5',
  ],
  ["proxy_ssl_protocols TLSv1.1;", undefined],
  [
    "ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;",
    '"ssl_conf_command Ciphersuites" is not possible with deno: it never could in f:5',
  ],
  [
    "proxy_ssl on; proxy_ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;",
    '"proxy_ssl_conf_command Ciphersuites" is not possible with deno: it never could in f:5',
  ],
  ["proxy_ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;", undefined],
  [
    "ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256;",
    undefined,
  ],
];

function refusedGap(setting: string, missing: string, line = 5): string {
  return `"${setting}" without ${missing} between others is not possible with bun: it never could in f:${line}`;
}

describe("what a runtime's TLS cannot do", () => {
  for (const [lines, ...expected] of WARNED) {
    it(`is warned of: ${lines || "nothing"}`, () => {
      assertEquals(told(lines), expected);
      assertEquals(told(lines, ABLE), []);
    });
  }

  for (const [lines, warning] of ALWAYS) {
    it(`is always warned of: ${lines}`, () => assertEquals(told(lines, ABLE), [warning]));
  }

  for (const [lines, error] of REFUSED) {
    it(`is refused, or not: ${lines}`, () => {
      assertEquals(capabilityError(load(inServer(TLS, lines)), LACKING)?.message, error);
      assertEquals(capabilityError(load(inServer(TLS, lines)), ABLE), undefined);
    });
  }

  for (
    const [lines, error] of [
      ["ssl_protocols TLSv1 TLSv1.1 TLSv1.2;"],
      ["ssl_protocols TLSv1.2;"],
      ["ssl_protocols TLSv1.1 TLSv1;"],
      ["ssl_protocols TLSv1.2 TLSv1;", refusedGap("ssl_protocols", "TLSv1.1")],
      ["ssl_protocols TLSv1.3 TLSv1;", refusedGap("ssl_protocols", "TLSv1.1 and TLSv1.2")],
      ["ssl_conf_command Protocol +TLSv1;", refusedGap("ssl_conf_command Protocol", "TLSv1.1")],
      [
        "ssl_protocols TLSv1 TLSv1.1 TLSv1.2;\nssl_conf_command Protocol -TLSv1.1;",
        refusedGap("ssl_conf_command Protocol", "TLSv1.1", 6),
      ],
      ["ssl_protocols TLSv1.1 TLSv1.3;", refusedGap("ssl_protocols", "TLSv1.2")],
      ["proxy_ssl on; proxy_ssl_protocols TLSv1.1 TLSv1.3;"],
    ] as const
  ) {
    it(`is refused with versions that are not in a row, or not: ${lines}`, () => {
      const config = load(inServer(TLS, lines));
      const capabilities = { ...ABLE.capabilities, "tls.versionGaps": NEVER };
      assertEquals(capabilityError(config, { name: "bun", capabilities })?.message, error);
      assertEquals(capabilityError(config, ABLE), undefined);
    });
  }

  it("is told once of a directive", () => {
    const lines = "ssl_session_ticket_key t; ssl_verify_client optional_no_ca;";
    assertEquals(told(lines), [without('"ssl_session_ticket_key"')]);
  });

  it("is not told of a server without TLS", () => {
    const config = load(inServer("ssl_session_timeout 1m; ssl_protocols TLSv1; ssl_dhparam d;"));
    assertEquals(capabilityWarnings(config, LACKING), []);
    assertEquals(capabilityError(config, LACKING), undefined);
  });

  it("is taken out of the versions", () => {
    const config = load(inServer(TLS, "ssl_protocols TLSv1 TLSv1.2; proxy_ssl_protocols TLSv1.1 TLSv1.3;"));
    assertEquals(weighed(config, ABLE), config);
    const [server] = weighed(config, LACKING).servers;
    assertEquals([server?.ssl?.versions, server?.proxy.ssl.versions], [["TLSv1.2"], ["TLSv1.3"]]);
    assertEquals(server?.authHttp?.ssl.versions, ["TLSv1.2", "TLSv1.3"]);
  });
});
