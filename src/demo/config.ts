import type { Protocol } from "../config/types.ts";
import type { Octets } from "../runtime.ts";
import { AUTH_PATH } from "./auth_server.ts";
import { IMAP_CAPABILITIES } from "./imap_server.ts";
import { POP3_CAPABILITIES } from "./pop3_server.ts";
import { EHLO_KEYWORDS } from "./smtp_server.ts";

/** The name that the demo's servers greet with. */
export const SERVER_NAME = "demo.example.com";

/**
 * The configuration of the demo's proxy, as an operator would write it. What the proxy announces before the login is
 * what the mail servers behind it can do, but for ID, which a client could send before there is a server to ask.
 */
export function demoConfiguration(
  ports: Readonly<Record<Protocol, number>>,
  { authPort }: { readonly authPort: number },
): Octets {
  const imap = IMAP_CAPABILITIES.filter((word) => word !== "ID");
  return `error_log stderr error;

events {
}

mail {
    server_name       ${SERVER_NAME};
    auth_http         http://127.0.0.1:${authPort}${AUTH_PATH};

    server {
        listen             127.0.0.1:${ports.imap};
        protocol           imap;
        imap_capabilities  ${words(imap)};
    }

    server {
        listen             127.0.0.1:${ports.pop3};
        protocol           pop3;
        pop3_capabilities  ${words(POP3_CAPABILITIES)};
    }

    server {
        listen             127.0.0.1:${ports.smtp};
        protocol           smtp;
        smtp_capabilities  ${words(EHLO_KEYWORDS)};
        xclient            on;
    }
}
`;
}

function words(list: readonly Octets[]): Octets {
  return list.map((word) => word.includes(" ") ? `"${word}"` : word).join(" ");
}
