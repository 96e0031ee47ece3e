/**
 * What a user is called: as the client said it, as those know it who check logins, and as the upstream does.
 *
 * @module
 */

import type { Credentials, Note, Verdict } from "../auth/mod.ts";
import type { UserNamesConfig } from "../config/types.ts";
import type { Octets } from "../runtime.ts";
import type { SessionFacts } from "./facts.ts";

/** The names in one server block. */
export class UserNames {
  readonly #config: UserNamesConfig;

  /** Without a configuration every name stays as it is. */
  constructor(config: UserNamesConfig = { defaultDomain: undefined, asked: undefined, told: undefined }) {
    this.#config = config;
  }

  /** The credentials by the name that is asked about. The facts have learnt of the claim before, and of this now. */
  asked(credentials: Credentials, facts: SessionFacts, note: Note): Credentials {
    const { defaultDomain, asked } = this.#config;
    const { login } = credentials;
    if (login === "" || (defaultDomain === undefined && asked === undefined)) return credentials;
    const full = defaultDomain === undefined || login.includes("@") ? login : `${login}@${defaultDomain}`;
    facts.renamed(full);
    const name = asked?.(facts) || full;
    if (UNUSABLE.test(name)) {
      note("error", `"auth_username_format ${asked?.text}" makes a login with a line break`);
      return { ...credentials, login: full };
    }
    facts.renamed(name);
    return { ...credentials, login: name };
  }

  /** The verdict by the name that the upstream knows, unless its source has named the user itself. */
  told(verdict: Verdict, { login }: Credentials, facts: SessionFacts): Verdict {
    const { told } = this.#config;
    if (told === undefined || verdict.type !== "accepted" || login === "" || verdict.login !== login) return verdict;
    const name: Octets = told(facts);
    return name === "" || UNUSABLE.test(name) ? verdict : { ...verdict, login: name };
  }
}

/** What would end a line, or a C string. */
const UNUSABLE = /[\r\n\0]/;
