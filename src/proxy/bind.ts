import type { ConnectTarget, Runtime } from "../runtime.ts";

/** Connects from each of these addresses of ours in turn, as far as they are of the target's family. */
export function connectFrom(addresses: readonly string[], connect: Runtime["connect"]): Runtime["connect"] {
  if (addresses.length === 0) return connect;
  let turn = 0;
  return (target, handler) => {
    const fitting = "path" in target ? [] : addresses.filter((address) => fits(target.host, address));
    const localAddress = fitting[turn++ % Math.max(1, fitting.length)];
    return connect(localAddress === undefined ? target : { ...target, localAddress } as ConnectTarget, handler);
  };
}

/** A name may have addresses of either family. */
function fits(host: string, address: string): boolean {
  const isName = !host.includes(":") && !/^[\d.]+$/.test(host);
  return isName || host.includes(":") === address.includes(":");
}
