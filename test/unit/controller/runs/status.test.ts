/** Who is told what of a run. */
import { expect, test } from "bun:test";
import { showRun } from "../../../../src/controller/runs/status.ts";
import { CALLER, LocalFleet } from "../../../support/local-fleet.ts";

const REQID = "0123456789abcdef";

test.each([
  ["denied", 1],
  ["damaged", 0],
] as const)("T25 of a damaged record: %s by a hook that ends with %d", async (code, verdict) => {
  await using fleet = await LocalFleet.bare();
  const hook = fleet.folder.script("hook", `exit ${verdict}`);
  const controller = {
    ...fleet.controller,
    config: { ...fleet.controller.config, auth_hook: hook },
  };
  fleet.folder.write(`control/state/runs/${REQID}.json`, "{ cut");
  await expect(showRun(controller, CALLER, { reqid: REQID, live: true })).rejects.toMatchObject({
    code,
  });
});

test("T24 a hook that breaks at its first question does not make another's run look as if there were none", async () => {
  await using fleet = await LocalFleet.bare();
  const hook = fleet.folder.script("hook", 'test -z "$ENVEXEC_SUBMITTER" || kill -9 $$');
  const { config } = fleet.controller;
  const controller = { ...fleet.controller, config: { ...config, auth_hook: hook } };
  const record = { reqid: REQID, submitter: "alice", script: "x", hosts: ["a"], results: [] };
  fleet.folder.write(`control/state/runs/${REQID}.json`, JSON.stringify(record));
  const shown = expect(showRun(controller, CALLER, { reqid: REQID, live: true })).rejects;
  await shown.toMatchObject({ code: "denied", reason: "hook killed by SIGKILL" });
});
