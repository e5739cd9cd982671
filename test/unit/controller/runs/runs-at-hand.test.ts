/** Which runs completion offers for a purpose. */
import { expect, test } from "bun:test";
import { utimesSync } from "node:fs";
import { type RunPurpose, runsAtHand } from "../../../../src/controller/runs/runs-at-hand.ts";
import { isoSeconds } from "../../../../src/core/time.ts";
import { LocalFleet } from "../../../support/local-fleet.ts";

const BEGAN = Date.parse("2026-01-15T12:00:00Z");

/** @param states of its hosts; undefined for a host without a result */
function record(fleet: LocalFleet, id: string, states: readonly (string | undefined)[], exit = 0) {
  const reqid = id.padStart(16, "0");
  const hosts = states.map((_, position) => `web-${position}`);
  const results = states.flatMap((state, position) => {
    const error = ["ended", "queued", "running"].includes(state ?? "") ? {} : { error: "x" };
    const result = { host: hosts[position], script: "deploy", reqid, rtt: "", ...error };
    return state === undefined ? [] : [{ ...result, exit, state, stdout: "", stderr: "" }];
  });
  const started = isoSeconds(new Date(BEGAN + Number.parseInt(id, 16) * 1000));
  const complete = states.every((state) => state !== undefined && state !== "queued");
  const text = { reqid, script: "deploy", submitter: "ann", hosts, results, started, complete };
  const completed = complete ? started : null;
  const name = `control/state/runs/${reqid}.json`;
  const file = fleet.folder.write(name, JSON.stringify({ ...text, completed }), 0o640);
  // Its process lives, however long this test takes.
  if (!complete) utimesSync(file, Date.now() / 1000 + 3600, Date.now() / 1000 + 3600);
  return reqid;
}

test("those for which it makes sense, the newest first", async () => {
  await using fleet = await LocalFleet.bare();
  const { store } = fleet.controller;
  record(fleet, "1", ["ended"]);
  record(fleet, "2", ["ended"], 3);
  record(fleet, "3", ["ended", undefined]);
  record(fleet, "4", ["ended", "queued"]);
  const paused = record(fleet, "5", ["queued"]);
  record(fleet, "6", ["ended", "not-started"]);
  record(fleet, "7", ["never-ran"], -1);
  record(fleet, "8", ["lost"], -1);
  const own = await store.rollouts.own("4".padStart(16, "0"));
  await store.rollouts.wish(paused, "pause", { by: "ann", since: "2026-01-15T12:00:00Z" });
  const offered = async (purpose: RunPurpose) => {
    const ids = await runsAtHand(fleet.controller, purpose);
    return ids.map((id) => id.replace(/^0+/, "")).join("");
  };
  expect(await offered("any")).toBe("87654321");
  expect(await offered("cancel")).toBe("8543");
  expect(await offered("pause")).toBe("4");
  expect(await offered("continue")).toBe("5");
  // Of the fifth there are hosts left, and nobody carries it out.
  expect(await offered("resume")).toBe("65");
  expect(await offered("failed")).toBe("8762");
  expect(await offered("missed")).toBe("876");
  await own?.end();
});

test("no more than a screen shows", async () => {
  await using fleet = await LocalFleet.bare();
  for (let number = 1; number <= 30; number++) record(fleet, number.toString(16), ["not-started"]);
  const ids = await runsAtHand(fleet.controller, "resume");
  expect([ids.length, ids[0], ids.at(-1)]).toEqual([
    20,
    "1e".padStart(16, "0"),
    "b".padStart(16, "0"),
  ]);
});
