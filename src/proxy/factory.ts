import type { ServerConfig } from "../config/types.ts";
import type { Octets, Runtime } from "../runtime.ts";
import { capabilityReply } from "../protocol/imap/capability.ts";
import { ImapSession } from "../protocol/imap/session.ts";
import { authReply, capaReply } from "../protocol/pop3/capability.ts";
import { Pop3Session } from "../protocol/pop3/session.ts";
import { ehloReply } from "../protocol/smtp/capability.ts";
import { SmtpSession } from "../protocol/smtp/session.ts";
import type { LoginOptions } from "../session/login.ts";
import type { Connection, Session } from "../session/mod.ts";

/** What sessions need of the runtime. */
export type SessionRuntime = Pick<Runtime, "date" | "random">;

/** Makes the sessions of one server block. What they all say is put together once, here. */
export function sessionFactory(server: ServerConfig, runtime: SessionRuntime): (connection: Connection) => Session {
  const shared = loginOptions(server, runtime);
  switch (server.protocol) {
    case "imap": {
      const options = {
        ...shared,
        clientBuffer: server.imap.clientBuffer,
        mechanisms: server.imap.auth,
        capability: capabilityReply(server.imap, server.starttls),
      };
      return (connection) => new ImapSession(options, connection);
    }
    case "pop3": {
      const options = {
        ...shared,
        clientBuffer: server.pop3.clientBuffer,
        mechanisms: server.pop3.auth,
        capa: capaReply(server.pop3, server.starttls),
        capaBehindUser: capaReply(server.pop3, "off").clear,
        authMethods: authReply(server.pop3),
      };
      return (connection) => new Pop3Session(options, connection);
    }
    case "smtp": {
      const options = {
        ...shared,
        clientBuffer: server.smtp.clientBuffer,
        mechanisms: server.smtp.auth,
        serverName: server.serverName,
        ehlo: ehloReply(server.serverName, server.smtp, server.starttls),
        allowsAnonymous: server.smtp.auth.includes("none"),
        xclient: server.proxy.xclient,
        smtpAuth: server.proxy.smtpAuth,
        greetingDelay: server.smtp.greetingDelay,
        resolvesClient: server.resolver !== undefined,
      };
      return (connection) => new SmtpSession(options, connection);
    }
  }
}

function loginOptions(
  server: ServerConfig,
  runtime: SessionRuntime,
): Omit<LoginOptions, "clientBuffer" | "mechanisms"> {
  return {
    timeout: server.timeout,
    maxErrors: server.maxErrors,
    maxCommands: server.maxCommands,
    connectTimeout: server.proxy.connectTimeout ?? server.timeout,
    proxyBuffer: server.proxy.buffer,
    passErrorMessage: server.proxy.passErrorMessage,
    tellsClientId: server.proxy.clientId,
    isPassThrough: server.authHttp === undefined && server.authUsersFile === undefined,
    startTls: server.starttls,
    verifyClient: server.ssl?.verifyClient ?? "off",
    upstreamTls: server.proxy.ssl.mode,
    createSalt: () => createSalt(server.serverName, runtime),
  };
}

/** `<RANDOM.SECONDS@NAME>`, as RFC 1939, 7 and RFC 2195, 2 want it: never the same twice, and not to be guessed. */
function createSalt(serverName: Octets, runtime: SessionRuntime): Octets {
  const random = runtime.random(new Uint8Array(8)).join("");
  return `<${random}.${Math.floor(runtime.date() / 1000)}@${serverName}>`;
}
