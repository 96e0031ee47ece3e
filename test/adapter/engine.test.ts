import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { engineSettings, lateSettings } from "../../adapters/_engine.ts";

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

test("a process that works alone is set as far as its runtime can still be", () => {
  assertEquals(lateSettings({ node: "26.10.0", v8: "14.9.0-node.1" }, ["--no-warnings"]), V8);
  assertEquals(lateSettings({ node: "20.19.0", v8: "11.3.244.8-node.17" }, []), []);
  assertEquals(lateSettings({ node: "26.10.0", deno: "2.9.5", v8: "14.9.0" }, []), []);
  assertEquals(lateSettings({ node: "26.0.0", bun: "1.4.5", v8: "14.9.0" }, []), []);
});

test("what a process that works alone was started with stays in force", () => {
  const given = ["--invocation_count_for_turbofan=500", "--memory-reducer"];
  assertEquals(lateSettings({ node: "26.10.0", v8: "14.9.0" }, given), ["--retain-maps-for-n-gc=100000"]);
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
