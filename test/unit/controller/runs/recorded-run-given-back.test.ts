/** T29 What it took to read a run counts against what is held, until nobody needs it: the API reads many. */
import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { hostsByEnd } from "../../../../src/controller/access/hosts-by-end.ts";
import type { Controller } from "../../../../src/controller/control-host.ts";
import { KeptDialler } from "../../../../src/controller/fleet/kept-dialler.ts";
import { acceptRollout } from "../../../../src/controller/runs/accept-rollout.ts";
import { readLogs } from "../../../../src/controller/runs/logs.ts";
import { noteNothingLeft } from "../../../../src/controller/runs/note-nothing-left.ts";
import { pauseRollout } from "../../../../src/controller/runs/pause.ts";
import { showRun } from "../../../../src/controller/runs/status.ts";
import { waitFor } from "../../../../src/controller/runs/wait.ts";
import { CALLER, LocalFleet } from "../../../support/local-fleet.ts";

const REQID = "0123456789abcdef";
const TIMES = 20;

let fleet: LocalFleet;
let controller: Controller;
beforeAll(async () => {
  fleet = await LocalFleet.bare();
  fleet.folder.write("control/state/runs/keep", "");
});
afterAll(() => fleet[Symbol.asyncDispose]());
beforeEach(() => {
  const config = { ...fleet.controller.config, max_replies: 200_000 };
  controller = { ...fleet.controller, config, dialler: new KeptDialler() };
  const result = { host: "web-01", script: "s", exit: 1, stdout: "x".repeat(60_000), stderr: "" };
  const run = { reqid: REQID, script: "s", hosts: ["web-01"], submitter: "", results: [result] };
  const completed = fleet.now.toISOString();
  const file = fleet.folder.join(`control/state/runs/${REQID}.json`);
  writeFileSync(file, JSON.stringify({ ...run, complete: true, completed }));
});

const signal = new AbortController().signal;
const printed = { reqid: REQID, follow: false, signal };
const order = { hosts: [], port: undefined, script: "s", args: [], rollout: {}, resume: REQID };

test.each<[string, () => Promise<unknown>, object]>([
  [
    "the hosts on which it failed",
    () => hostsByEnd(controller, CALLER, REQID),
    { failed: ["web-01"] },
  ],
  [
    "whether it can be paused",
    () => pauseRollout(controller, CALLER, REQID).catch(codeOf),
    ["bad-request"],
  ],
  [
    "whether it can be resumed",
    () => acceptRollout(controller, CALLER, order).catch(codeOf),
    ["bad-request"],
  ],
  [
    "whether something of it is left",
    async () => [await noteNothingLeft(controller, REQID, ["web-01"])],
    [undefined],
  ],
  [
    "its end",
    () => waitFor(controller, CALLER, { reqid: REQID, signal }, () => undefined),
    { complete: true },
  ],
  ["what it has printed", () => readLogs(controller, CALLER, printed, () => undefined), []],
  ["how it is", shown, { complete: true }],
])("whoever asks for %s holds nothing of it later", async (_, ask, told) => {
  for (let time = 0; time < TIMES; time++) expect(await ask()).toMatchObject(told);
});

function codeOf({ code }: { readonly code: string }): readonly string[] {
  return [code];
}

async function shown() {
  const { promise: needed, resolve: done } = Promise.withResolvers<void>();
  const report = await showRun(controller, CALLER, { reqid: REQID, live: false }, needed);
  done();
  return report;
}

test("as long as it is needed, there is no room for many others", async () => {
  const { promise: needed, resolve: done } = Promise.withResolvers<void>();
  const ask = () => showRun(controller, CALLER, { reqid: REQID, live: false }, needed);
  const answers = await Promise.allSettled(Array.from({ length: TIMES }, ask));
  expect(answers.some(({ status }) => status === "rejected")).toBe(true);
  done();
});
