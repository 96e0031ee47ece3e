/** PCRE's words that the runtimes' regular expressions do not have, or have with another meaning. */

/** What stands behind a backslash. */
export const SHORTHANDS: ReadonlyMap<string, string> = new Map([
  ["a", "\\x07"],
  ["e", "\\x1b"],
  ["s", "[\\t-\\r ]"],
  ["S", "[^\\t-\\r ]"],
  ["h", "[\\t \\xa0]"],
  ["H", "[^\\t \\xa0]"],
  ["v", "[\\n-\\r\\x85]"],
  ["V", "[^\\n-\\r\\x85]"],
  ["A", "(?<![^])"],
  ["z", "(?![^])"],
  ["Z", "(?=\\n?(?![^]))"],
  ["R", "(?:\\r\\n|[\\n-\\r\\x85])"],
  ["N", "[^\\n]"],
]);

/** `[:alpha:]` and the like, in the C locale, as the inside of a class. */
export const POSIX_CLASSES: ReadonlyMap<string, string> = new Map([
  ["alnum", "A-Za-z0-9"],
  ["alpha", "A-Za-z"],
  ["ascii", "\\x00-\\x7f"],
  ["blank", "\\t "],
  ["cntrl", "\\x00-\\x1f\\x7f"],
  ["digit", "0-9"],
  ["graph", "!-~"],
  ["lower", "a-z"],
  ["print", " -~"],
  ["punct", "!-\\/:-@\\[-`{-~"],
  ["space", "\\t-\\r "],
  ["upper", "A-Z"],
  ["word", "A-Za-z0-9_"],
  ["xdigit", "0-9A-Fa-f"],
]);
