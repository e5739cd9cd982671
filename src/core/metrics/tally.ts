/** What was counted: numbers that only grow, by metric and labels. */
import { isScriptName } from "../script-name.ts";
import {
  isValue,
  type LabelValues,
  labelsOf,
  labelValues,
  type Metric,
  OTHER,
  type Series,
  width,
} from "./metric.ts";

/** By `<metric> <label value>...`: no value of a label contains a space. */
export type Counts = ReadonlyMap<string, readonly number[]>;

/** Scripts that have a label of their own; those beyond count as `other`. */
export const MAX_SCRIPTS = 100;

export interface TallyOptions {
  /** What is counted; anything else that is merged is left out. */
  readonly metrics: readonly Metric[];
  readonly maxScripts?: number;
  /**
   * Only a script that was timed gets its own label, because it has run: a caller whose hook allows any name cannot
   * use up the labels with names of scripts that do not exist.
   */
  readonly onlyTimed?: boolean;
}

export class Tally {
  readonly #metrics: ReadonlyMap<string, Metric>;
  readonly #maxScripts: number;
  readonly #onlyTimed: boolean;
  readonly #counts = new Map<string, number[]>();
  readonly #scripts = new Set<string>();

  constructor({ metrics, maxScripts = MAX_SCRIPTS, onlyTimed = false }: TallyOptions) {
    this.#metrics = new Map(metrics.map((metric) => [metric.name, metric]));
    this.#maxScripts = maxScripts;
    this.#onlyTimed = onlyTimed;
  }

  get isEmpty(): boolean {
    return this.#counts.size === 0;
  }

  get counts(): Counts {
    return this.#counts;
  }

  /** Adds one to the counter, or this many. */
  add<Label extends string>(
    metric: Metric<Label>,
    labels: Readonly<Record<Label, string>>,
    amount = 1,
  ): void {
    this.#add(metric, labelValues(metric, labels), [amount]);
  }

  /** Adds a value to the histogram. */
  observe<Label extends string>(
    metric: Metric<Label>,
    labels: Readonly<Record<Label, string>>,
    value: number,
  ): void {
    const { buckets = [] } = metric;
    const found = buckets.findIndex((bound) => value <= bound);
    const amounts = new Array<number>(width(metric)).fill(0);
    amounts[found < 0 ? buckets.length : found] = 1;
    amounts[amounts.length - 1] = value;
    this.#add(metric, labelValues(metric, labels), amounts);
  }

  /** Adds what was counted elsewhere: anything that does not belong to these metrics, or is damaged, is left out. */
  merge(counts: Counts): void {
    const known = [...counts].flatMap(([key, amounts]) => {
      const [name = "", ...labels] = key.split(" ");
      const metric = this.#metrics.get(name);
      return metric !== undefined && fits(metric, labels, amounts)
        ? [{ metric, labels, amounts }]
        : [];
    });
    // First those that give a script its label.
    const first = known.filter(({ metric }) => metric.type === "histogram");
    const others = known.filter(({ metric }) => metric.type !== "histogram");
    for (const { metric, labels, amounts } of [...first, ...others]) {
      this.#add(metric, labels, amounts);
    }
  }

  /** What was counted since the last time. */
  take(): Counts {
    const taken = new Map(this.#counts);
    this.#counts.clear();
    this.#scripts.clear();
    return taken;
  }

  /**
   * In the order of the metrics. A counter that has counted nothing is present with 0: otherwise somebody who watches
   * its growth would miss the first one.
   */
  get series(): readonly Series[] {
    return [...this.#metrics.values()].flatMap((metric) => {
      const empty = new Array<number>(width(metric)).fill(0);
      return this.#combinations(metric).flatMap((labels) => {
        const values = this.#counts.get([metric.name, ...labels].join(" "));
        const others = labelsOf(metric).some(
          ([, known], at) => typeof known !== "string" && labels[at] === OTHER,
        );
        if (values === undefined && (others || metric.type !== "counter")) return [];
        return [{ metric, labels, values: values ?? empty }];
      });
    });
  }

  #combinations(metric: Metric): readonly (readonly string[])[] {
    return labelsOf(metric).reduce<readonly (readonly string[])[]>(
      (begun, [, values]) => {
        const all = values === "script" ? [...this.#scripts].sort() : values;
        return begun.flatMap((labels) => [...all, OTHER].map((value) => [...labels, value]));
      },
      [[]],
    );
  }

  #add(metric: Metric, labels: readonly string[], amounts: readonly number[]): void {
    const timed = metric.type === "histogram";
    const kept = labelsOf(metric).map(([, values], at) => this.#kept(values, labels[at], timed));
    const key = [metric.name, ...kept].join(" ");
    const before = this.#counts.get(key);
    if (before === undefined) this.#counts.set(key, [...amounts]);
    else
      amounts.forEach((amount, at) => {
        before[at] = (before[at] ?? 0) + amount;
      });
  }

  #kept(values: LabelValues, value = OTHER, timed: boolean): string {
    if (values !== "script" || this.#scripts.has(value)) return value;
    const mayBegin = timed || !this.#onlyTimed;
    const isFull = this.#scripts.size >= this.#maxScripts;
    if (value === OTHER || !mayBegin || isFull || !isScriptName(value)) return OTHER;
    this.#scripts.add(value);
    return value;
  }
}

function fits(metric: Metric, labels: readonly string[], amounts: readonly number[]): boolean {
  const wanted = labelsOf(metric);
  return (
    labels.length === wanted.length &&
    wanted.every(([, values], at) => isValue(values, labels[at] ?? "")) &&
    amounts.length === width(metric) &&
    amounts.every((amount) => Number.isFinite(amount) && amount >= 0)
  );
}
