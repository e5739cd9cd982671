import { expect, test } from "bun:test";
import { type Metric, OTHER, type Series } from "../../../../src/core/metrics/metric.ts";
import { Tally } from "../../../../src/core/metrics/tally.ts";

const runs: Metric<"script" | "outcome"> = {
  name: "runs",
  type: "counter",
  help: "Runs.",
  labels: { script: "script", outcome: ["ok", "failed"] },
};
const took: Metric<"script"> = {
  name: "took_seconds",
  type: "histogram",
  help: "Time.",
  labels: { script: "script" },
  buckets: [1, 5],
};
const plain: Metric<never> = { name: "plain", type: "counter", help: "Plain.", labels: {} };
const metrics = [runs, took, plain];

function shown(all: readonly Series[]): Record<string, readonly number[]> {
  const lines = all.map(({ metric, labels, values }) => {
    return [[metric.name, ...labels].join(" "), values] as const;
  });
  return Object.fromEntries(lines);
}

test("counters grow, by their labels; one that nothing was counted in is there with 0", () => {
  const tally = new Tally({ metrics });
  expect(shown(tally.series)).toEqual({
    "runs other ok": [0],
    "runs other failed": [0],
    plain: [0],
  });
  tally.add(plain, {});
  tally.add(plain, {}, 4);
  tally.add(runs, { script: "deploy", outcome: "ok" });
  expect(shown(tally.series)).toEqual({
    "runs deploy ok": [1],
    "runs deploy failed": [0],
    "runs other ok": [0],
    "runs other failed": [0],
    plain: [5],
  });
});

test("a histogram has a number for each bucket, the bound included, and the sum", () => {
  const tally = new Tally({ metrics });
  for (const value of [0.5, 1, 1.5, 5, 6]) tally.observe(took, { script: "deploy" }, value);
  expect(tally.counts.get("took_seconds deploy")).toEqual([2, 2, 1, 14]);
});

test("T34 a value that a label does not have counts as other", () => {
  const tally = new Tally({ metrics });
  tally.add(runs, { script: "a b", outcome: "web-01.example.com" });
  tally.add(runs, { script: 'x"} 1\n', outcome: "__proto__" });
  tally.add(runs, { script: "", outcome: "" });
  expect([...tally.counts]).toEqual([[`runs ${OTHER} ${OTHER}`, [3]]]);
  expect(Object.keys(shown(tally.series))).toContain(`runs ${OTHER} ${OTHER}`);
});

test("T21 so many scripts have a label of their own, and no more", () => {
  const tally = new Tally({ metrics, maxScripts: 3 });
  for (let n = 0; n < 1000; n++) tally.add(runs, { script: `s${n}`, outcome: "ok" });
  tally.add(runs, { script: "s1", outcome: "failed" });
  expect(Object.fromEntries(tally.counts)).toEqual({
    "runs s0 ok": [1],
    "runs s1 ok": [1],
    "runs s2 ok": [1],
    [`runs ${OTHER} ok`]: [997],
    "runs s1 failed": [1],
  });
});

test("T21 where only timed scripts have one, names of scripts that never ran use none up", () => {
  const tally = new Tally({ metrics, maxScripts: 2, onlyTimed: true });
  for (let n = 0; n < 10; n++) tally.add(runs, { script: `nowhere-${n}`, outcome: "failed" });
  tally.observe(took, { script: "deploy" }, 1);
  tally.add(runs, { script: "deploy", outcome: "ok" });
  expect(tally.counts.get("runs deploy ok")).toEqual([1]);
  expect(tally.counts.get(`runs ${OTHER} failed`)).toEqual([10]);
  expect(tally.counts.size).toBe(3);
});

test("what is merged is added, whatever comes first in it", () => {
  const news = new Tally({ metrics });
  // The script is timed after it was counted.
  news.add(runs, { script: "deploy", outcome: "ok" }, 2);
  news.observe(took, { script: "deploy" }, 3);
  const all = new Tally({ metrics, onlyTimed: true });
  all.merge(news.counts);
  all.merge(news.counts);
  expect(Object.fromEntries(all.counts)).toEqual({
    "took_seconds deploy": [0, 2, 0, 6],
    "runs deploy ok": [4],
  });
});

test("what another version or somebody else has left is not merged", () => {
  const all = new Tally({ metrics });
  const odd: [string, number[]][] = [
    ["gone ok", [1]],
    ["runs deploy", [1]],
    ["runs deploy ok failed", [1]],
    ["runs deploy 10.0.0.1", [1]],
    ["plain", [1, 2]],
    ["plain", [-1]],
    ["plain", [Number.NaN]],
    ["plain", [Number.POSITIVE_INFINITY]],
    ["took_seconds deploy", [1, 2]],
    ["", [1]],
    ["__proto__", [1]],
  ];
  for (const each of odd) all.merge(new Map([each]));
  expect(all.isEmpty).toBe(true);
});

test("what is taken is counted again", () => {
  const tally = new Tally({ metrics, maxScripts: 1 });
  tally.add(runs, { script: "a", outcome: "ok" });
  expect([...tally.take()]).toEqual([["runs a ok", [1]]]);
  expect(tally.isEmpty).toBe(true);
  tally.add(runs, { script: "b", outcome: "ok" });
  expect([...tally.take()]).toEqual([["runs b ok", [1]]]);
});
