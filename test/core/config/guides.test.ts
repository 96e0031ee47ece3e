/**
 * Configurations as guides and tutorials show them, old and new. What such a file needs that is not there yet must be
 * refused by name; when it comes, the row here changes.
 */

import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { load, problem } from "../../support/config.ts";

const GUIDES: readonly [what: string, text: string, problem: string][] = [
  [
    "IMAP over TLS to a back end without an auth server",
    `worker_processes auto;
events { worker_connections 1024; }
mail {
    imap_client_buffer 8k;
    server {
        listen              993 ssl;
        protocol            imap;
        imap_auth            plain login cram-md5;
        imap_capabilities    IMAP4 IMAP4rev1 IDLE UIDPLUS;
        ssl_certificate      /etc/nginx/ssl/mail.crt;
        ssl_certificate_key  /etc/nginx/ssl/mail.key;
        ssl_session_cache    shared:mail_ssl:10m;
        proxy_pass          imap_backend:143;
        proxy_timeout       2m;
        proxy_pass_error_message on;
    }
}`,
    "ok",
  ],
  [
    "a large buffer and a back end",
    "mail { server { listen 143; protocol imap;\nimap_client_buffer 16k;\nproxy_pass back_imap:143; } }",
    "ok",
  ],
  [
    "POP3 with digests only",
    "mail { server { listen 110;\nprotocol pop3;\npop3_auth apop cram-md5;\nproxy_pass pop3_backend:110; } }",
    "ok",
  ],
  [
    "STARTTLS without a certificate, which nginx refuses as well",
    "mail {\nauth_http a;\nserver { listen 143;\nstarttls on; } }",
    'no "ssl_certificate" is defined for the "starttls" directive in f:4\n' +
    'what is given in "mail {}" is for every "server {}" that gives none itself',
  ],
  [
    "the forgotten ; of a well-known article",
    "worker_processes auto\n\nmail {\n}",
    'directive "worker_processes" is not terminated by ";" in f:3\nis a ";" missing before "mail"?',
  ],
];

/** What works as it is. */
const WORKING: readonly [what: string, text: string][] = [
  [
    "three protocols with digests",
    `worker_processes auto;
mail {
    server_name mail.example.com;
    auth_http localhost:9000/cgi-bin/nginxauth.cgi;
    imap_capabilities IMAP4rev1 UIDPLUS IDLE LITERAL+ QUOTA;
    pop3_auth plain apop cram-md5;
    pop3_capabilities LAST TOP USER PIPELINING UIDL;
    smtp_auth login plain cram-md5;
    smtp_capabilities "SIZE 10485760" ENHANCEDSTATUSCODES 8BITMIME DSN;
    server { listen 143; protocol imap; }
    server { listen 110; protocol pop3; proxy_pass_error_message on; }
    server { listen 25; protocol smtp; }
}`,
  ],
  [
    "three protocols in the clear",
    `worker_processes auto;
mail {
    server_name mail.example.com;
    auth_http   localhost:9000/cgi-bin/nginxauth.cgi;
    proxy_pass_error_message on;
    imap_capabilities IMAP4rev1 UIDPLUS IDLE LITERAL+ QUOTA;
    pop3_capabilities LAST TOP USER PIPELINING UIDL;
    smtp_capabilities "SIZE 10485760" ENHANCEDSTATUSCODES 8BITMIME DSN;
    server { listen 25; protocol smtp; smtp_auth login plain; timeout 5s; proxy_timeout 24h; xclient off; }
    server { listen 110; protocol pop3; pop3_auth plain; }
    server { listen 143; protocol imap; }
}`,
  ],
  [
    "STARTTLS set aside: resolver, rules, XCLIENT",
    `mail {
    server_name mail.example.com;
    auth_http http://auth.example.com/mail/auth;
    resolver 8.8.8.8 8.8.4.4 valid=300s;
    resolver_timeout 30s;
    server { listen 143; protocol imap; proxy_timeout 600s; }
    server {
        listen 25;
        protocol smtp;
        xclient on;
        allow 192.168.0.0/16;
        allow 10.0.0.0/8;
        deny all;
    }
}`,
  ],
  [
    "all that the oldest wiki has",
    `imap {
    auth_http localhost:9000/cgi-bin/nginxauth.cgi;
    auth plain apop cram-md5;
    imap_capabilities "IMAP4" "IMAP4rev1" "UIDPLUS";
    pop3_capabilities "TOP" "USER";
    so_keepalive on;
    timeout 60000;
    ssl off;
    proxy on;
    server_name example.com *.example.com;
    server { listen 110; protocol pop3; }
    server { listen [::]:8000; listen localhost:8000; protocol imap; server_name .example.com; }
}`,
  ],
  ["lines and blanks of Windows", "\xef\xbb\xbfmail {\r\n\tauth_http a;\r\n\tserver {\tlisten 143;\t}\r\n}\r\n"],
  [
    "comments in another language, with its punctuation",
    "mail { # \xef\xbb\xbf\xe9\x82\xae\xe4\xbb\xb6\xef\xbc\x9b\xef\xbd\x9b\n auth_http a; server { listen 143; # \xc2\xa0}\n} }",
  ],
  [
    "capabilities in quotes",
    'mail { imap_capabilities "IMAP4" "IMAP4rev1" "UIDPLUS"; pop3_capabilities "TOP" "USER"; }',
  ],
  [
    "addresses of all forms",
    `mail { auth_http a; server { protocol imap; listen 127.0.0.1:8000; listen 127.0.0.1; listen 8001; listen *:8002;
     listen localhost:8000; listen [::]:8000; listen [fe80::1]; } }`,
  ],
  [
    "STARTTLS for all, and a port of its own",
    `events {}
mail {
    starttls on;
    auth_http localhost:9000/auth;
    server {
        listen 995 ssl;
        protocol pop3;
        pop3_auth plain cram-md5;
        ssl_certificate /etc/nginx/ssl/pop3.crt;
        ssl_certificate_key /etc/nginx/ssl/pop3.key;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_ciphers HIGH:!aNULL:!MD5;
        ssl_session_cache shared:mail_ssl:10m;
        ssl_session_timeout 10m;
    }
}`,
  ],
  [
    "ssl for all, as before 1.15",
    `worker_processes auto;
mail {
    server_name mail.example.com;
    auth_http   localhost:9000/cgi-bin/nginxauth.cgi;
    proxy_pass_error_message on;
    ssl                 on;
    ssl_certificate     /etc/ssl/certs/server.crt;
    ssl_certificate_key /etc/ssl/certs/server.key;
    ssl_protocols       TLSv1 TLSv1.1 TLSv1.2;
    ssl_ciphers         HIGH:!aNULL:!MD5;
    ssl_session_cache   shared:SSL:10m;
    ssl_session_timeout 10m;
    server { listen 25; protocol smtp; smtp_auth login plain cram-md5; }
    server { listen 110; protocol pop3; pop3_auth plain apop cram-md5; }
    server { listen 143; protocol imap; }
}`,
  ],
  ["SSL parameters only", "mail {\nssl_protocols TLSv1 TLSv1.1 TLSv1.2;\n}"],
  ["a timeout in milliseconds", "mail { timeout 60000; }"],
  [
    "a log of its own",
    "mail { auth_http a; error_log /var/log/nginx/mail_error.log debug; server { listen 143; protocol imap; } }",
  ],
  [
    "the sample in Debian's file",
    "mail { auth_http localhost/auth.php; server { listen localhost:110; protocol pop3; proxy on; } }",
  ],
];

describe("configurations of guides", () => {
  for (const [what, text, expected] of GUIDES) it(what, () => assertEquals(problem(text), expected));
  for (const [what, text] of WORKING) it(what, () => assertEquals(problem(text), "ok"));

  it("warn that events {} is missing, which nginx would refuse", () => {
    const [, text = ""] = WORKING[0] ?? [];
    assertEquals(load(text).warnings, [{ level: "warn", text: 'no "events" section in configuration' }]);
  });
});
