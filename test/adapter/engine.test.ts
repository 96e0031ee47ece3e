import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { engineSettings } from "../../adapters/_engine.ts";

const V8 = ["--invocation-count-for-turbofan=1000", "--retain-maps-for-n-gc=100000", "--no-memory-reducer"];

test("a worker's engine compiles earlier and keeps what it has compiled, in the way of each runtime", () => {
  assertEquals(engineSettings({ node: "22.0.0", v8: "12.4.254.21-node.57" }, {}), { args: V8, environment: {} });
  assertEquals(engineSettings({ node: "26.10.0", deno: "2.9.5", v8: "14.9.0" }, {}), {
    args: [],
    environment: { DENO_V8_FLAGS: V8.join(",") },
  });
  assertEquals(engineSettings({ node: "26.0.0", bun: "1.4.5" }, {}), {
    args: [],
    environment: { BUN_JSC_thresholdForFTLOptimizeAfterWarmUp: "10000" },
  });
});

test("a Node whose V8 does not know the options starts without them", () => {
  assertEquals(engineSettings({ node: "20.19.0", v8: "11.3.244.8-node.17" }, {}), { args: [], environment: {} });
});

test("what the operator has set stays in force", () => {
  const own = { DENO_V8_FLAGS: "--max-old-space-size=512", BUN_JSC_thresholdForFTLOptimizeAfterWarmUp: "64000" };
  // V8 takes the last of two that contradict each other.
  assertEquals(engineSettings({ deno: "2.9.5" }, own).environment, {
    DENO_V8_FLAGS: [...V8, own.DENO_V8_FLAGS].join(","),
  });
  assertEquals(engineSettings({ bun: "1.4.5" }, own).environment, {
    BUN_JSC_thresholdForFTLOptimizeAfterWarmUp: "64000",
  });
});
