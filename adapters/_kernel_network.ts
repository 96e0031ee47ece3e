/**
 * Connections over the kernel's own calls, those over TLS with clients as well where OpenSSL can be had. Names, unix sockets
 * and TLS towards mail servers are the runtime's.
 */

import type { Cancel, Millis, Runtime, SecureHandler, Socket, SocketAddress } from "../src/runtime.ts";
import { eventLayout, type Kernel, openKernel } from "./_kernel.ts";
import { connectByKernel } from "./_kernel_connect.ts";
import { KernelDoors } from "./_kernel_door.ts";
import { KernelListener, Reception } from "./_kernel_listener.ts";
import { KernelShared } from "./_kernel_shared.ts";
import { KernelSocket } from "./_kernel_socket.ts";
import { NetListener } from "./_listener.ts";
import type { Network } from "./_network.ts";
import { openOpenSsl, type OpenSsl } from "./_openssl.ts";
import { Poller } from "./_poller.ts";
import { ReadAhead } from "./_read_ahead.ts";
import { NetRelay } from "./_relay.ts";
import type { OwnSocket } from "./_socket.ts";
import { PEER_CLOSED } from "./_tls_handshake.ts";
import { receive } from "./_tls_server.ts";

/** Makes a socket of the runtime's out of a descriptor; `undefined` where the runtime does not take it. */
export type Adopt = (descriptor: number, remote: SocketAddress, local: SocketAddress) => OwnSocket | undefined;

/** What such a network is made of besides the runtime's own. */
export interface KernelMeans {
  readonly adopt: Adopt;
  readonly onShortage: Runtime["onShortage"];
  /** See `AdapterOptions`. */
  readonly longestSleep: Millis;
  readonly isEager: boolean;
}

/** The runtime's network, with sockets of the kernel's for whatever is accepted and connected in clear. */
export function withKernelSockets(network: Network, means: KernelMeans): Network {
  const { adopt, onShortage, longestSleep, isEager } = means;
  let reception: Reception | undefined;
  let doors: KernelDoors | undefined;

  /** Before something is to listen nothing is opened: a main process, or one that prints its version, has no need. */
  function open(): Reception | undefined {
    const polling = poller ??= openPoller();
    if (polling === undefined || reception !== undefined) return reception;
    const { kernel, poller: opened, library } = polling;
    opened.heed({ sockets: () => network.sockets(), longestSleep });
    // Sockets that had to be waited for aside cost more than the runtime's.
    const isCrowded = (besides: number) => !isEager && kernel.waitAside !== undefined && network.sockets() > besides;
    const shared = new KernelShared(kernel, opened);
    if (library !== undefined) doors = new KernelDoors({ library, shared, ahead: new ReadAhead(library) });
    return reception = new Reception(shared, isCrowded);
  }

  /** The socket, as one of the runtime's; `undefined` when it is gone. */
  function runtimes(socket: Socket): Socket | undefined {
    if (!(socket instanceof KernelSocket)) return socket;
    const { remote, local } = socket;
    const given = socket.surrender();
    if (given === undefined) return undefined;
    const adopted = adopt(given.descriptor, remote, local);
    if (adopted === undefined) reception?.shared.kernel.close(given.descriptor);
    for (const bytes of given.waiting) adopted?.write(bytes);
    return adopted;
  }

  /** Begins TLS of the runtime's. */
  function giveAway(socket: Socket, handler: SecureHandler, begin: (adopted: Socket) => Cancel): Cancel {
    const adopted = runtimes(socket);
    return adopted === undefined ? gone(handler) : begin(adopted);
  }

  return {
    ...network,
    listen: async (options, accept) => {
      const found = "path" in options.address ? undefined : open();
      if (found === undefined || options.isSecure === true && doors === undefined) {
        return network.listen(options, accept);
      }
      // Until it is known to be ours, as it is the runtime's.
      let receive = accept;
      const opened = await network.listen(options, (socket) => receive(socket));
      const descriptor = opened instanceof NetListener ? opened.descriptor() : undefined;
      if (!(opened instanceof NetListener) || descriptor === undefined) return opened;
      const listener = new KernelListener(opened, descriptor, { reception: found, options, accept, onShortage });
      receive = (socket) => listener.received(ownSocket(socket));
      if (isEager) await found.openAtOnce();
      return listener;
    },
    connect: (target, handler) =>
      reception?.isOpen === true && !("path" in target) && reception.shared.address.fits(target.host)
        ? connectByKernel(target, handler, reception.shared)
        : network.connect(target, handler),
    secureServer: (socket, tls, handler) => {
      const known = doors;
      if (known === undefined || !(socket instanceof KernelSocket)) {
        return giveAway(socket, handler, (adopted) => network.secureServer(adopted, tls, handler));
      }
      return receive({ socket, ...tls, handler }, (context, hello, received) => {
        const door = known.for(context, hello);
        if (door !== undefined) return door.enter(socket, { hello, received, handler });
        const chosen = { choose: () => context, held: received };
        return giveAway(socket, handler, (adopted) => network.secureServer(adopted, chosen, handler));
      });
    },
    secureClient: (socket, context, handler) =>
      giveAway(socket, handler, (adopted) => network.secureClient(adopted, context, handler)),
    relay: (options) =>
      new NetRelay({ ...options, client: ownSocket(options.client), upstream: ownSocket(options.upstream) }),
    sockets: () => network.sockets() + (reception?.shared.census.open ?? 0),
  };
}

/** The process's only one. */
let poller: Polling | undefined;

function openPoller(): Polling | undefined {
  const kernel = openKernel();
  const layout = eventLayout();
  if (kernel === undefined || layout === undefined) return undefined;
  return { kernel, poller: new Poller({ kernel, layout }), library: openOpenSsl() };
}

interface Polling {
  readonly kernel: Kernel;
  readonly poller: Poller;
  readonly library: OpenSsl | undefined;
}

/** Tells that TLS cannot begin, when the caller has the means to cancel. */
function gone(handler: SecureHandler): Cancel {
  let isCancelled = false;
  queueMicrotask(() => {
    if (!isCancelled) handler.failed(PEER_CLOSED);
  });
  return () => isCancelled = true;
}

function ownSocket(socket: Socket): OwnSocket {
  if ("hasEnded" in socket && "isClosed" in socket) return socket as OwnSocket;
  throw new TypeError("An adapter works with sockets of its own only");
}
