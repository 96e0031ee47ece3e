/**
 * Health checks: who of a group is at work. A check speaks the servers' protocol in good manners and never logs in.
 *
 * @module
 */

export type { CheckedServer, Health, HealthBoard, HealthCheckOptions } from "./monitor.ts";
export { HealthMonitor } from "./monitor.ts";
export type { ProbeEffect, ProbeInput, ProbeOptions, ProbeVerdict } from "./probe.ts";
export { Probe } from "./probe.ts";
