import { expect, test } from "bun:test";
import { runsInTheWay, wayBack } from "../../../src/api/way-back.ts";
import { runsAs } from "../../../src/core/refusal-steps.ts";
import type { RunResult } from "../../../src/core/run-result.ts";

const REQID = "0123456789abcdef";
const OTHER = "f".repeat(16);
const AGAIN = `Ask again with GET /status/${REQID}, or follow it with GET /runs/${REQID}/events; end it with POST /runs/${REQID}/cancel.`;
const OTHERS = `Run ${OTHER} is in the way: see GET /status/${OTHER}, or end it with POST /runs/${OTHER}/cancel.`;

const result = (state: RunResult["state"], error = "why") =>
  ({
    ...{ host: "web-01", script: "say", exit: -1, stdout: "", stderr: "" },
    ...{ rtt: "1ms", reqid: REQID, state, error },
  }) as RunResult;
const BUSY = result("never-ran", runsAs(OTHER));

test.each([
  ["has ended", [result("ended")], true, undefined],
  ["goes on", [result("ended"), result("running")], true, AGAIN],
  ["may go on", [result("unknown")], true, AGAIN],
  ["goes on, and has no record", [result("running")], false, undefined],
  ["found another in its way, on two hosts", [BUSY, BUSY], true, OTHERS],
  ["did so, and goes on elsewhere", [BUSY, result("running")], true, `${OTHERS} ${AGAIN}`],
] as const)("a run that %s", (_, results, recorded, hint) => {
  expect(wayBack(REQID, results, recorded)).toBe(hint);
});

test("runs in the way are named, if they are known and not too many", () => {
  expect(runsInTheWay([])).toBe("GET /runs lists the runs.");
  expect(runsInTheWay([OTHER])).toBe(OTHERS);
  expect(runsInTheWay(["a", "b", "c"])).not.toContain(" more");
  const many = runsInTheWay(["a", "b", "c", "d", "e"]);
  expect(many).toEndWith(" So are 2 more.");
  expect(many.match(/cancel/g)).toHaveLength(3);
});
