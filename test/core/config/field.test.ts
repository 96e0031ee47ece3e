/** Whole files of the kind that runs in the field. */

import { assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { loadConfig } from "../../../src/config/mod.ts";
import type { Config } from "../../../src/config/mod.ts";
import { memoryFiles } from "../../support/config.ts";

function load(texts: Readonly<Record<string, string>>): Config {
  return loadConfig({
    files: memoryFiles(texts),
    path: "/etc/nginx/nginx.conf",
    prefix: "/usr/share/nginx",
    hostname: "Mx",
  });
}

function summary(config: Config): unknown {
  return config.servers.map(({ protocol, listens, authHttp }) => {
    return [
      protocol,
      ...listens.map(({ text }) => text),
      ...(authHttp?.headers ?? []).map(({ name, value }) => `${name}: ${value.text}`),
    ];
  });
}

/** A distribution's main file: modules by pattern, a web server, mail in a file of its own. */
const DISTRIBUTION = {
  "/etc/nginx/nginx.conf": `user www-data;
worker_processes auto;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log;
include /etc/nginx/modules-enabled/*.conf;

events {
	worker_connections 768;
	# multi_accept on;
}

http {

	##
	# Basic Settings
	##

	sendfile on;
	types_hash_max_size 2048;
	include /etc/nginx/mime.types;
	default_type application/octet-stream;
	ssl_protocols TLSv1.2 TLSv1.3; # Dropping SSLv3, ref: POODLE
	access_log /var/log/nginx/access.log;
	gzip on;
	# gzip_types text/plain text/css application/json;

	map $http_upgrade $connection_upgrade { default upgrade; '' close; }

	server {
		listen 80 default_server;
		server_name ~^(?<name>.+)\\.example\\.com$;
		if ($http_user_agent ~* "(curl|\\{bot\\})") { return 403; }
		location ~* \\.(?:css|js)$ { expires 7d; add_header Cache-Control "public"; }
		location / { try_files $uri $uri/ =404; }
	}

	include /etc/nginx/sites-enabled/*;
}

include mail.conf;
`,
  "/etc/nginx/modules-enabled/50-mod-mail.conf": "load_module modules/ngx_mail_module.so;\n",
  "/etc/nginx/modules-enabled/70-mod-stream.conf": "load_module modules/ngx_stream_module.so;\n",
  "/etc/nginx/mail.conf": `mail {
    auth_http 127.0.0.1:8008/auth;
    server { listen 143; listen [::]:143; }
    server { listen 110; listen [::]:110; }
}
`,
};

/** A container's file: everything in one, ports told apart by a header for the auth server. */
const CONTAINER = {
  "/etc/nginx/nginx.conf": `daemon off;
pcre_jit on;
error_log /dev/stderr notice;
load_module "modules/ngx_mail_module.so";
events { worker_connections 1024; }
http { server { listen 8000; location / { return 204; } } }
mail {
    server_name mail.example.org;
    auth_http http://127.0.0.1:8000/auth/email;
    proxy_pass_error_message on;
    error_log /dev/stderr info;
    proxy_timeout 30m;
    pop3_capabilities TOP UIDL RESP-CODES PIPELINING AUTH-RESP-CODE USER;
    imap_capabilities IMAP4 IMAP4rev1 UIDPLUS SASL-IR LOGIN-REFERRALS ID ENABLE IDLE LITERAL+;
    smtp_capabilities PIPELINING "SIZE 50000000" ETRN ENHANCEDSTATUSCODES 8BITMIME DSN;
    server {
        listen 25;
        protocol smtp;
        smtp_auth none;
        auth_http_header Auth-Port 25;
        auth_http_header Client-Port $remote_port;
    }
    server {
        listen 10143;
        protocol imap;
        smtp_auth plain;
        auth_http_header Auth-Port 10143;
    }
}
`,
};

/** A file with Lua in its web part and a TCP proxy. */
const WITH_LUA = {
  "/etc/nginx/nginx.conf": `worker_processes 2;
env SECRET;
events { use epoll; }
stream { upstream db { server 10.0.0.1:5432; } server { listen 5432; proxy_pass db; } }
http {
    lua_shared_dict tokens 10m;
    init_by_lua_block {
        local t = { "it's", '}', [[ a } and a " ]] } -- don't stop here }
    }
    server {
        location /auth {
            content_by_lua_block {
                if ngx.var.http_auth_pass == "}" then
                    ngx.header["Auth-Status"] = 'OK'
                else
                    ngx.header["Auth-Status"] = "Invalid { login"
                end
            }
        }
    }
}
mail { server { listen 143; auth_http unix:/run/auth.sock:/auth; } }
`,
};

describe("files of the field", () => {
  it("a distribution's", () => {
    const config = load(DISTRIBUTION);
    assertEquals(summary(config), [["imap", "0.0.0.0:143", "[::]:143"], ["pop3", "0.0.0.0:110", "[::]:110"]]);
    assertEquals(config.main.user, {
      name: "www-data",
      group: "www-data",
      place: { file: "/etc/nginx/nginx.conf", line: 1 },
    });
    assertEquals(config.warnings, [{
      level: "notice",
      text: 'the "http" block is left to nginx, skipped in /etc/nginx/nginx.conf:12',
    }]);
    assertEquals(config.files.map(({ path }) => path), Object.keys(DISTRIBUTION));
  });

  it("a container's", () => {
    const config = load(CONTAINER);
    assertEquals(summary(config), [
      ["smtp", "0.0.0.0:25", "Auth-Port: 25", "Client-Port: $remote_port"],
      ["imap", "0.0.0.0:10143", "Auth-Port: 10143"],
    ]);
    assertEquals(config.servers[0]?.smtp.auth, ["none"]);
    assertEquals(config.main.daemon, false);
  });

  it("one with Lua", () => {
    const config = load(WITH_LUA);
    assertEquals(summary(config), [["imap", "0.0.0.0:143"]]);
    assertEquals(config.servers[0]?.authHttp?.uri, "/auth");
    assertEquals(config.warnings.map(({ text }) => text.slice(4, 12)), ['"stream"', '"http" b']);
  });
});
