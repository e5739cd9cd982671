/** How many rollouts may be detached at once, and whom that is told. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { DetachedRollouts } from "../../../../src/controller/runs/detached-rollouts.ts";
import { handOver } from "../../../../src/controller/runs/hand-over.ts";
import { newRequestId } from "../../../../src/core/request-id.ts";
import { until } from "../../../support/folder.ts";
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
    message: "Cannot detach the rollout: 0 are under way, which is the limit",
    remoteHint: "GET /runs shows them. Try again when one has ended.",
  });
  for (const name of ["rollouts", "runs"]) {
    const path = folder.join("control/state", name);
    expect(existsSync(path) ? readdirSync(path) : []).toEqual([]);
  }
});

test("as many as may be are under way, however they came; another comes when one has ended", async () => {
  const { controller } = fleet;
  const { rollouts } = controller.store;
  const open = {
    ...controller,
    config: { ...controller.config, api_auth_default: "allow" },
  } as const;
  const detached = new DetachedRollouts(() => open, 2);
  await detached.start();
  const paused = async () => {
    const requestId = newRequestId();
    await rollouts.wish(requestId, "pause", { by: "bob", since: "" });
    return { ...CALLER, requestId };
  };
  const first = await detached.begin(await paused(), ORDER);
  const handed = await handOver(open, await paused(), ORDER);
  const full = "Cannot detach the rollout: 2 are under way, which is the limit";
  await expect(detached.begin(await paused(), ORDER)).rejects.toThrow(full);
  const refused = await paused();
  await expect(handOver(open, refused, ORDER)).rejects.toThrow(full);
  expect(await rollouts.detached()).toEqual(
    expect.arrayContaining([first.reqid, handed.reqid].toSorted()),
  );
  expect(await rollouts.isOwned(refused.requestId)).toBe(false);
  await rollouts.wish(first.reqid, "cancel", { by: "bob", since: "" });
  await first.finished;
  const third = await detached.begin(await paused(), ORDER);
  for (const reqid of [third.reqid, handed.reqid])
    await rollouts.wish(reqid, "cancel", { by: "bob", since: "" });
  await third.finished;
  await until("all are over", async () => (await rollouts.detached()).length === 0);
  await detached.leave();
});
