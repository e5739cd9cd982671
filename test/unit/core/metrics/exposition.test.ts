import { expect, test } from "bun:test";
import { CONTENT_TYPES, exposition, formatFor } from "../../../../src/core/metrics/exposition.ts";
import type { Metric, Series } from "../../../../src/core/metrics/metric.ts";

const runs: Metric = {
  name: "runs",
  type: "counter",
  help: "Runs.",
  labels: { script: "script", outcome: ["ok"] },
};
const took: Metric = {
  name: "took_seconds",
  type: "histogram",
  help: "Time.",
  labels: {},
  buckets: [0.5, 1],
};
const build: Metric = { name: "build", type: "info", help: "Build.", labels: { version: "text" } };
const agents: Metric = { name: "agents", type: "gauge", help: "Agents.", labels: {} };

const ALL: readonly Series[] = [
  { metric: build, labels: ["1.1"], values: [1] },
  { metric: agents, labels: [], values: [3] },
  { metric: runs, labels: ["deploy", "ok"], values: [2] },
  { metric: runs, labels: ["other", "ok"], values: [0] },
  { metric: took, labels: [], values: [1, 0, 2, 7.5] },
];

test("OpenMetrics: the family of a counter has no _total, an info is one, and the text has an end", () => {
  expect(exposition(ALL, "openmetrics")).toBe(`# HELP build Build.
# TYPE build info
build_info{version="1.1"} 1
# HELP agents Agents.
# TYPE agents gauge
agents 3
# HELP runs Runs.
# TYPE runs counter
runs_total{script="deploy",outcome="ok"} 2
runs_total{script="other",outcome="ok"} 0
# HELP took_seconds Time.
# TYPE took_seconds histogram
took_seconds_bucket{le="0.5"} 1
took_seconds_bucket{le="1.0"} 1
took_seconds_bucket{le="+Inf"} 3
took_seconds_count 3
took_seconds_sum 7.5
# EOF
`);
});

test("the classic format has the same samples under other families", () => {
  const samples = (text: string) => text.split("\n").filter((line) => !line.startsWith("#"));
  const classic = exposition(ALL, "classic");
  expect(samples(classic)).toEqual(samples(exposition(ALL, "openmetrics")));
  expect(classic).toContain("# TYPE build_info gauge\n");
  expect(classic).toContain("# TYPE runs_total counter\n");
  expect(classic).not.toContain("EOF");
});

test("what would end a value or a line is escaped", () => {
  const odd: Metric = { ...build, help: 'a "b"\nc\\d' };
  const all = [{ metric: odd, labels: ['1"\n\\'], values: [1] }];
  expect(exposition(all, "openmetrics")).toBe(
    '# HELP build a \\"b\\"\\nc\\\\d\n# TYPE build info\nbuild_info{version="1\\"\\n\\\\"} 1\n# EOF\n',
  );
  // The classic format takes a quote in a help as it is.
  expect(exposition(all, "classic")).toContain('# HELP build_info a "b"\\nc\\\\d\n');
});

test.each([
  [undefined, "classic"],
  ["*/*", "classic"],
  ["text/plain", "classic"],
  ["application/openmetrics-text", "openmetrics"],
  ["text/plain;q=0.5, Application/OpenMetrics-Text; version=1.0.0;q=0.9", "openmetrics"],
  ["application/openmetrics-text;q=0, text/plain", "classic"],
  ["application/openmetrics-text-not", "classic"],
  // As Prometheus 2.42 sends it.
  [
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
    "openmetrics",
  ],
] as const)("whoever accepts %p gets %s", (accept, format) => {
  expect(formatFor(accept)).toBe(format);
  expect(CONTENT_TYPES[format]).toMatch(/; version=\d.*; charset=utf-8$/);
});
