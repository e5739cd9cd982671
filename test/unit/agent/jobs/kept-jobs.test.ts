import { expect, test } from "bun:test";
import { type KeepRule, type KeptJob, KeptJobs } from "../../../../src/agent/jobs/kept-jobs.ts";

function kept(...jobs: readonly (readonly [reqid: string, bytes: number, ended: number])[]) {
  const all = new KeptJobs();
  for (const [reqid, bytes, ended] of jobs) {
    all.add({ reqid, name: reqid, bytes, ended, lostScript: undefined, job: undefined });
  }
  return all;
}

const ABC = [
  ["a", 10, 1],
  ["b", 20, 2],
  ["c", 30, 3],
] as const;

function gone(jobs: KeptJobs, rule: KeepRule, inUse: readonly string[] = []): string[] {
  const isInUse = ({ reqid }: KeptJob) => inUse.includes(reqid);
  return [...jobs.takeOut(rule, isInUse)].map(({ reqid }) => reqid);
}

test.each([
  [{ bytes: 60, since: 0 }, []],
  [{ bytes: 59, since: 0 }, ["a"]],
  [{ bytes: 30, since: 0 }, ["a", "b"]],
  [{ bytes: -5, since: 0 }, ["a", "b", "c"]],
  [{ bytes: 60, since: 2 }, ["a"]],
  [{ bytes: 60, since: 4 }, ["a", "b", "c"]],
])("T72 the oldest go first: %j", (rule, expected) => {
  const jobs = kept(...ABC);
  expect(gone(jobs, rule)).toEqual(expected);
  expect(jobs.all.map(({ reqid }) => reqid)).toEqual(
    ["c", "b", "a"].filter((reqid) => !expected.includes(reqid)),
  );
  expect(gone(jobs, rule)).toEqual([]);
});

test("what is in use stays, and others go in its place", () => {
  const jobs = kept(...ABC);
  expect(gone(jobs, { bytes: 40, since: 0 }, ["a"])).toEqual(["b"]);
  expect(jobs.get("a")?.bytes).toBe(10);
  expect(jobs.get("b")).toBeUndefined();
  expect(jobs.oldest?.reqid).toBe("a");
});

test("what is lost and may run stays, however old it is, until it is over", () => {
  const jobs = kept(...ABC);
  const lost = { name: "d", bytes: 5, ended: 0, job: undefined };
  jobs.add({ reqid: "d", ...lost, lostScript: "deploy" });
  const none = { bytes: 0, since: 9 };
  expect(gone(jobs, none)).toEqual(["a", "b", "c"]);
  expect(jobs.lost.map(({ reqid }) => reqid)).toEqual(["d"]);
  jobs.isOver("d");
  expect([jobs.lost, jobs.get("d")?.bytes]).toEqual([[], 5]);
  expect(gone(jobs, none)).toEqual(["d"]);
});
