/** Whose runs somebody is shown. */
import { expect, test } from "bun:test";
import { listRuns } from "../../../../src/controller/runs/list-runs.ts";
import { CALLER, LocalFleet } from "../../../support/local-fleet.ts";

const ALL = { limit: 10 };

async function fleetWithRuns(hook: string): Promise<LocalFleet> {
  const fleet = await LocalFleet.bare();
  const file = fleet.folder.script("hook", hook);
  Object.assign(fleet.controller, { config: { ...fleet.controller.config, auth_hook: file } });
  for (const [reqid, submitter] of [
    ["00000000000000a1", "alice"],
    ["00000000000000a2", "bob"],
    ["00000000000000a3", "alice"],
    ["00000000000000a4", ""],
  ] as const) {
    const facts = { reqid, script: "deploy", hosts: ["web-01"], submitter, token: "" };
    await (await fleet.controller.store.runs.begin(facts, true)).close();
  }
  return fleet;
}

async function seen(fleet: LocalFleet): Promise<string[]> {
  const { runs } = await listRuns(fleet.controller, CALLER, ALL);
  return runs.map(({ reqid }) => reqid.slice(-2)).sort();
}

test("T25 runs that the hook hides from the caller are left out", async () => {
  await using fleet = await fleetWithRuns('test "$ENVEXEC_SUBMITTER" != bob');
  expect(await seen(fleet)).toEqual(["a1", "a3", "a4"]);
});

test("T25 somebody who may see no runs is refused, whatever there is", async () => {
  await using fleet = await fleetWithRuns("exit 1");
  await expect(listRuns(fleet.controller, CALLER, ALL)).rejects.toMatchObject({ code: "denied" });
});

test("the hook is asked once for each submitter", async () => {
  await using fleet = await fleetWithRuns('echo "$ENVEXEC_SUBMITTER" >> "$0.asked"');
  expect(await seen(fleet)).toHaveLength(4);
  const asked = await Bun.file(fleet.folder.join("hook.asked")).text();
  expect(asked.split("\n").slice(0, -1).sort()).toEqual(["", "alice", "bob"]);
});
