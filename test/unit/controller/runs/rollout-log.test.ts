/** How often the record of a rollout is read for those who follow it: a pause may be long, and the record as well. */
import { expect, test } from "bun:test";
import { openRunLog } from "../../../../src/controller/runs/run-log.ts";
import { PLAIN_ROLLOUT } from "../../../../src/core/rollout.ts";
import { until } from "../../../support/folder.ts";
import { CALLER, LocalFleet } from "../../../support/local-fleet.ts";

const REQID = "0123456789abcdef";

test("as long as nothing is told it is not read again, and then at once", async () => {
  await using fleet = await LocalFleet.create();
  const { runs, rollouts } = fleet.controller.store;
  const owned = await rollouts.own(REQID);
  const facts = { reqid: REQID, script: "deploy", submitter: "tester", token: "" };
  const rollout = { ...PLAIN_ROLLOUT, waiting: ["web-01"], batches: [[0]], begun: 0 };
  const hosts = { hosts: ["web-01"], ports: [null] };
  const record = await runs.begin({ ...facts, ...hosts, rollout }, true);
  await record.stored;
  let [reads, looks] = [0, 0];
  const counting = Object.assign(Object.create(runs), {
    readOpen: async (...asked: Parameters<typeof runs.readOpen>) => {
      reads += 1;
      return await runs.readOpen(...asked);
    },
    version: async (reqid: string) => {
      looks += 1;
      return await runs.version(reqid);
    },
  });
  const controller = { ...fleet.controller, store: { ...fleet.controller.store, runs: counting } };
  const leaving = new AbortController();
  const log = await openRunLog(controller, CALLER, REQID);
  const told: string[] = [];
  const following = (async () => {
    for await (const { event } of log.rollout.told(0, leaving.signal)) told.push(event);
  })();
  await until("it was looked at four times", () => looks >= 4);
  // When it was opened, at the first look, and perhaps at one that came too soon after a write.
  expect(reads).toBeLessThanOrEqual(3);
  record.tell({ event: "paused", batch: 1, of: 1, by: "bob" });
  await until("it is told", () => told.length === 1);
  leaving.abort();
  await following;
  log.close();
  await record.close();
  await owned?.end();
});
