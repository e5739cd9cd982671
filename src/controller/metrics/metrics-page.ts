/** The control host's metrics, in the form in which they are served. */

import { controlTally } from "../../core/metrics/control-counting.ts";
import { CONTROL_GAUGES as M } from "../../core/metrics/control-gauges.ts";
import { exposition, type Format } from "../../core/metrics/exposition.ts";
import { type Metric, type Series, series } from "../../core/metrics/metric.ts";
import { COMMIT, VERSION } from "../../core/version.ts";
import type { Controller } from "../control-host.ts";
import { fleetGauges } from "./fleet-gauges.ts";

/** However often somebody asks, the fleet is looked at only once in this time (T67). */
const FLEET_MS = 2000;

export class MetricsPage {
  readonly #started: Date;
  #fleet: Promise<readonly Series[]> | undefined;
  #fleetAt = 0;

  constructor(started: Date) {
    this.#started = started;
  }

  /** @param load what the process itself knows */
  async text(controller: Controller, load: readonly Series[], format: Format): Promise<string> {
    const fleet = await this.#fleetOf(controller);
    const all = await controller.counts.all();
    const began = all && series(M.countsBegan, {}, all.since.getTime() / 1000);
    const tally = controlTally({ onlyTimed: true });
    if (all !== undefined) tally.merge(all.counts);
    const gauges = [
      series(M.build, { version: VERSION, commit: COMMIT }, 1),
      series(M.started, {}, this.#started.getTime() / 1000),
      ...(began === undefined ? [] : [began]),
      ...fleet,
      ...load,
    ];
    const counters = all === undefined ? [] : tally.series;
    return exposition([...inOrder(gauges), ...counters], format);
  }

  /** Those who ask at the same time share it. */
  async #fleetOf(controller: Controller): Promise<readonly Series[]> {
    const now = performance.now();
    if (this.#fleet === undefined || now - this.#fleetAt > FLEET_MS) {
      this.#fleetAt = now;
      this.#fleet = fleetGauges(controller);
    }
    return await this.#fleet;
  }
}

/** Those of one metric together. */
function inOrder(gauges: readonly Series[]): readonly Series[] {
  const order: readonly Metric[] = Object.values(M);
  return order.flatMap((metric) => gauges.filter((each) => each.metric === metric));
}
