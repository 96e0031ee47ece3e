/**
 * What deserves a word when a configuration was read to its end without a mistake.
 *
 * @module
 */

import { user } from "./directives/core.ts";
import { events } from "./directives/events.ts";
import { mail, namesAdvice, server, serverName } from "./directives/mail.ts";
import { inPlace } from "./error.ts";
import type { Scope } from "./scope.ts";
import { sharingServers } from "./sharing.ts";
import type { ConfigWarning } from "./types.ts";

/** Warnings about what is missing or has no effect; `isRoot` says whether rights can be dropped. */
export function advice(main: Scope, isRoot: boolean): readonly ConfigWarning[] {
  const texts: string[] = [];
  const owner = main.value(user);
  if (owner !== undefined && !isRoot) {
    texts.push(
      'the "user" directive makes sense only if the master process runs with super-user privileges, ignored' +
        inPlace(owner.place),
    );
  }
  if (main.children(events).length === 0) texts.push('no "events" section in configuration');
  const [section] = main.children(mail);
  if (section === undefined) texts.push('no "mail" section in configuration, nothing is served');
  else if (section.children().length === 0) texts.push(`no "server" is defined, nothing is served${placeOf(section)}`);
  if (section !== undefined) texts.push(...namesWithoutChoice(section));
  return texts.map((text) => ({ level: "warn", text }));
}

/** Several names, or patterns, where there is nothing to choose by them. */
function namesWithoutChoice(section: Scope): readonly string[] {
  const servers = section.children(server);
  const choosing = sharingServers(servers);
  return [section, ...servers.filter((scope) => !choosing.has(scope))].flatMap((scope) => {
    const names = scope.own(serverName);
    const text = names && namesAdvice(names);
    const place = scope.placeOf(serverName);
    return text === undefined || place === undefined ? [] : [text + inPlace(place)];
  });
}

function placeOf(scope: Scope): string {
  return scope.place === undefined ? "" : inPlace(scope.place);
}
