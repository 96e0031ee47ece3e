import { readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { needs } from "../support/clients.ts";
import { nginxVersion } from "../support/nginx.ts";
import { AUTH } from "./nginx/auth.ts";
import { type Dialogue, joined, parseScript, type Step } from "./nginx/dialogue.ts";
import { type Difference, type DifferenceId, DIFFERENCES } from "./nginx/differences.ts";
import { IMAP } from "./nginx/imap.ts";
import { IMAP_LOGIN } from "./nginx/imap_login.ts";
import { POP3 } from "./nginx/pop3.ts";
import { POP3_LOGIN } from "./nginx/pop3_login.ts";
import { PROXY_PROTOCOL } from "./nginx/proxy_protocol.ts";
import { SASL } from "./nginx/sasl.ts";
import { protocolOf } from "./nginx/servers.ts";
import { SMTP } from "./nginx/smtp.ts";
import { SMTP_OPEN } from "./nginx/smtp_open.ts";
import { Stage, type Traffic } from "./nginx/stage.ts";
import { UPSTREAM } from "./nginx/upstream.ts";

const TABLES = {
  "IMAP": IMAP,
  "IMAP logins": IMAP_LOGIN,
  "SASL": SASL,
  "POP3": POP3,
  "POP3 logins": POP3_LOGIN,
  "SMTP": SMTP,
  "SMTP without a login": SMTP_OPEN,
  "PROXY headers": PROXY_PROTOCOL,
  "the auth server": AUTH,
  "the upstream": UPSTREAM,
};

const LISTED: Readonly<Record<string, Difference>> = DIFFERENCES;

describe("as nginx does it", () => {
  const options = needs("nginx");
  const installed = nginxVersion() ?? "0";
  let stages: Readonly<Record<"nginx" | "postern", Stage>>;

  before(async () => {
    if (options.skip === false) stages = { nginx: await Stage.nginx(), postern: await Stage.postern() };
  });

  after(async () => {
    if (options.skip === false) { for (const stage of Object.values(stages)) await stage.close(); }
  });

  for (const [table, dialogues] of Object.entries(TABLES)) {
    for (const dialogue of dialogues) {
      it(`${table}: ${dialogue.title}`, options, async () => {
        const steps = parseScript(dialogue.script, protocolOf(dialogue.server));
        await compare(dialogue, steps);
        if (dialogue.isPipelined !== false) await compare(dialogue, joined(steps));
      });
    }
  }

  /** Plays a dialogue against both, and compares what the servers behind them were told. */
  async function compare(dialogue: Dialogue, steps: readonly Step[]): Promise<void> {
    const { differs = [] } = dialogue;
    const remaining = differs.filter((id) => !isBefore(LISTED[id]?.nginxSince, installed));
    const isOutgrown = differs.length > 0 && remaining.length === 0;
    const [nginx, postern] = await Promise.all([
      stages.nginx.play(dialogue, steps, isOutgrown ? "postern" : "nginx"),
      stages.postern.play(dialogue, steps, "postern"),
    ]);
    if (remaining.length === 0) return assertEquals(comparable(postern), comparable(nginx));
    for (const octets of dialogue.nginxSays ?? []) assertSaysAlone(octets, nginx, postern);
    for (const octets of dialogue.posternSays ?? []) assertSaysAlone(octets, postern, nginx);
  }
});

describe("the differences from nginx", () => {
  const used = new Set(Object.values(TABLES).flat().flatMap(differencesIn));

  it("are shown by a dialogue or another test", () => {
    for (const [id, { shownIn }] of Object.entries(LISTED)) {
      assert(used.has(id as DifferenceId) !== (shownIn !== undefined), `${id} should be shown in one place`);
      if (shownIn !== undefined) readFileSync(new URL(`../../${shownIn}`, import.meta.url));
    }
  });

  it("are what the document lists, with their reasons", () => {
    const text = readFileSync(new URL("../../docs/nginx-compatibility.md", import.meta.url), "utf8");
    const rows = [...text.matchAll(/^\| `([\w.-]+)` \|.*\| ([^|]+) \|$/gm)].map(([, id, reason]) => [id, reason]);
    assertEquals(rows.sort(), Object.entries(LISTED).map(([id, { reason }]) => [id, reason]).sort());
  });
});

function differencesIn({ script, differs = [] }: Dialogue): readonly DifferenceId[] {
  return script.includes("internal error") ? [...differs, "response-codes"] : differs;
}

/** Ours goes over HTTP/1.1; all that follows is the same. */
function comparable({ asked, heard }: Traffic): Traffic {
  return { asked: asked.map((request) => request.replace(/ HTTP\/1\.[01]\r\n/, " HTTP/1.x\r\n")), heard };
}

function assertSaysAlone(octets: string, one: Traffic, other: Traffic): void {
  const says = ({ asked, heard }: Traffic) => [...asked, ...heard].some((told) => told.includes(octets));
  assertEquals([says(one), says(other)], [true, false], JSON.stringify({ octets, one, other }));
}

/** Whether a version, such as `1.29.6`, is not newer than another. */
function isBefore(version: string | undefined, other: string): boolean {
  if (version === undefined) return false;
  const [a = [], b = []] = [version, other].map((text) => text.split(".").map(Number));
  const at = a.findIndex((number, i) => number !== b[i]);
  return at < 0 || (a[at] ?? 0) < (b[at] ?? 0);
}
