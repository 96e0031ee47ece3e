/** Certificates, an auth server, an upstream and proxies in front of them: what the suites about TLS share. */

import { type Certificate, CertificateFolder, serverExtensions } from "./certificates.ts";
import { accept, FakeAuth } from "./fake_auth.ts";
import { FakeUpstream } from "./fake_upstream.ts";
import { freePorts } from "./free_ports.ts";
import { startProxy, type TestProxy } from "./proxy.ts";
import { connectTo } from "./raw_client.ts";
import { type Protocol, PROTOCOLS } from "./scene.ts";
import type { Wire } from "./wire.ts";

/** The name in the certificate of every server that has no reason for another. */
export const MAIL = "mail.example.test";

/** How a client of each protocol asks for TLS in clear, and what it hears. */
export const START_TLS: Readonly<
  Record<Protocol, {
    readonly command: string;
    readonly reply: string;
    /** A harmless command and its reply. */
    readonly noop: string;
    readonly noopReply: string;
  }>
> = {
  imap: { command: "s STARTTLS\r\n", reply: "s OK completed\r\n", noop: "n NOOP\r\n", noopReply: "n OK completed\r\n" },
  pop3: { command: "STLS\r\n", reply: "+OK\r\n", noop: "NOOP\r\n", noopReply: "+OK\r\n" },
  smtp: {
    command: "STARTTLS\r\n",
    reply: "220 2.0.0 Start TLS\r\n",
    noop: "NOOP\r\n",
    noopReply: "250 2.0.0 OK\r\n",
  },
};

export class TlsScene {
  readonly folder = new CertificateFolder();
  readonly authority: Certificate;
  readonly certificate: Certificate;
  readonly auth: FakeAuth;
  readonly upstream: FakeUpstream;
  readonly #proxies: TestProxy[] = [];
  readonly #wires: Wire[] = [];

  private constructor(auth: FakeAuth, upstream: FakeUpstream) {
    this.auth = auth;
    this.upstream = upstream;
    this.authority = this.folder.authority("authority");
    this.certificate = this.issue(MAIL);
  }

  static async open(): Promise<TlsScene> {
    const upstream = await FakeUpstream.start([]);
    return new TlsScene(await FakeAuth.start(accept(upstream.port)), upstream);
  }

  /** A server's certificate with this name, and for 127.0.0.1 as well. */
  issue(name: string, issuer: Certificate = this.authority): Certificate {
    return this.folder.make({ name, issuer, extensions: serverExtensions(`DNS:${name}`, "IP:127.0.0.1") });
  }

  /** A proxy that asks this scene's auth server and has its certificate. */
  async proxy(mail: string, { certificatePath, keyPath }: Certificate = this.certificate): Promise<TestProxy> {
    const proxy = await startProxy(
      `auth_http 127.0.0.1:${this.auth.port}; ssl_certificate ${certificatePath}; ssl_certificate_key ${keyPath}; ${mail}`,
    );
    this.#proxies.push(proxy);
    return proxy;
  }

  /** The same with a server for each of {@linkcode PROTOCOLS}, in their order. */
  async proxyForAll(directives: string, listenParameters = ""): Promise<TestProxy> {
    const ports = await freePorts(PROTOCOLS.length);
    const servers = PROTOCOLS.map((protocol, i) => {
      return `server { listen 127.0.0.1:${ports[i]} ${listenParameters}; protocol ${protocol}; }`;
    });
    return await this.proxy(`${directives} ${servers.join(" ")}`);
  }

  /** A client that is let go of at the end. */
  async client(port: number): Promise<Wire> {
    return this.keep(await connectTo(port));
  }

  /** Lets go of a wire at the end. */
  keep(wire: Wire): Wire {
    this.#wires.push(wire);
    return wire;
  }

  async close(): Promise<void> {
    for (const wire of this.#wires) wire.destroy();
    for (const proxy of this.#proxies) await proxy.stop();
    await this.auth.stop();
    await this.upstream.stop();
    this.folder.remove();
  }
}
