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
