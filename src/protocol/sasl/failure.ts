import type { SaslStep } from "./mod.ts";

/** How the log says that a response was no good; what was sent stays out of it. */
export function failed(what: string, mechanism: string): SaslStep {
  return { type: "failed", text: `client sent invalid ${what} in AUTH ${mechanism} command` };
}
