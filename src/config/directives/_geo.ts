/** The lines of `geo {}`. */

import type { Octets } from "../../runtime.ts";
import {
  GeoNetworks,
  type GeoRange,
  GeoRanges,
  type GeoTable,
  parseGeoAddress,
  parseGeoNetwork,
  parseIpv4Number,
} from "../../variables/geo.ts";
import type { Reference } from "../../variables/mod.ts";
import type { Call } from "../call.ts";
import type { Entries } from "../directive.ts";
import { checkPair } from "./_table_line.ts";
import { variableName } from "./_variable.ts";

/** Begins the `geo` that `call` opens. */
export function geoEntries(call: Call): Entries {
  return new GeoEntries(call);
}

class GeoEntries implements Entries {
  #networks: GeoNetworks<Octets> | undefined;
  #ranges: GeoRanges<Octets> | undefined;

  constructor(call: Call) {
    const { variables } = call.scope;
    const [from, to] = call.args.length === 2 ? [call.arg(0), call.arg(1)] : [undefined, call.arg(0)];
    const source = from === undefined ? undefined : readSource(call, from);
    const evaluate: Reference["value"] = (facts) => {
      const { client } = facts;
      const text = source === undefined ? client.family === "unix" ? "" : client.host : source.value(facts) ?? "";
      const table: GeoTable<Octets> | undefined = this.#ranges ?? this.#networks;
      return table?.find(parseGeoAddress(text)) ?? "";
    };
    variables.define(variableName(call, to), { evaluate, reads: source === undefined ? [] : [source] }, call.place);
  }

  entry(call: Call): void {
    if (call.args.length === 0 && call.name === "ranges") return this.#chooseRanges(call);
    if (call.args.length === 0 && call.name === "volatile") return;
    checkPair(call, "geo");
    if (this.#ranges === undefined) this.#network(call, this.#networks ??= new GeoNetworks());
    else this.#range(call, this.#ranges);
  }

  end(): void {}

  #chooseRanges(call: Call): void {
    if (this.#networks !== undefined) {
      throw call.error('the "ranges" directive must be the first directive inside "geo" block');
    }
    this.#ranges = new GeoRanges();
  }

  #network(call: Call, networks: GeoNetworks<Octets>): void {
    const value = call.arg(0);
    if (call.name === "default") {
      networks.set(ALL_IPV6, value);
      return warnOfDuplicate(call, networks.set(ALL_IPV4, value));
    }
    const isDelete = call.name === "delete";
    const text = isDelete ? value : call.name;
    const network = parseGeoNetwork(text);
    if (network === undefined) throw call.error(`invalid network "${text}"`, text === "proxy" ? NO_PROXY : undefined);
    if (network.hasLowBits) call.warn(`low address bits of ${text} are meaningless`);
    if (!isDelete) return warnOfDuplicate(call, networks.set(network, value));
    if (!networks.delete(network)) call.warn(`no network "${text}" to delete`);
  }

  #range(call: Call, ranges: GeoRanges<Octets>): void {
    const value = call.arg(0);
    if (call.name === "default") {
      const old = ranges.default;
      if (old !== undefined) call.warn(`duplicate default geo range value: "${value}", old value: "${old}"`);
      ranges.default = value;
      return;
    }
    const isDelete = call.name === "delete";
    const text = isDelete ? value : call.name;
    const [start, end] = readRange(call, text);
    if (isDelete) {
      if (!ranges.delete(start, end)) call.warn(`no address range "${text}" to delete`);
      return;
    }
    const overlap = ranges.add(start, end, value, (old) => {
      call.warn(`duplicate range "${text}", value: "${value}", old value: "${old}"`);
    });
    if (overlap !== undefined) throw call.error(`range "${text}" overlaps "${describe(overlap)}"`);
  }
}

function readSource(call: Call, text: Octets): Reference {
  const name = variableName(call, text);
  const [source] = call.scope.variables.parts(`\${${name}}`, call.place);
  if (source === undefined || typeof source === "string") throw call.error(`invalid variable name "${text}"`);
  return source;
}

function readRange(call: Call, text: Octets): readonly [start: number, end: number] {
  const dash = text.indexOf("-");
  const start = parseIpv4Number(text.slice(0, Math.max(0, dash)));
  const end = parseIpv4Number(text.slice(dash + 1));
  if (start === undefined || end === undefined || start > end) throw call.error(`invalid range "${text}"`);
  return [start, end];
}

function warnOfDuplicate(call: Call, old: Octets | undefined): void {
  if (old === undefined) return;
  call.warn(`duplicate network "${call.name}", value: "${call.arg(0)}", old value: "${old}"`);
}

function describe({ start, end }: GeoRange<Octets>): string {
  return `${dotted(start)}-${dotted(end)}`;
}

function dotted(address: number): string {
  return [24, 16, 8, 0].map((shift) => address >>> shift & 255).join(".");
}

const ALL_IPV4 = { prefix: 0, bits: 0 };
const ALL_IPV6 = { prefix: 0n, bits: 0 };
const NO_PROXY = 'whose word about a client counts is for "set_real_ip_from" to say';
