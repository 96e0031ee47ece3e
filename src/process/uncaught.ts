import { describeDefect } from "../proxy/defect.ts";
import type { Server } from "../proxy/mod.ts";
import type { Runtime } from "../runtime.ts";

/** What a driver cannot catch, an auth server's connection for one, must not cost the other sessions their lives. */
export function outliveErrors({ process }: Pick<Runtime, "process">, server: Pick<Server, "log">): void {
  process.onUncaught((error) => {
    server.log.write("alert", describeDefect(error));
  });
}
