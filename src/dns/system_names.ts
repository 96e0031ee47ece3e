import type { Runtime } from "../runtime.ts";
import { isFailure } from "../runtime.ts";
import type { NameSource } from "./connect.ts";

/** Looks names up as the system does, each time anew. */
export function systemNames(runtime: Pick<Runtime, "lookup">): NameSource {
  return {
    lookup(name, done) {
      let isCancelled = false;
      void runtime.lookup(name).then((found) => {
        if (!isCancelled) done(isFailure(found) ? found : { addresses: found });
      });
      return () => isCancelled = true;
    },
  };
}
