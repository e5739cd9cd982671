/** What ctrl-exec-api is doing at the moment, as numbers. */
import type { Controller } from "../controller/control-host.ts";
import { CONTROL_GAUGES as M } from "../core/metrics/control-gauges.ts";
import { type Series, series } from "../core/metrics/metric.ts";
import { workDescriptors } from "../system/process/descriptors.ts";

export interface Load {
  readonly requests: number;
  readonly streams: number;
  readonly runs: number;
}

export function loadSeries(
  { config, dialler }: Controller,
  { requests, streams, runs }: Load,
): readonly Series[] {
  const calls = workDescriptors();
  return [
    series(M.requests, {}, requests),
    series(M.streams, {}, streams),
    series(M.runsHere, {}, runs),
    series(M.callsWaiting, {}, calls.waiting),
    series(M.callsFree, {}, calls.free),
    series(M.budgetHeld, {}, dialler?.budget(config).held ?? 0),
    series(M.budgetLimit, {}, config.max_replies),
  ];
}
