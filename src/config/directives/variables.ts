/** Variables of one's own: `map`, `geo` and `split_clients`, as in nginx's stream module. */

import { accepted, block, directive, MAIL } from "../directive.ts";
import type { Block, Count, Module } from "../directive.ts";
import { number } from "../kinds.ts";
import { geoEntries } from "./_geo.ts";
import { mapEntries } from "./_map.ts";
import { splitEntries } from "./_split_clients.ts";

const TWO: Count = { least: 2, most: 2 };
const ONE_OR_TWO: Count = { least: 1, most: 2 };

const map: Block = block({
  name: "map",
  syntax: "string $variable",
  count: TWO,
  contexts: MAIL,
  since: "stream 1.11.2",
  repeatable: true,
  meaning:
    "A variable that follows a text with variables. Its lines are `text value;`, where case does not count; of regular " +
    "expressions, `~expression value;` or `~*expression value;` for any case, the first that fits counts, if no text " +
    "does. `default value;`, `hostnames;` (texts below it may be `*.example.com`, `.example.com` for both, `www.example.*`), " +
    "`volatile;`, `include file;`. A value may have variables, named groups and `$1` to `$9` of its expression " +
    "among them. Without a `default` it is empty where nothing fits. Expressions are tried on up to 1024 octets",
  entries: mapEntries,
});

const geo: Block = block({
  name: "geo",
  syntax: "[$address] $variable",
  count: ONE_OR_TWO,
  contexts: MAIL,
  since: "stream 1.11.3",
  repeatable: true,
  meaning:
    "A variable that follows an address, the client's unless another variable is named. Its lines are `network value;`, " +
    "where the smallest network counts, or behind `ranges;` as the first line `address-address value;` for IPv4. `default " +
    "value;`, `delete network;`, `include file;`, `volatile;`. What is no address counts as 255.255.255.255",
  entries: geoEntries,
});

const splitClients: Block = block({
  name: "split_clients",
  syntax: "string $variable",
  count: TWO,
  contexts: MAIL,
  since: "stream 1.11.3",
  repeatable: true,
  meaning:
    "A variable that has one of several values, the same for the same text each time. Its lines are `percent% value;`, and " +
    "`* value;` for all that is left. It chooses as nginx does",
  entries: splitEntries,
});

const SIZE = { contexts: MAIL, kind: number, default: undefined, state: accepted("our tables need no sizes") };

export const variablesModule: Module = {
  title: "Variables of one's own",
  about:
    "They may be used above the place where they are made, and each other, as long as none is worked out from itself. Those " +
    "that Postern has are listed at the end.",
  directives: [
    map,
    geo,
    splitClients,
    directive({ ...SIZE, name: "map_hash_max_size", since: "stream 1.11.2", meaning: "The size of tables of `map`" }),
    directive({ ...SIZE, name: "map_hash_bucket_size", since: "stream 1.11.2", meaning: "The size of their parts" }),
  ],
};
