/** Jobs whose shim takes its time to start, or is gone. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { until } from "../../../support/folder.ts";
import { TestJobs } from "../../../support/job-table.ts";
import { isAlive } from "../../../support/processes.ts";

const WAITS = "echo $$ >$1; exec sleep 300";

test("a run is cancelled while its shim starts: the script ends, and the shim goes on", async () => {
  await using jobs = await TestJobs.create();
  const table = await jobs.table();
  const file = jobs.folder.join("pid");
  const order = jobs.order(WAITS, { args: [file] });
  const starting = table.start(order);
  await until("its shim starts", () => jobs.shims.length === 1);
  const cancelling = table.cancel(order.reqid, "bob", 0);
  jobs.folder.write("go", "");
  const started = await starting;
  if (started.kind !== "started") throw new Error(started.kind);
  expect(await cancelling).toMatchObject({ ended: true, left: 0 });
  expect(await started.job.ended).toMatchObject({ state: "ended", cancelled_by: "bob" });
  expect(jobs.shims.map(isAlive)).toEqual([true]);
  if (jobs.folder.has("pid")) expect(isAlive(Number(readFileSync(file, "utf8")))).toBe(false);
});

test("a run is cancelled whose shim does not start: there is none", async () => {
  await using jobs = await TestJobs.create();
  const table = await jobs.table();
  const order = jobs.order(WAITS);
  const starting = table.start(order);
  await until("its shim starts", () => jobs.shims.length === 1);
  const cancelling = table.cancel(order.reqid, "bob", 0);
  jobs.folder.write("fail", "");
  expect(await starting).toMatchObject({ kind: "no-room" });
  expect(await cancelling).toBeUndefined();
});

test("a shim does not start: all who waited for it get the same new one", async () => {
  await using jobs = await TestJobs.create();
  const table = await jobs.table();
  const start = () => table.start(jobs.order("true"));
  const starting = [start(), start()];
  await until("the first starts", () => jobs.shims.length === 1);
  starting.push(start(), start(), start());
  for (const first of jobs.shims) process.kill(first, "SIGKILL");
  jobs.folder.write("go", "");
  const kinds = (await Promise.all(starting)).map(({ kind }) => kind);
  expect(kinds.toSorted()).toEqual(["no-room", "no-room", "started", "started", "started"]);
  expect(jobs.shims.length).toBe(2);
});
