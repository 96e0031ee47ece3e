import { ConfigError } from "../config/error.ts";
import { didYouMean } from "../config/suggest.ts";
import type { Config, ProxyPassConfig } from "../config/types.ts";
import type { Octets, Runtime } from "../runtime.ts";
import { isFailure } from "../runtime.ts";
import { constantOf } from "../variables/mod.ts";

/**
 * Throws {@linkcode ConfigError} for a `proxy_pass` to a plain word that is neither a group nor a host, so that a
 * slip of the pen is not found out by the first login. Other names are left alone: a mail server may be there later.
 */
export async function checkPasses({ servers, upstreams }: Config, runtime: Pick<Runtime, "lookup">): Promise<void> {
  const groups = upstreams.map(({ name }) => name);
  const passes = new Set(servers.map(({ proxyPass }) => proxyPass).filter((pass) => pass !== undefined));
  for (const pass of passes) {
    const word = plainWord(pass);
    if (word === undefined || groups.some((name) => name.toLowerCase() === word.toLowerCase())) continue;
    const found = await runtime.lookup(word);
    if (!isFailure(found) && found.length > 0) continue;
    const hint = didYouMean(word, groups) ?? `neither a host nor an "upstream" has that name`;
    throw new ConfigError(`host not found in upstream "${word}"`, { place: pass.place, hint });
  }
}

/** What may be a group's name, or a host's without its port and domain. */
function plainWord({ template }: ProxyPassConfig): Octets | undefined {
  const text = constantOf(template);
  return text !== undefined && /^[\w-]*[a-z_-][\w-]*$/i.test(text) ? text : undefined;
}
