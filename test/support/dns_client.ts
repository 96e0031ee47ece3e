/** Looks `mail.test` up at 127.0.0.1, at the port that it is given, prints the result, and ends because nothing is left. */

import process from "node:process";
import { loadRuntime } from "../../adapters/detect.ts";
import { Resolver } from "../../src/dns/mod.ts";

const runtime = await loadRuntime();
const servers = [{ host: "127.0.0.1", port: Number(process.argv[2]) }];
const resolver = new Resolver({ servers, timeout: 30_000, valid: undefined, ipv4: true, ipv6: false }, runtime);
const isAnswered = new Promise<unknown>((resolve) => resolver.lookup("mail.test", resolve));
// Neither a look-up nor its socket keeps a process alive: without this line it would end before the answer.
const stay = setInterval(() => {}, 1000);
console.log(JSON.stringify(await isAnswered));
clearInterval(stay);
resolver.lookup("silent.test", () => console.log("told after the end"));
