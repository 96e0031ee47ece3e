/** In what we differ from nginx on purpose. `docs/nginx-compatibility.md` has the same rows; a test compares the two. */

export interface Difference {
  readonly reason: string;
  /** From which version on nginx does it as we do, where there is one. */
  readonly nginxSince?: string;
  /** The test that shows it, for what no dialogue with nginx shows. */
  readonly shownIn?: string;
}

export const DIFFERENCES = {
  "response-codes": {
    reason: "A client must not take a fault of the server for a wrong password (RFC 5530, RFC 3206)",
  },
  "sasl-ir": {
    reason: "Initial responses work whatever the upstream is, and clients that know of it save a round trip (RFC 4959)",
  },
  "imap-id": { reason: "Some clients send it first of all and take a `BAD` for a broken server (RFC 2971)" },
  "lost-tag": { reason: "A reply with the wrong tag, or none, stalls clients" },
  "sasl-blanks": { reason: "The octets that matter are the same, so nothing is won by a refusal" },
  "last-line": { reason: "The client should hear why it is closed", shownIn: "test/e2e/failure_hostile.test.ts" },
  "farewell": {
    reason: "The client should try again, not ask for a password",
    shownIn: "test/core/proxy/stop.test.ts",
  },
  "pop3-buffer": { reason: "Long names and AUTH PLAIN with them do not fit into 128" },
  "crossing-pipeline": { reason: "A correct pipeline must not fail by its length" },
  "max-commands": {
    reason: "Nobody needs more to log in, and each costs time",
    shownIn: "test/e2e/failure_hostile.test.ts",
  },
  "empty-tag": {
    reason: "RFC 9051, 9: a tag has one octet at least, and no server answers a login without one",
    shownIn: "test/core/protocol/imap.test.ts",
  },
  "empty-literal": { reason: "RFC 9051, 4.3: an empty password is not `%0D`" },
  "literal-bound": {
    reason: "The client need not send what will be refused, and what follows must not be read as commands",
  },
  "strict-literal": { reason: "A password must not lose an octet in silence", nginxSince: "1.29.6" },
  "nul": { reason: "What stands behind a NUL is invisible to servers that keep names in C strings" },
  "pop3-line-break": { reason: "`joe<CR><LF>DELE 1` would be a command of its own" },
  "external-gate": { reason: "What is not enabled must not work" },
  "half-close": {
    reason: "RFC 9293, 3.6: such a connection is half open, not gone",
    shownIn: "test/e2e/failure_relay.test.ts",
  },
  "header-split": { reason: "TCP may cut it anywhere", shownIn: "test/e2e/proxy_protocol.test.ts" },
  "header-pipeline": {
    reason: "The client waits for an answer and sends no more",
    shownIn: "test/e2e/proxy_protocol.test.ts",
  },
  "client-leaves": {
    reason: "Nobody should wait, or be asked, for a client that is gone",
    shownIn: "test/e2e/failure_client.test.ts",
  },
  "http-1.1": { reason: "A login costs no new connection", shownIn: "test/e2e/auth_http.test.ts" },
  "missing-status": { reason: "A web server's default page must not let anybody in" },
  "http-5xx": { reason: "Whoever says that it failed has not decided" },
  "empty-status": { reason: "An empty answer is no consent, and an empty text no reply" },
  "error-code": { reason: "A refusal must not begin with `235`" },
  "server-name": { reason: "Operators have names; addresses work as before" },
  "interim-response": { reason: "RFC 9110, 15.2" },
  "long-head": { reason: "Servers send more headers than they used to" },
  "auth-early-close": { reason: "A client should not wait for nothing", shownIn: "test/e2e/failure_auth.test.ts" },
  "wait-zero": { reason: "It would load both sides as fast as they can", shownIn: "test/core/auth/answer.test.ts" },
  "untagged-line": { reason: "Servers send CAPABILITY there", nginxSince: "1.27.3" },
  "untagged-lines": { reason: "Servers send alerts, too" },
  "status-word": { reason: "RFC 9051, 9 and RFC 1939, 3" },
  "status-case": { reason: "RFC 9051, 9: such words are compared without case" },
  "bare-lf-upstream": { reason: "Whoever sends it means the end of the line" },
  "short-reply": { reason: "Some servers leave the text out" },
  "xtext": { reason: "A blank in a name would begin another attribute", nginxSince: "1.29.2" },
  "proxy-timeout": { reason: "A long download is not idle", shownIn: "test/adapter/relay.test.ts" },
  "log-secrets": { reason: "They may be followed by a password", shownIn: "test/e2e/failure_hostile.test.ts" },
  "log-escaping": {
    reason: "Nobody should forge lines, or steer a terminal, from outside",
    shownIn: "test/e2e/failure_upstream.test.ts",
  },
  "log-timeouts": {
    reason: "At the usual level the log would say nothing of a server that hangs",
    shownIn: "test/e2e/failure_upstream.test.ts",
  },
  "log-auth-server": { reason: "There may be several", shownIn: "test/e2e/failover.test.ts" },
  "log-failures": {
    reason: "An operator should see what clients hear of",
    shownIn: "test/e2e/failure_upstream.test.ts",
  },
} as const satisfies Readonly<Record<string, Difference>>;

export type DifferenceId = keyof typeof DIFFERENCES;
