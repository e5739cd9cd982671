/** rotation.json as this version, others and administrators may have left it. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { readFileSync, statSync } from "node:fs";
import {
  readRotation,
  rotationProblems,
  rotationState,
  writeRotation,
} from "../../../../src/controller/store/rotation-state.ts";
import {
  type ControllerConfig,
  parseControllerConfig,
} from "../../../../src/core/config/controller-config.ts";
import { EventLog } from "../../../support/event-log.ts";
import { TestFolder } from "../../../support/folder.ts";

let folder: TestFolder;
let config: ControllerConfig;
beforeEach(async () => {
  folder = new TestFolder();
  ({ config } = await parseControllerConfig("/x.conf", `state_dir = ${folder.join("state")}\n`));
});
afterEach(() => folder[Symbol.dispose]());

const left = (json: unknown) => {
  const text = typeof json === "string" ? json : JSON.stringify(json);
  folder.write("state/rotation.json", text);
  return readRotation(config);
};

test("it says which serials hold, since when and how long", () => {
  const now = new Date("2026-06-01T00:00:00Z");
  writeRotation(config, "0b", "0a", now);
  const file = folder.join("state/rotation.json");
  expect(JSON.parse(readFileSync(file, "utf8"))).toEqual({
    current_serial: "0b",
    previous_serial: "0a",
    rotated_at: "2026-06-01T00:00:00Z",
    overlap_expires: "2026-07-01T00:00:00Z",
    overlap_days: 30,
  });
  expect(statSync(file).mode & 0o777).toBe(0o640);
  expect(rotationProblems(config)).toEqual([]);
});

test.each([
  ["that is cut", "{", "not JSON"],
  ["of another shape", [], "wrong shape"],
  ["without a serial", {}, "wrong shape"],
  ["whose serial is none", { current_serial: "soon" }, "no current_serial"],
])("one %s says nothing", (_, json, reason) => {
  expect(left(json)).toEqual({ kind: "corrupt", reason });
  expect(rotationProblems(config)).toMatchObject([
    {
      code: "config",
      message: `Cannot use ${folder.join("state/rotation.json")}: ${reason}`,
      hint: expect.stringContaining("ctrl-exec rotate-cert --config /x.conf"),
    },
  ]);
  const { log, events } = new EventLog("ctrl-exec");
  expect(rotationState(config, log)).toBeUndefined();
  const PATH = folder.join("state/rotation.json");
  const fields = { ERROR: "the last rotation is not known", PATH, REASON: reason };
  expect(events).toMatchObject([{ action: "rotation-state-corrupt", fields }]);
});

test("what is known of the last rotation is no matter for the log, nor that there was none", () => {
  const { log, events } = new EventLog("ctrl-exec");
  expect(rotationState(config, log)).toBeUndefined();
  left({ current_serial: "0b" });
  expect(rotationState(config, log)?.currentSerial).toBe("0b");
  expect(events).toEqual([]);
});

test("what else is missing or senseless is not known", () => {
  const unknown = { previousSerial: undefined, rotatedAt: undefined, overlapExpires: undefined };
  const state = { currentSerial: "0b", ...unknown };
  for (const more of [
    {},
    { previous_serial: 7, rotated_at: "soon", overlap_expires: null },
    { previous_serial: "soon" },
  ]) {
    expect(left({ current_serial: "0B", ...more })).toEqual({ kind: "state", state });
  }
});
