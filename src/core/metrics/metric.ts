/**
 * What a metric is. Each is defined once (control-metrics.ts, agent-metrics.ts), with every value that its labels may
 * have: any other value counts as `other`. So no token, argument, output or host name can become a label (T34).
 */

export interface Metric<Label extends string = string> {
  /** Without the endings that the formats add: `_total`, `_bucket`, `_info`. */
  readonly name: string;
  readonly type: MetricType;
  /** A sentence. */
  readonly help: string;
  readonly labels: Readonly<Record<Label, LabelValues>>;
  /** For a histogram: the upper bounds, in ascending order, without infinity. */
  readonly buckets?: readonly number[];
}

export type MetricType = "counter" | "gauge" | "histogram" | "info";

/**
 * `script` is the name of a script that has run; `text` is one that the program itself chooses, such as its version.
 */
export type LabelValues = readonly string[] | "script" | "text";

/** Replaces every value that a label may not have. */
export const OTHER = "other";

/** Makes metrics of one kind whose names have the same beginning. */
export function metricMaker(prefix: string, type: MetricType) {
  return <const Labels extends Metric["labels"]>(
    name: string,
    help: string,
    labels: Labels,
  ): Omit<Metric<keyof Labels & string>, "labels"> & { readonly labels: Labels } => {
    return { name: `${prefix}${name}`, type, help, labels };
  };
}

/** One series, as it is now. */
export interface Series {
  readonly metric: Metric;
  /** In the order of the metric's labels. */
  readonly labels: readonly string[];
  /**
   * The value; for a histogram, how many values fell into each bucket, the last without a bound, and then their sum.
   */
  readonly values: readonly number[];
}

/** One series with one value. */
export function series<Label extends string>(
  metric: Metric<Label>,
  labels: Readonly<Record<Label, string>>,
  value: number,
): Series {
  return { metric, labels: labelValues(metric, labels), values: [value] };
}

/** In the order of the metric's labels; the names of scripts are judged by the code that keeps them. */
export function labelValues<Label extends string>(
  metric: Metric<Label>,
  labels: Readonly<Record<Label, string>>,
): readonly string[] {
  return labelsOf(metric).map(([name, values]) => {
    const value = labels[name];
    return typeof values === "string" || values.includes(value) ? value : OTHER;
  });
}

/** Whether the label may have the value; `script` is judged by the code that keeps scripts. */
export function isValue(values: LabelValues, value: string): boolean {
  return typeof values === "string" || value === OTHER || values.includes(value);
}

type Labels<Label extends string> = readonly (readonly [Label, LabelValues])[];

/** Asked for at each event. */
const known = new WeakMap<Metric, Labels<string>>();

export function labelsOf<Label extends string>(metric: Metric<Label>): Labels<Label> {
  const labels = known.get(metric) ?? Object.entries<LabelValues>(metric.labels);
  known.set(metric, labels);
  return labels as Labels<Label>;
}

/** How many numbers a series of the metric has. */
export function width({ type, buckets = [] }: Metric): number {
  return type === "histogram" ? buckets.length + 2 : 1;
}
