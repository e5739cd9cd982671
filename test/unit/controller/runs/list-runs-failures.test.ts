/** The list of runs, where some may have failed by now. */
import { expect, test } from "bun:test";
import { listRuns } from "../../../../src/controller/runs/list-runs.ts";
import type { RunPlace } from "../../../../src/controller/store/ports/runs.ts";
import { isoSeconds } from "../../../../src/core/time.ts";
import { LEFT_REQID, leftRun } from "../../../support/left-run.ts";
import { CALLER } from "../../../support/local-fleet.ts";
import { http10 } from "../../../support/peers.ts";

const ALL = { limit: 10 };
const DONE = { status: "done", state: "ended", stdout: "out\n", stderr: "" };
const RUNNING = { host: "web-01", state: "running", exit: null, failed: false };

test("failures that agents tell of now stand where their runs do, page by page", async () => {
  await using run = await leftRun(() => http10({ ...DONE, exit: 3 }), { isLetGo: true });
  const { controller, folder } = run.fleet;
  const { place } = (await controller.store.runs.list(ALL)).runs[0]!;
  const write = (reqid: string, seconds: number, exit: number) => {
    const started = isoSeconds(new Date(place.began + seconds * 1000));
    const of = { reqid, script: "deploy" };
    const result = { ...of, host: "web-01", exit, state: "ended", stdout: "", stderr: "", rtt: "" };
    const record = { ...of, submitter: "tester", hosts: ["web-01"], results: [result], started };
    const text = JSON.stringify({ ...record, complete: true, completed: started });
    folder.write(`control/state/runs/${reqid}.json`, text, 0o640);
  };
  const newer = "00000000000000a1";
  const older = "00000000000000a2";
  write(newer, 10, 1);
  write(older, -10, 1);
  write("00000000000000a3", 5, 0);
  const page = async (limit: number, after?: RunPlace) => {
    const filter = { limit, failed: true, after } as const;
    const { runs, next } = await listRuns(controller, CALLER, filter);
    return { ids: runs.map(({ reqid }) => reqid), next };
  };
  const first = await page(2);
  expect(first.ids).toEqual([newer, LEFT_REQID]);
  expect(first.next?.reqid).toBe(LEFT_REQID);
  const second = await page(2, first.next);
  expect([second.ids, second.next]).toEqual([[older], undefined]);
  expect((await page(10)).ids).toEqual([newer, LEFT_REQID, older]);
  expect((await page(1)).ids).toEqual([newer]);
});

test("a run whose process lives is listed as it is recorded, and nobody is asked", async () => {
  await using run = await leftRun(() => http10({ ...DONE, exit: 3 }));
  run.age(0);
  const { runs } = await listRuns(run.fleet.controller, CALLER, ALL);
  expect(runs).toMatchObject([{ completed: null, hosts: [RUNNING] }]);
  expect([runs[0]?.unheard, run.asked]).toEqual([undefined, []]);
});
