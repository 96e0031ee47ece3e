import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import type { TlsFacts } from "../../../src/runtime.ts";
import { BUILTINS, ENDINGS, type Facts } from "../../../src/variables/mod.ts";
import { factsOf } from "../../support/facts.ts";

const TLS: TlsFacts = {
  version: "TLSv1.3",
  cipher: "TLS_AES_256_GCM_SHA384",
  serverName: "imap.example.com",
  alpn: "imap",
  isResumed: true,
  certificate: {
    subject: "CN=anna",
    issuer: "CN=ca",
    serial: "2A",
    fingerprint: "00ff",
    pem: "PEM",
    verifyError: undefined,
  },
};
const UNVERIFIED = { number: 18, text: "self-signed certificate" };
const EMPTY_HANDED: TlsFacts = { ...TLS, certificate: undefined };
const SUSPECT: TlsFacts = {
  ...TLS,
  certificate: { subject: "", issuer: "", serial: "", fingerprint: "", pem: "", verifyError: UNVERIFIED },
};
const ANNA = { method: "plain", login: "anna@local@example.com", clientHost: undefined, envelope: undefined };
const MAIL = {
  method: "none",
  login: "",
  clientHost: "[UNAVAILABLE]",
  envelope: { helo: "relay.example", from: "MAIL FROM:<a@example.org> SIZE=7", to: "RCPT TO:<>" },
};
const UPSTREAM = {
  text: "192.0.2.1:143",
  connectTime: 3,
  loginTime: 1500,
  sessionTime: 61_002,
  bytesSent: 5,
  bytesReceived: 7,
};
const DEAD = { ...UPSTREAM, text: "192.0.2.2:143", connectTime: undefined, loginTime: undefined, bytesReceived: 0 };
const UNIX = { family: "unix", path: "/run/imap" } as const;
const PROXIED = {
  source: { family: 6, host: "2001:db8::7", port: 1 },
  destination: { family: 6, host: "2001:db8::1", port: 993 },
} as const;

type Row = readonly [name: string, changes: Partial<Facts>, value: string | undefined];

const ROWS: readonly Row[] = [
  ["remote_addr", {}, "198.51.100.7"],
  ["remote_addr", { client: { family: "unix", path: "" } }, "unix:"],
  ["remote_port", {}, "40001"],
  ["remote_port", { client: UNIX }, ""],
  ["binary_remote_addr", {}, "\xc6\x33\x64\x07"],
  ["binary_remote_addr", { client: PROXIED.source }, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07"],
  ["binary_remote_addr", { client: { family: 6, host: "fe80::1%eth0", port: 1 } }, `\xfe\x80${"\0".repeat(13)}\x01`],
  ["binary_remote_addr", { client: UNIX }, "unix:/run/imap"],
  ["realip_remote_addr", { client: PROXIED.source }, "198.51.100.7"],
  ["realip_remote_port", {}, "40001"],
  ["server_addr", {}, "192.0.2.9"],
  ["server_addr", { server: UNIX }, "unix:/run/imap"],
  ["server_port", {}, "143"],
  ["server_name", {}, "mail.example.com"],
  ["listen_addr", {}, "0.0.0.0:143"],
  ["protocol", { protocol: "pop3" }, "pop3"],
  ["connection", {}, "7"],
  ["proxy_protocol_addr", {}, undefined],
  ["proxy_protocol_addr", { proxied: PROXIED }, "2001:db8::7"],
  ["proxy_protocol_port", { proxied: PROXIED }, "1"],
  ["proxy_protocol_server_addr", { proxied: PROXIED }, "2001:db8::1"],
  ["proxy_protocol_server_port", { proxied: PROXIED }, "993"],
  ["auth_user", {}, undefined],
  ["auth_user", { claim: ANNA }, "anna@local@example.com"],
  ["auth_user", { claim: MAIL }, undefined],
  ["auth_domain", { claim: ANNA }, "example.com"],
  ["auth_domain", { claim: { ...ANNA, login: "anna" } }, undefined],
  ["auth_domain", { claim: { ...ANNA, login: "anna@" } }, ""],
  ["auth_local_part", { claim: ANNA }, "anna@local"],
  ["auth_local_part", { claim: { ...ANNA, login: "anna" } }, "anna"],
  ["auth_local_part", { claim: MAIL }, undefined],
  ["auth_user_lower", { claim: { ...ANNA, login: "Anna@EXAMPLE.com" } }, "anna@example.com"],
  ["auth_user_lower", {}, undefined],
  ["auth_domain_lower", { claim: { ...ANNA, login: "Anna@EXAMPLE.com" } }, "example.com"],
  ["auth_domain_lower", { claim: { ...ANNA, login: "Anna" } }, undefined],
  ["auth_local_part_lower", { claim: { ...ANNA, login: "Anna@EXAMPLE.com" } }, "anna"],
  ["auth_original_user", { claim: ANNA }, "anna@local@example.com"],
  ["auth_original_user", { claim: { ...ANNA, said: "Anna" } }, "Anna"],
  ["auth_original_user", {}, undefined],
  ["auth_method", { claim: ANNA }, "plain"],
  ["auth_method", {}, undefined],
  ["auth_attempts", { attempts: 3 }, "3"],
  ["client_host", { claim: MAIL }, "[UNAVAILABLE]"],
  ["smtp_helo", { claim: MAIL }, "relay.example"],
  ["smtp_helo", { claim: ANNA }, undefined],
  ["smtp_from", { claim: MAIL }, "a@example.org"],
  ["smtp_to", { claim: MAIL }, ""],
  ["smtp_to", { claim: { ...MAIL, envelope: { helo: "", from: "", to: "RCPT TO:nobody" } } }, undefined],
  ["ssl_protocol", {}, undefined],
  ["ssl_protocol", { tls: TLS }, "TLSv1.3"],
  ["ssl_cipher", { tls: TLS }, "TLS_AES_256_GCM_SHA384"],
  ["ssl_server_name", { tls: TLS }, "imap.example.com"],
  ["ssl_alpn_protocol", { tls: TLS }, "imap"],
  ["ssl_session_reused", { tls: TLS }, "r"],
  ["ssl_session_reused", { tls: { ...TLS, isResumed: false } }, "."],
  ["ssl_session_reused", {}, undefined],
  ["starttls", {}, "off"],
  ["starttls", { usesStartTls: true }, "on"],
  ["ssl_client_verify", {}, undefined],
  ["ssl_client_verify", { tls: EMPTY_HANDED }, "NONE"],
  ["ssl_client_verify", { tls: TLS }, "SUCCESS"],
  ["ssl_client_verify", { tls: SUSPECT }, "FAILED:self-signed certificate"],
  ["ssl_client_s_dn", { tls: TLS }, "CN=anna"],
  ["ssl_client_i_dn", { tls: TLS }, "CN=ca"],
  ["ssl_client_serial", { tls: TLS }, "2A"],
  ["ssl_client_fingerprint", { tls: TLS }, "00ff"],
  ["ssl_client_fingerprint", { tls: EMPTY_HANDED }, undefined],
  ["upstream_addr", {}, undefined],
  ["upstream_addr", { upstreams: [DEAD, UPSTREAM] }, "192.0.2.2:143, 192.0.2.1:143"],
  ["upstream_connect_time", { upstreams: [DEAD, UPSTREAM] }, "-, 0.003"],
  ["upstream_login_time", { upstreams: [UPSTREAM] }, "1.500"],
  ["upstream_session_time", { upstreams: [UPSTREAM] }, "61.002"],
  ["upstream_bytes_sent", { upstreams: [UPSTREAM] }, "5"],
  ["upstream_bytes_received", { upstreams: [DEAD, UPSTREAM] }, "0, 7"],
  ["session_start", {}, "2026-03-01T08:05:08+01:00"],
  ["session_time", {}, "1.012"],
  ["ssl_handshake_time", {}, undefined],
  ["ssl_handshake_time", { handshakeTime: 0 }, "0.000"],
  ["auth_time", { authTime: 12 }, "0.012"],
  ["bytes_sent", { bytesSent: 4 }, "4"],
  ["bytes_received", { bytesReceived: 9 }, "9"],
  ["session_event", { event: "login_failed" }, "login_failed"],
  ["session_phase", { phase: "proxy_protocol" }, "proxy_protocol"],
  ["session_result", { result: "clientClosed" }, "clientClosed"],
  ["session_result", {}, undefined],
  ["limit_conn_status", {}, undefined],
  ["limit_conn_status", { limit: "REJECTED" }, "REJECTED"],
  ["session_fault", { result: "clientClosed" }, undefined],
  ["session_fault", { result: "refused" }, "user"],
  ["session_fault", { result: "upstreamClosed", brokenSide: "upstream" }, "upstream"],
  ["status", {}, undefined],
  ["status", { result: "upstreamUnavailable" }, "502"],
  ["hostname", {}, "Host.Example"],
  ["pid", {}, "4711"],
  ["msec", {}, "1772348709.012"],
  ["time_iso8601", {}, "2026-03-01T08:05:09+01:00"],
  ["time_local", {}, "01/Mar/2026:08:05:09 +0100"],
  ["nginx_version", {}, "1.31.5"],
];

describe("the variables that need no definition", () => {
  for (const [name, changes, value] of ROWS) {
    it(`have $${name} as ${JSON.stringify(value)} with ${JSON.stringify(changes)}`, () => {
      assertEquals(BUILTINS.find((each) => each.name === name)?.value(factsOf(changes)), value);
    });
  }

  it("are all in this table, and each once", () => {
    assertEquals(BUILTINS.map(({ name }) => name), [...new Set(ROWS.map(([name]) => name))]);
  });

  it("tell the time west of Greenwich, and where clocks differ by half an hour", () => {
    const at = (utcOffset: number) => {
      const facts = factsOf();
      const host = { ...facts.host, utcOffset: () => utcOffset };
      return BUILTINS.find(({ name }) => name === "time_iso8601")?.value({ ...facts, host });
    };
    assertEquals([at(-210), at(345)], ["2026-03-01T03:35:09-03:30", "2026-03-01T12:50:09+05:45"]);
  });

  it("give every end of a connection a number of nginx's, and no fault to those who did what they should", () => {
    const innocent = Object.entries(ENDINGS).filter(([, { fault }]) => fault === undefined).map(([result]) => result);
    assertEquals(innocent, ["clientClosed", "upstreamClosed", "quit"]);
    for (const { status } of Object.values(ENDINGS)) {
      assertEquals([200, 400, 403, 500, 502, 503].includes(status), true);
    }
  });
});
