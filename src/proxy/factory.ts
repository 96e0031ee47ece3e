import type { ServerConfig } from "../config/types.ts";
import { capabilityReply } from "../protocol/imap/capability.ts";
import { ImapSession } from "../protocol/imap/session.ts";
import { authReply, capaReply } from "../protocol/pop3/capability.ts";
import { Pop3Session } from "../protocol/pop3/session.ts";
import { ehloReply } from "../protocol/smtp/capability.ts";
import { SmtpSession } from "../protocol/smtp/session.ts";
import type { LoginOptions } from "../session/login.ts";
import type { Connection, Session } from "../session/mod.ts";

/** Makes the sessions of one server block. What they all say is put together once, here. */
export function sessionFactory(server: ServerConfig): (connection: Connection) => Session {
  switch (server.protocol) {
    case "imap": {
      const options = { ...loginOptions(server, server.imap.clientBuffer), capability: capabilityReply(server.imap) };
      return (connection) => new ImapSession(options, connection);
    }
    case "pop3": {
      const options = {
        ...loginOptions(server, POP3_CLIENT_BUFFER),
        capa: capaReply(server.pop3),
        authMethods: authReply(server.pop3),
      };
      return (connection) => new Pop3Session(options, connection);
    }
    case "smtp": {
      const options = {
        ...loginOptions(server, server.smtp.clientBuffer),
        serverName: server.serverName,
        ehlo: ehloReply(server.serverName, server.smtp),
        allowsAnonymous: server.smtp.auth.includes("none"),
        xclient: server.proxy.xclient,
        smtpAuth: server.proxy.smtpAuth,
      };
      return (connection) => new SmtpSession(options, connection);
    }
  }
}

function loginOptions(server: ServerConfig, clientBuffer: number): LoginOptions {
  return {
    timeout: server.timeout,
    maxErrors: server.maxErrors,
    clientBuffer,
    proxyBuffer: server.proxy.buffer,
    passErrorMessage: server.proxy.passErrorMessage,
  };
}

/** nginx has 128 octets here, which refuses long names and any AUTH PLAIN with them; this is the other two's size. */
const POP3_CLIENT_BUFFER = 4096;
