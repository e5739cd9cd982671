/**
 * Metrics as text: OpenMetrics 1.0, or the classic text format of Prometheus, 0.0.4. They differ in the names of the
 * counters' families, in the available types, and in the last line.
 */
import { labelsOf, type Metric, type Series } from "./metric.ts";

export type Format = "openmetrics" | "classic";

export const CONTENT_TYPES: Readonly<Record<Format, string>> = {
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
  classic: "text/plain; version=0.0.4; charset=utf-8",
};

/** OpenMetrics for clients that name it in Accept, as Prometheus does; a person with curl gets the classic format. */
export function formatFor(accept: string | undefined): Format {
  const named = (accept ?? "").split(",").some((part) => {
    const [type = "", ...parameters] = part.split(";").map((each) => each.trim().toLowerCase());
    const unwanted = parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
    return type === "application/openmetrics-text" && !unwanted;
  });
  return named ? "openmetrics" : "classic";
}

/** @param all all series of one metric must be adjacent */
export function exposition(all: readonly Series[], format: Format): string {
  const lines: string[] = [];
  let metric: Metric | undefined;
  for (const each of all) {
    if (each.metric !== metric) {
      metric = each.metric;
      const family = familyName(metric, format);
      lines.push(`# HELP ${family} ${escapeHelp(metric.help, format)}`);
      lines.push(`# TYPE ${family} ${typeName(metric, format)}`);
    }
    lines.push(...samples(each));
  }
  if (format === "openmetrics") lines.push("# EOF");
  return lines.map((line) => `${line}\n`).join("");
}

function familyName({ name, type }: Metric, format: Format): string {
  if (format === "openmetrics") return name;
  return `${name}${type === "counter" ? "_total" : ""}${type === "info" ? "_info" : ""}`;
}

function typeName({ type }: Metric, format: Format): string {
  return type === "info" && format === "classic" ? "gauge" : type;
}

function samples({ metric, labels, values }: Series): string[] {
  const { name, type, buckets = [] } = metric;
  const own = labelsOf(metric).map(([label], at) => `${label}="${escapeValue(labels[at] ?? "")}"`);
  const line = (ending: string, value: number, more: readonly string[] = []) => {
    const shown = [...own, ...more].join(",");
    return `${name}${ending}${shown === "" ? "" : `{${shown}}`} ${value}`;
  };
  if (type === "counter") return [line("_total", values[0] ?? 0)];
  if (type === "info") return [line("_info", values[0] ?? 1)];
  if (type === "gauge") return [line("", values[0] ?? 0)];
  let count = 0;
  const cumulated = [...buckets.map(boundText), "+Inf"].map((bound, at) => {
    count += values[at] ?? 0;
    return line("_bucket", count, [`le="${bound}"`]);
  });
  return [...cumulated, line("_count", count), line("_sum", values.at(-1) ?? 0)];
}

/** OpenMetrics requires a point in it, and the classic format accepts one: the series are the same in both. */
function boundText(bound: number): string {
  return Number.isInteger(bound) ? bound.toFixed(1) : String(bound);
}

function escapeHelp(text: string, format: Format): string {
  const escaped = text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
  return format === "openmetrics" ? escaped.replaceAll('"', '\\"') : escaped;
}

function escapeValue(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');
}
