import { createServer } from "node:net";

/**
 * Where ports are looked for: beneath those that Linux gives to connections (`ip_local_port_range`, from 32768 on). A
 * free port from among those may be a connection's own by the time that somebody listens on it.
 */
const [FIRST, END] = [10_000, 32_768];

/** Tests in other processes begin elsewhere. */
let next = FIRST + Math.floor(Math.random() * (END - FIRST));

/** Loopback ports that nobody has now, for those who cannot let the system choose when they listen. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  for (let i = 0; i < count; i++) ports.push(await freePort());
  return ports;
}

/** A loopback port that nobody has now, nor got from here a short while ago. */
export function freePort(): Promise<number> {
  return freeRange(1);
}

/** The first of some loopback ports in a row that nobody has now. */
export async function freeRange(count: number): Promise<number> {
  for (;;) {
    const range = take(count);
    if ((await Promise.all(range.map(isFree))).every(Boolean)) return range[0] ?? 0;
  }
}

function take(count: number): number[] {
  if (next + count > END) next = FIRST;
  const range = Array.from({ length: count }, (_, i) => next + i);
  next += count;
  return range;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer().once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
