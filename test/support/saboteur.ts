/** The program with a defect: an IMAP session breaks when a client says so, within its work, beside it, or where nobody looks. */

import { ImapSession } from "../../src/protocol/imap/session.ts";

const { prototype } = ImapSession;
const { receive, wants } = prototype;
const broken = new WeakSet<object>();

prototype.receive = function (input, now) {
  if (input.type === "bytes") {
    const text = new TextDecoder("latin1").decode(input.bytes);
    if (text.includes("BREAK WITHIN")) throw new Error("broken within");
    if (text.includes("BREAK BESIDE")) broken.add(this);
    if (text.includes("BREAK ELSEWHERE")) setTimeout(() => void Promise.reject(new Error("broken elsewhere")), 1);
  }
  return receive.call(this, input, now);
};

prototype.wants = function (side) {
  if (broken.has(this)) throw new Error("broken beside");
  return wants.call(this, side);
};

await import("../../src/main.ts");
