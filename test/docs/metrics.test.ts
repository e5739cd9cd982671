/** The alert rules and the dashboard ask for nothing but what there is, and their own tools take them. */
import { expect, test } from "bun:test";
import { AGENT_GAUGES, AGENT_METRICS } from "../../src/core/metrics/agent-metrics.ts";
import { CONTROL_GAUGES } from "../../src/core/metrics/control-gauges.ts";
import { CONTROL_METRICS } from "../../src/core/metrics/control-metrics.ts";
import type { Metric } from "../../src/core/metrics/metric.ts";
import { ROOT, readDocument } from "../support/documents.ts";

const ALL: readonly Metric[] = [
  CONTROL_METRICS,
  CONTROL_GAUGES,
  AGENT_METRICS,
  AGENT_GAUGES,
].flatMap((metrics) => Object.values<Metric>(metrics));

const ENDINGS: Readonly<Record<Metric["type"], readonly string[]>> = {
  counter: ["_total"],
  gauge: [""],
  histogram: ["_bucket", "_count", "_sum"],
  info: ["_info"],
};
const NAMES = new Map(
  ALL.flatMap((metric) => ENDINGS[metric.type].map((end) => [metric.name + end, metric])),
);

const RULES = "src/assets/ctrl-exec-alerts.yml";
const DASHBOARD = "src/assets/ctrl-exec-dashboard.json";

test("no name of a metric means two", () => {
  expect(NAMES.size).toBe(ALL.flatMap(({ type }) => ENDINGS[type]).length);
});

test.each([RULES, DASHBOARD])("%s asks for metrics, labels and values that there are", (file) => {
  // In JSON, quotes within an expression are escaped.
  const text = readDocument(file).replaceAll('\\"', '"');
  const asked = [...text.matchAll(/\b(ctrl_exec_[a-z_]+)(?:\{([^}]*)\})?/g)];
  expect(asked.length).toBeGreaterThan(15);
  for (const [, name = "", matchers = ""] of asked) {
    const metric = NAMES.get(name);
    expect(metric, name).toBeDefined();
    for (const [, label = "", values = ""] of matchers.matchAll(/(\w+)(?:=~|!=|=)"([^"]*)"/g)) {
      if (label === "instance") continue;
      const known = metric?.labels[label];
      expect(known, `${name}{${label}}`).toBeDefined();
      if (typeof known === "string") continue;
      for (const value of values.split("|")) expect([...(known ?? [])], name).toContain(value);
    }
  }
});

test("promtool takes the rules", () => {
  const { stdout, stderr, exitCode } = Bun.spawnSync(["promtool", "check", "rules", RULES], {
    cwd: ROOT,
  });
  expect({ said: stderr.toString(), exitCode }).toEqual({ said: "", exitCode: 0 });
  expect(stdout.toString()).toContain("SUCCESS: 17 rules found");
});

test("every rule says what is wrong and where to look", () => {
  const alerts = readDocument(RULES).split("- alert: ").slice(1);
  for (const alert of alerts) {
    expect(alert).toMatch(/^CtrlExec\w+\n/);
    expect(alert).toMatch(/severity: (warning|critical)\n/);
    expect(alert).toMatch(/summary: .+\n +description: .+/);
  }
});

test("every panel of the dashboard has a query, an id and a place of its own", () => {
  const { panels, templating } = JSON.parse(readDocument(DASHBOARD));
  expect(new Set(panels.map(({ id }: { id: number }) => id)).size).toBe(panels.length);
  const places = panels.map(
    ({ gridPos: { x, y } }: { gridPos: { x: number; y: number } }) => `${x} ${y}`,
  );
  expect(new Set(places).size).toBe(panels.length);
  for (const { title, targets } of panels) expect(targets.length, title).toBeGreaterThan(0);
  expect(templating.list.map(({ name }: { name: string }) => name)).toEqual([
    "datasource",
    "instance",
  ]);
});
