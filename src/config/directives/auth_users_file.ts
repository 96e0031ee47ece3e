/** `auth_users_file`: a file of users and passwords. */

import { directive, MAIL_AND_SERVER } from "../directive.ts";
import type { Module } from "../directive.ts";
import { lastWins } from "../kinds.ts";
import type { NamedFile } from "../types.ts";

export const authUsersFile = directive<NamedFile, undefined>({
  name: "auth_users_file",
  contexts: MAIL_AND_SERVER,
  kind: lastWins("file", (call) => ({ path: call.fullName(call.arg(0)), place: call.place })),
  default: undefined,
  meaning:
    "A file that says who may log in, in place of `auth_http`: `user:password:[upstream][:options]`, a line for each " +
    "password, as `postern passwd` writes it. Where a line names no upstream, `proxy_pass` says where sessions go. Every " +
    "30 seconds it is looked whether the file has changed, so long somebody who was taken out may still log in; a reload " +
    "reads it at once. It is the main process that reads it, so that none but root need have the right to",
});

export const authUsersFileModule: Module = {
  title: "Users in a file",
  about:
    "Passwords are `{PLAIN}` or hashes: Argon2 and bcrypt, SHA-crypt, PBKDF2, with or without Dovecot's names in braces. " +
    "Options, with blanks between them: `nologin`, `protocols=imap,pop3`, `allow_nets=NETWORK,…`; `destuser=NAME` and " +
    "`pass=PASSWORD` (or `pass.b64=BASE64`, for one with a blank in it) for the login at the upstream; `cert=FINGERPRINT` " +
    "(SHA-1) for EXTERNAL, where a client that says no name is the only user with its certificate. CRAM-MD5 and APOP need `{PLAIN}`. " +
    "A refusal is told after two seconds, with `auth_failure_delay` after the next even number of them, so that the time tells " +
    "nobody who is in the file.",
  directives: [authUsersFile],
};
