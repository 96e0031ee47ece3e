/**
 * The server blocks that nginx and the proxy both serve, by the name that dialogues call them. Those behind something
 * expect a PROXY header.
 */
export const SERVERS = {
  imap: "protocol imap;",
  imapWords: 'protocol imap; imap_capabilities IMAP4rev1 ID "X y"; imap_auth login plain; max_errors 2;',
  imapNoPlain: "protocol imap; imap_auth login; max_errors 0;",
  imapDigest: "protocol imap; imap_auth cram-md5 external;",
  imapSmall: "protocol imap; imap_client_buffer 64;",
  imapTight: "protocol imap; proxy_buffer 64; timeout 1s;",
  imapFrank: "protocol imap; proxy_pass_error_message on;",
  imapHasty: "protocol imap; timeout 1s; auth_http_timeout 1s;",
  imapHeaders: "protocol imap; auth_http_header X-Secret sesame; auth_http_header Price 5$price$;",
  pop3: "protocol pop3;",
  pop3Words: "protocol pop3; pop3_capabilities TOP UIDL PIPELINING; max_errors 1;",
  pop3Digest: "protocol pop3; pop3_auth apop cram-md5;",
  pop3Frank: "protocol pop3; proxy_pass_error_message on;",
  pop3Hasty: "protocol pop3; timeout 1s;",
  smtp: "protocol smtp;",
  smtpWords: 'protocol smtp; smtp_capabilities "SIZE 10485760" PIPELINING 8BITMIME; smtp_auth plain; max_errors 2;',
  smtpOpen: "protocol smtp; smtp_auth none; smtp_capabilities 8BITMIME;",
  smtpOpenPlain: "protocol smtp; smtp_auth none login; xclient off;",
  smtpOpenFrank: "protocol smtp; smtp_auth none; proxy_pass_error_message on;",
  smtpBare: "protocol smtp; xclient off;",
  smtpLogin: "protocol smtp; proxy_smtp_auth on;",
  smtpBareLogin: "protocol smtp; proxy_smtp_auth on; xclient off;",
  smtpFrank: "protocol smtp; proxy_smtp_auth on; proxy_pass_error_message on;",
  smtpSmall: "protocol smtp; smtp_client_buffer 64;",
  pop3Slow: "protocol pop3; auth_http_timeout 1s;",
  smtpSlow: "protocol smtp; auth_http_timeout 1s;",
  smtpDelayed: "protocol smtp; smtp_greeting_delay 1s;",
  imapBehind: "protocol imap; set_real_ip_from 127.0.0.1; proxy_protocol on;",
  smtpBehindStrangers: "protocol smtp; set_real_ip_from 192.0.2.0/24;",
  smtpBehind: "protocol smtp; set_real_ip_from 127.0.0.0/8;",
  smtpHasty: "protocol smtp; timeout 1s;",
} as const;

export type ServerName = keyof typeof SERVERS;
export type Protocol = "imap" | "pop3" | "smtp";

/** In the order of their ports. */
export const SERVER_NAMES = Object.keys(SERVERS) as readonly ServerName[];

export function protocolOf(server: ServerName): Protocol {
  return server.slice(0, 4) as Protocol;
}

/** The `mail {}` block: each server listens on the port with its number, all ask the same auth server. */
export function mailBlock(authPort: number, ports: readonly number[]): string {
  const servers = Object.entries(SERVERS).map(([name, block], i) => {
    const parameter = name.includes("Behind") ? " proxy_protocol" : "";
    return `server { listen 127.0.0.1:${ports[i]}${parameter}; ${block} }`;
  });
  return `server_name mail.example.com; auth_http 127.0.0.1:${authPort}/auth?by=mail; ${servers.join("\n")}`;
}
