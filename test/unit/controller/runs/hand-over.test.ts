/** A signal may come while a rollout is handed over: then it is taken back, or somebody has it. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { handOver } from "../../../../src/controller/runs/hand-over.ts";
import { showRun } from "../../../../src/controller/runs/status.ts";
import type { OwnedRollout } from "../../../../src/controller/store/ports/rollouts.ts";
import { CALLER, LocalFleet } from "../../../support/local-fleet.ts";

let fleet: LocalFleet;

beforeAll(async () => {
  fleet = await LocalFleet.create();
  await fleet.addAgent("web-01");
});
afterAll(async () => await fleet[Symbol.asyncDispose]());

const ORDER = { hosts: ["web-01"], script: "deploy", args: [], rollout: {}, port: 7443 };

const left = () =>
  readdirSync(fleet.folder.join("control/state/rollouts")).filter((name) => /^[0-9a-f]/.test(name));

test("where nobody takes it nothing of it is left, and the hint says what to start", async () => {
  await expect(handOver(fleet.controller, CALLER, ORDER)).rejects.toMatchObject({
    code: "unreachable",
    message: "Cannot detach a rollout: ctrl-exec-api is not running",
    hint: expect.stringContaining(`the state_dir of ${fleet.controller.config.file}`),
  });
  expect(existsSync(fleet.folder.join("control/state/runs"))).toBe(false);
});

test("before it is taken it is taken back, and nothing of it is left but its record", async () => {
  const { rollouts } = fleet.controller.store;
  const asked = Promise.withResolvers<string>();
  const answered = Promise.withResolvers<void>();
  await using _taker = await rollouts.takeOffers(async (reqid) => {
    asked.resolve(reqid);
    await answered.promise;
  });
  const handed = await handOver(fleet.controller, CALLER, ORDER, async () => {
    await asked.promise;
    return "SIGINT";
  });
  expect(handed).toEqual({ reqid: await asked.promise, signal: "SIGINT", isTaken: false });
  expect(left()).toEqual([]);
  answered.resolve();
  const { results } = await showRun(fleet.controller, CALLER, { reqid: handed.reqid, live: false });
  expect(results).toMatchObject([{ host: "web-01", state: "not-started" }]);
});

test("a signal that comes while it is still this process's own takes it back as soon as it is offered", async () => {
  const { rollouts } = fleet.controller.store;
  const never = Promise.withResolvers<void>();
  await using _taker = await rollouts.takeOffers(() => never.promise);
  const handed = await handOver(fleet.controller, CALLER, ORDER, async () => "SIGINT");
  expect(handed).toMatchObject({ signal: "SIGINT", isTaken: false });
  expect(left()).toEqual([]);
  never.resolve();
});

test("when somebody has it, that is told, and it stays theirs", async () => {
  const { rollouts } = fleet.controller.store;
  const taken = Promise.withResolvers<OwnedRollout | undefined>();
  await using _taker = await rollouts.takeOffers(async (reqid) => {
    taken.resolve(await rollouts.own(reqid));
  });
  const handed = await handOver(fleet.controller, CALLER, ORDER, async () => {
    await taken.promise;
    return "SIGTERM";
  });
  expect(handed).toMatchObject({ signal: "SIGTERM", isTaken: true });
  expect(await rollouts.detached()).toEqual([handed.reqid]);
  const owned = await taken.promise;
  expect(await owned?.order()).toMatchObject({ username: CALLER.username });
  await owned?.end();
});
