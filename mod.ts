/**
 * Postern, a mail proxy: one IMAP, POP3 and SMTP endpoint in front of any number of mail servers. Run as a program
 * this is the proxy itself; imported it is a library.
 *
 * @example
 * ```ts
 * import { loadRuntime, parseConfig, serve } from "./mod.ts";
 *
 * const config = parseConfig(`mail {
 *   auth_http 127.0.0.1:9000/auth;
 *   server { listen 127.0.0.1:1143; protocol imap; }
 * }`);
 * const server = await serve(config, await loadRuntime());
 * ```
 *
 * @module
 */

export { loadRuntime } from "./adapters/detect.ts";
export * from "./src/config/mod.ts";
export * from "./src/proxy/mod.ts";
export * from "./src/auth/mod.ts";
export * from "./src/session/mod.ts";
export type { Runtime } from "./src/runtime.ts";
export { type ImapOptions, ImapSession } from "./src/protocol/imap/session.ts";
export { type Pop3Options, Pop3Session } from "./src/protocol/pop3/session.ts";
export { type SmtpOptions, SmtpSession } from "./src/protocol/smtp/session.ts";

if (import.meta.main) await import("./src/main.ts");
