#!/usr/bin/env python3
"""Tells the mail proxy who may log in, and where the mail is.

    auth_server.py FILE

FILE is JSON: "accounts" has for each login a "password" and, where the mail server knows the user by other names, "user"
and "pass"; "servers" has the port of the mail server for each protocol; "wait" is how many seconds a wrong password costs.
Mail from nobody in particular is taken for "domain" only.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import unquote

with open(sys.argv[1], encoding="utf-8") as file:
    config = json.load(file)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.headers["Auth-Method"] == "none":
            fields = self.decide_on_recipient()
        else:
            fields = self.decide_on_login()
        self.send_response(200)
        for name, value in fields.items():
            self.send_header(name, str(value))
        self.end_headers()

    def decide_on_recipient(self):
        recipient = self.headers["Auth-SMTP-To"].lower()
        if not recipient.startswith("rcpt to:<") or "@" + config["domain"] + ">" not in recipient:
            return {"Auth-Status": "Relay access denied", "Auth-Error-Code": "554 5.7.1"}
        return self.accept({})

    def decide_on_login(self):
        account = config["accounts"].get(self.plain("Auth-User"))
        if account is None or account["password"] != self.plain("Auth-Pass"):
            fields = {"Auth-Status": "Invalid login or password"}
            if config["wait"] > 0 and int(self.headers["Auth-Login-Attempt"]) < 3:
                fields["Auth-Wait"] = config["wait"]
            return fields
        return self.accept(account)

    def accept(self, account):
        port = config["servers"][self.headers["Auth-Protocol"]]
        fields = {"Auth-Status": "OK", "Auth-Server": "127.0.0.1", "Auth-Port": port}
        if "user" in account:
            fields["Auth-User"] = account["user"]
        if "pass" in account:
            fields["Auth-Pass"] = account["pass"]
        return fields

    def plain(self, name):
        # The header's octets, which http.server took for latin-1, are UTF-8 with some of them escaped.
        return unquote(self.headers[name].encode("latin-1").decode("utf-8"))

    def log_message(self, format, *args):
        names = ("Auth-Protocol", "Auth-Method", "Auth-User", "Client-IP")
        print("asked:", *(self.headers[name] or "-" for name in names), file=sys.stderr, flush=True)


server = HTTPServer(("127.0.0.1", 0), Handler)
print("listening on 127.0.0.1:%d" % server.server_port, file=sys.stderr, flush=True)
server.serve_forever()
