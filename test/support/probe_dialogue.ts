/**
 * Plays a health check, in the notation of `transcript.ts`: whole, byte by byte, and split at every place.
 *
 *     U: what the server says        P: what it hears
 *     secure      healthy      unhealthy REASON      close
 *
 * and the stimuli `connected`, `secured`, `not secured TEXT`, `failed TEXT`, `U ended`, and `after MILLISECONDS`, which
 * delivers `timedOut` when the deadline has come by then.
 */

import { assertEquals } from "@std/assert";
import { decode, encode } from "../../src/session/bytes.ts";
import type { Probe, ProbeEffect, ProbeInput } from "../../src/upstream/health/probe.ts";
import { octets } from "./transcript.ts";

/** Plays the check in every chunking and asserts that all that was said and done is what is written. */
export function probeDialogue(start: () => Probe, script: string): void {
  const steps = script.split("\n").map((line) => line.trimStart()).filter((line) => line !== "").map(parseLine);
  const longest = Math.max(1, ...steps.map((step) => step.said?.length ?? 0));
  for (const chunking of ["whole", "bytes", "together"] as const) play(start(), steps, chunking);
  for (let at = 1; at < longest; at++) play(start(), steps, at);
}

type Chunking = "whole" | "bytes" | "together" | number;

interface Step {
  readonly said?: string;
  readonly input?: ProbeInput;
  readonly after?: number;
  readonly expected?: string;
}

function parseLine(line: string): Step {
  const [, who, text = ""] = /^([UP]): ?(.*)$/s.exec(line) ?? [];
  if (who === "U") return { said: octets(text) };
  if (who === "P") return { expected: `P: ${octets(text)}` };
  const [, stimulus, rest = ""] = /^(not secured|failed|after) (.*)$/.exec(line) ?? [];
  if (stimulus === "after") return { after: Number(rest) };
  if (stimulus !== undefined) return { input: { type: stimulus === "failed" ? "failed" : "notSecured", text: rest } };
  if (line === "connected" || line === "secured") return { input: { type: line } };
  if (line === "U ended") return { input: { type: "ended" } };
  return { expected: line };
}

function play(probe: Probe, steps: readonly Step[], chunking: Chunking): void {
  let now = 0;
  let done: string[] = [];
  const feed = (input: ProbeInput) => done.push(...probe.receive(input).map(describe));
  for (let i = 0; i < steps.length;) {
    done = [];
    let said = "";
    for (let step = steps[i]; step !== undefined && step.expected === undefined; step = steps[++i]) {
      if (step.said !== undefined && chunking === "together") said += step.said;
      else if (step.said !== undefined) cut(step.said, chunking).forEach((bytes) => feed({ type: "bytes", bytes }));
      if (step.input !== undefined) feed(step.input);
      now += step.after ?? 0;
      if (step.after !== undefined && probe.deadline !== undefined && probe.deadline <= now) feed({ type: "timedOut" });
    }
    if (said !== "") feed({ type: "bytes", bytes: encode(said) });
    const expected: string[] = [];
    for (let step = steps[i]; step?.expected !== undefined; step = steps[++i]) expected.push(step.expected);
    assertEquals(done, expected, `cut: ${chunking}`);
  }
}

function cut(said: string, chunking: Chunking): readonly Uint8Array[] {
  const bytes = encode(said);
  if (chunking === "bytes") return [...bytes].map((octet) => Uint8Array.of(octet));
  if (typeof chunking !== "number" || chunking >= bytes.length) return [bytes];
  return [bytes.slice(0, chunking), bytes.slice(chunking)];
}

function describe(effect: ProbeEffect): string {
  switch (effect.type) {
    case "write":
      return `P: ${decode(effect.bytes)}`;
    case "verdict":
      return effect.verdict.isHealthy ? "healthy" : `unhealthy ${effect.verdict.reason}`;
    default:
      return effect.type;
  }
}
