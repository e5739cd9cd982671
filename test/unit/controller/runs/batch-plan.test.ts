/** Which hosts of a rollout are asked together. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { planBatches } from "../../../../src/controller/runs/batch-plan.ts";
import { batchSize, parseBatch, type RolloutSetting } from "../../../../src/core/rollout.ts";

interface Host {
  readonly name: number;
  readonly tags: Readonly<Record<string, string>>;
}

const hosts = (count: number, tags: (at: number) => Host["tags"] = () => ({})): Host[] =>
  Array.from({ length: count }, (_, name) => ({ name, tags: tags(name) }));

const tagValue = ({ tags }: Host, key: string) => tags[key];

function plan(of: readonly Host[], batch: string, per_tag: RolloutSetting["per_tag"] = {}) {
  const setting = { batch: parseBatch(batch) ?? [], per_tag };
  return planBatches(of, setting, of.length, tagValue).map((each) => each.map(({ name }) => name));
}

describe("sizes", () => {
  test.each([
    ["1,10%,25%,100%", 40, [1, 4, 10, 25]],
    ["1", 3, [1, 1, 1]],
    ["2", 5, [2, 2, 1]],
    // Part of a host is nobody, but no batch is empty.
    ["10%", 5, [1, 1, 1, 1, 1]],
    ["30%", 10, [3, 3, 3, 1]],
    ["100%", 7, [7]],
    ["9", 4, [4]],
    ["1,100%", 1, [1]],
  ])("%s of %d hosts", (batch, count, sizes) => {
    const batches = plan(hosts(count), batch);
    expect(batches.map(({ length }) => length)).toEqual(sizes);
    expect(batches.flat()).toEqual(hosts(count).map(({ name }) => name));
  });
});

describe("bounds by tag", () => {
  const racks = (at: number) => ({ rack: `r${at % 3}` });

  test("at most so many of each value are in a batch, in the order given", () => {
    expect(plan(hosts(6, racks), "100%", { rack: 1 })).toEqual([
      [0, 1, 2],
      [3, 4, 5],
    ]);
    expect(plan(hosts(6, racks), "1,100%", { rack: 2 })).toEqual([[0], [1, 2, 3, 4, 5]]);
  });

  test("a value that is full lets the others of the batch come earlier", () => {
    const tags = (at: number) => ({ rack: at < 3 ? "a" : "b" });
    expect(plan(hosts(5, tags), "2", { rack: 1 })).toEqual([[0, 3], [1, 4], [2]]);
  });

  test("hosts without the tag may all be in one place", () => {
    expect(plan(hosts(3), "100%", { rack: 1 })).toEqual([[0], [1], [2]]);
    const some = (at: number): Host["tags"] => (at === 0 ? { rack: "" } : {});
    expect(plan(hosts(2, some), "100%", { rack: 1 })).toEqual([[0, 1]]);
  });

  test("two tags bound together, and their values are not confused", () => {
    const tags = (at: number) => ({ rack: at < 2 ? "a" : "b", zone: at % 2 === 0 ? "a" : "b" });
    expect(plan(hosts(4, tags), "100%", { rack: 1, zone: 1 })).toEqual([
      [0, 3],
      [1, 2],
    ]);
  });
});

/** What the plan has to come to, in the plainest way: each batch looks at every host that is left. */
function plainPlan(of: readonly Host[], { batch, per_tag }: Setting): number[][] {
  const batches: number[][] = [];
  for (let left = of; left.length > 0; ) {
    const most = batchSize(
      batch[Math.min(batches.length, batch.length - 1)] ?? { percent: 0 },
      of.length,
    );
    const taken: Host[] = [];
    for (const host of left) {
      const fits = Object.entries(per_tag).every(
        ([key, bound]) => taken.filter(({ tags }) => tags[key] === host.tags[key]).length < bound,
      );
      if (fits && taken.length < most) taken.push(host);
    }
    batches.push(taken.map(({ name }) => name));
    left = left.filter((host) => !taken.includes(host));
  }
  return batches;
}

type Setting = Pick<RolloutSetting, "batch" | "per_tag">;

test("every host is in one batch, as early as sizes and bounds let it, and no bound is exceeded", () => {
  const word = fc.constantFrom("a", "b", "c");
  const host = fc.record({ rack: word, zone: word }, { requiredKeys: [] });
  const size = fc.oneof(
    fc.record({ hosts: fc.integer({ min: 1, max: 9 }) }),
    fc.record({ percent: fc.integer({ min: 1, max: 100 }) }),
  );
  const bounds = fc.record(
    { rack: fc.integer({ min: 1, max: 3 }), zone: fc.integer({ min: 1, max: 3 }) },
    { requiredKeys: [] },
  );
  const batch = fc.array(size, { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(fc.array(host, { maxLength: 60 }), batch, bounds, (tags, sizes, per_tag) => {
      const all = tags.map((each, name) => ({ name, tags: each as Host["tags"] }));
      const setting = { batch: sizes, per_tag: per_tag as RolloutSetting["per_tag"] };
      const batches = planBatches(all, setting, all.length, tagValue);
      const names = batches.flat().map(({ name }) => name);
      expect(names.toSorted((a, b) => a - b)).toEqual(all.map(({ name }) => name));
      const planned = batches.map((each) => each.map(({ name }) => name));
      expect(planned).toEqual(plainPlan(all, setting));
      for (const [at, each] of batches.entries()) {
        const most = sizes[Math.min(at, sizes.length - 1)] ?? { percent: 0 };
        expect(each.length).toBeWithin(1, batchSize(most, all.length) + 1);
        for (const [key, bound] of Object.entries(setting.per_tag)) {
          const values = Object.values(Object.groupBy(each, (one) => one.tags[key] ?? "(none)"));
          for (const same of values) expect(same?.length ?? 0).toBeLessThanOrEqual(bound);
        }
      }
    }),
  );
});
