import { connectWith, type NameSource } from "../dns/connect.ts";
import type { ConnectTarget, Runtime } from "../runtime.ts";

/**
 * Connects from each of these addresses of ours in turn, as far as they are of the target's family; `undefined` where
 * there are none. Names are looked up first, by `names`: until then their family is not known.
 */
export function connectFrom(
  addresses: readonly string[],
  { connect, names }: Pick<Runtime, "connect"> & { readonly names: NameSource },
): Runtime["connect"] | undefined {
  if (addresses.length === 0) return undefined;
  let turn = 0;
  return connectWith(names, {
    connect: (target, handler) => {
      const fitting = "path" in target ? [] : addresses.filter((address) => isOneFamily(target.host, address));
      const localAddress = fitting[turn++ % Math.max(1, fitting.length)];
      return connect(localAddress === undefined ? target : { ...target, localAddress } as ConnectTarget, handler);
    },
  });
}

function isOneFamily(one: string, other: string): boolean {
  return one.includes(":") === other.includes(":");
}
