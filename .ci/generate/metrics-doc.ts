/** The tables of docs/METRICS.md, from the definitions of the metrics. */
import { AGENT_GAUGES, AGENT_METRICS } from "../../src/core/metrics/agent-metrics.ts";
import { CONTROL_GAUGES } from "../../src/core/metrics/control-gauges.ts";
import { CONTROL_METRICS } from "../../src/core/metrics/control-metrics.ts";
import { type LabelValues, labelsOf, type Metric } from "../../src/core/metrics/metric.ts";

/** By the name of the section that they fill. */
export function metricTables(): [name: string, table: string][] {
  return [
    ["control host", metricTable(CONTROL_METRICS)],
    ["state of the control host", metricTable(CONTROL_GAUGES)],
    ["agent", metricTable({ ...AGENT_METRICS, ...AGENT_GAUGES })],
  ];
}

const ENDINGS: Readonly<Record<Metric["type"], string>> = {
  counter: "_total",
  gauge: "",
  histogram: "",
  info: "_info",
};

function metricTable(metrics: Readonly<Record<string, Metric>>): string {
  const lines = ["| metric | is | labels | meaning |", "|---|---|---|---|"];
  for (const metric of Object.values(metrics)) {
    const labels = labelsOf(metric).map(([name, values]) => `\`${name}\`${shown(values)}`);
    const name = `\`${metric.name}${ENDINGS[metric.type]}\``;
    lines.push(
      `| ${name} | ${metric.type} | ${labels.join("; ") || "none"} | ${metric.help.replace(/\.$/, "")} |`,
    );
  }
  return `${lines.join("\n")}\n`;
}

function shown(values: LabelValues): string {
  return typeof values === "string" ? "" : `: ${values.join(", ")}`;
}
