/** How many rollouts may be detached at once, and whom that is told. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { DetachedRollouts } from "../../../../src/controller/runs/detached-rollouts.ts";
import { CALLER, LocalFleet } from "../../../support/local-fleet.ts";

let fleet: LocalFleet;

beforeAll(async () => {
  fleet = await LocalFleet.create();
  await fleet.addAgent("web-01");
});
afterAll(async () => await fleet[Symbol.asyncDispose]());

const ORDER = { hosts: ["web-01"], script: "deploy", args: [], rollout: {}, port: 7443 };

test("T67 only whom the hook allows is told that there are too many, and nothing is left of it", async () => {
  const { controller, folder } = fleet;
  const auth_hook = folder.script("hook", '[ "$ENVEXEC_USERNAME" != mallory ]');
  const guarded = { ...controller, config: { ...controller.config, auth_hook } };
  const full = new DetachedRollouts(() => guarded, 0);
  const begin = async (username: string) => await full.begin({ ...CALLER, username }, ORDER);
  await expect(begin("mallory")).rejects.toMatchObject({ code: "denied" });
  await expect(begin("alice")).rejects.toMatchObject({
    code: "busy",
    message: "Cannot detach the rollout: 0 are under way, as many as may be",
    remoteHint: "GET /runs shows them. Try again when one has ended.",
  });
  for (const name of ["rollouts", "runs"]) {
    const path = folder.join("control/state", name);
    expect(existsSync(path) ? readdirSync(path) : []).toEqual([]);
  }
});
