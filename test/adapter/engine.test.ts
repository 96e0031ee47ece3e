import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { engineSettings } from "../../adapters/_engine.ts";

const THRESHOLD = "--invocation-count-for-turbofan=1000";

test("a worker's engine compiles earlier, in the way of each runtime", () => {
  assertEquals(engineSettings({ node: "22.0.0", v8: "12.4.254.21-node.57" }, {}), {
    args: [THRESHOLD],
    environment: {},
  });
  assertEquals(engineSettings({ node: "26.10.0", deno: "2.9.5", v8: "14.9.0" }, {}), {
    args: [],
    environment: { DENO_V8_FLAGS: THRESHOLD },
  });
  assertEquals(engineSettings({ node: "26.0.0", bun: "1.4.5" }, {}), {
    args: [],
    environment: { BUN_JSC_thresholdForFTLOptimizeAfterWarmUp: "10000" },
  });
});

test("a Node whose V8 does not know the option starts without it", () => {
  assertEquals(engineSettings({ node: "20.19.0", v8: "11.3.244.8-node.17" }, {}), { args: [], environment: {} });
});

test("what the operator has set stays in force", () => {
  const own = { DENO_V8_FLAGS: "--max-old-space-size=512", BUN_JSC_thresholdForFTLOptimizeAfterWarmUp: "64000" };
  // V8 takes the last of two that contradict each other.
  assertEquals(engineSettings({ deno: "2.9.5" }, own).environment, {
    DENO_V8_FLAGS: `${THRESHOLD},--max-old-space-size=512`,
  });
  assertEquals(engineSettings({ bun: "1.4.5" }, own).environment, {
    BUN_JSC_thresholdForFTLOptimizeAfterWarmUp: "64000",
  });
});
