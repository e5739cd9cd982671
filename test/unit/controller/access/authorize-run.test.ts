/** Who submitted a run is for the hook to know, and nothing that reading it took is kept. */
import { expect, test } from "bun:test";
import { authorizeRun } from "../../../../src/controller/access/authorize-run.ts";
import { KeptDialler } from "../../../../src/controller/fleet/kept-dialler.ts";
import { CALLER, LocalFleet } from "../../../support/local-fleet.ts";

const REQID = "0123456789abcdef";
const QUESTION = { action: "read", reqid: REQID } as const;

test("T29 what a record of 1.0 took to read is given back", async () => {
  await using fleet = await LocalFleet.bare();
  const result = { host: "a", script: "s", exit: 0, stdout: "x".repeat(60_000), stderr: "" };
  const run = { reqid: REQID, script: "s", hosts: ["a"], complete: true, results: [result] };
  fleet.folder.write(
    `control/state/runs/${REQID}.json`,
    JSON.stringify({ ...run, completed: "2026-01-01T00:00:00Z", submitter: "alice" }),
  );
  const dialler = new KeptDialler();
  const config = { ...fleet.controller.config, max_replies: 200_000 };
  const taken: number[] = [];
  const { runs } = fleet.controller.store;
  const counted = Object.assign(Object.create(runs), {
    read: async (...asked: Parameters<typeof runs.read>) => {
      const report = await runs.read(...asked);
      taken.push(asked[0].length);
      return report;
    },
  });
  const store = { ...fleet.controller.store, runs: counted };
  const controller = { ...fleet.controller, config, dialler, store };
  for (let time = 0; time < 20; time++) await authorizeRun(controller, CALLER, QUESTION);
  expect(taken).toHaveLength(20);
  const reply = dialler.budget(config).open().openReply();
  expect(reply.hold(60_000)).toBe(true);
});

test("a slip of the program is not taken for a record that does not say", async () => {
  await using fleet = await LocalFleet.bare();
  const { store } = fleet.controller;
  const slip = () => Promise.reject(new TypeError("a slip"));
  const runs = Object.assign(Object.create(store.runs), { submitterOf: slip });
  const slipping = { ...fleet.controller, store: { ...store, runs } };
  await expect(authorizeRun(slipping, CALLER, QUESTION)).rejects.toThrow("a slip");
});
