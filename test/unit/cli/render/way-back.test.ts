/** Who is told how to come back. */
import { expect, test } from "bun:test";
import { wayBack } from "../../../../src/cli/render/way-back.ts";
import { runsAs } from "../../../../src/core/refusal-steps.ts";
import { type RunResult, withoutResult } from "../../../../src/core/run-result.ts";
import { type RunState, runEnd } from "../../../../src/core/run-state.ts";

const REQID = "a1b2c3d4e5f60718";
const OWN = { file: "/etc/ctrl-exec/ctrl-exec.conf", pairing_port: 7444 };

const result = (state: RunState, error?: string) =>
  withoutResult({ script: "x", reqid: REQID }, "web-01", "", runEnd(state, error));
const back = (state: RunState, error?: string) =>
  wayBack(REQID, [result("ended"), result(state, error)], OWN, true);

test("whoever leaves a script behind", () => {
  expect(back("running", "read timeout after 60s")).toBe(
    `To wait for it: ctrl-exec wait ${REQID}\nIts output: ctrl-exec logs ${REQID}\nTo end it: ctrl-exec cancel ${REQID}`,
  );
  expect(back("unknown")).toStartWith("To wait for it: ");
});

test("whoever stops to wait for what runs as it should", () => {
  expect(wayBack(REQID, [result("running")], OWN, true, true)).toStartWith(
    `To wait for it: ctrl-exec wait ${REQID}`,
  );
});

test("with the configuration that was used", () => {
  const own = { ...OWN, file: "/tmp/my file.conf" };
  const lines = wayBack(REQID, [result("unknown")], own, true)?.split("\n") ?? [];
  expect(lines).toHaveLength(3);
  for (const line of lines) expect(line).toEndWith(` ${REQID} --config '/tmp/my file.conf'`);
});

test.each(["ended", "never-ran", "lost", "running"] as const)("nobody else: %s", (state) => {
  expect(back(state)).toBeUndefined();
});

test("whoever finds another run in the way: of each once, and of the own run too", () => {
  const other = "00000000000000aa";
  const locked = result("never-ran", runsAs(other));
  const lines = (results: readonly RunResult[]) => wayBack(REQID, results, OWN, true)?.split("\n");
  expect(lines([locked, locked])).toEqual([
    `Run ${other} is in the way.`,
    `To wait for it: ctrl-exec wait ${other}`,
    `Its output: ctrl-exec logs ${other}`,
    `To end it, also if it is lost: ctrl-exec cancel ${other}`,
  ]);
  expect(lines([locked, result("unknown")])?.slice(4)).toEqual([
    `Run ${REQID} may go on.`,
    `To wait for it: ctrl-exec wait ${REQID}`,
    `Its output: ctrl-exec logs ${REQID}`,
    `To end it: ctrl-exec cancel ${REQID}`,
  ]);
});

test("nobody without a record", () => {
  expect(wayBack(REQID, [result("unknown")], OWN, false)).toBeUndefined();
});
