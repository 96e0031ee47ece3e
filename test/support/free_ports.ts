import { createServer } from "node:net";

/** Loopback ports that nobody has now, for those who cannot let the system choose when they listen. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports: number[] = [];
  for (const server of servers) {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    if (typeof address === "object" && address !== null) ports.push(address.port);
  }
  for (const server of servers) await new Promise((resolve) => server.close(resolve));
  return ports;
}

/** The first of some loopback ports in a row that nobody has now. */
export async function freeRange(count: number): Promise<number> {
  for (;;) {
    const [first = 0] = await freePorts(1);
    const range = Array.from({ length: count }, (_, i) => first + i);
    if ((await Promise.all(range.map(isFree))).every(Boolean)) return first;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer().once("error", () => resolve(false));
    if (port > 65535) return resolve(false);
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
