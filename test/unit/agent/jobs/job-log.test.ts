import { expect, test } from "bun:test";
import { logEnd, logStalled, logStart } from "../../../../src/agent/jobs/job-log.ts";
import type { RunEnding } from "../../../../src/core/run-event.ts";
import { EventLog } from "../../../support/event-log.ts";

const REQUEST = { reqid: "0123456789abcdef", script: "deploy", peer_ip: "::1" };
const WHERE = { PEER: "::1", REQID: REQUEST.reqid, SCRIPT: "deploy" };
const ENDING: RunEnding = {
  state: "ended",
  exit: 3,
  started: "",
  ended: "",
  stdout_bytes: 0,
  stderr_bytes: 0,
};

test("a run is logged at its start and its end, and what went wrong with it", () => {
  const { log, events } = new EventLog("ctrl-exec-agent");
  logStart(log, REQUEST);
  logStalled(log, REQUEST, 5);
  logEnd(log, REQUEST, ENDING);
  logEnd(log, REQUEST, { ...ENDING, state: "lost", exit: -1, error: "gone" });
  logEnd(log, REQUEST, { ...ENDING, state: "never-ran" });
  const { PEER: _, ...stalled } = WHERE;
  expect(events.map(({ action, fields }) => [action, fields])).toEqual([
    ["run-start", WHERE],
    ["stdin-timeout", { ...stalled, BYTES: 5 }],
    ["run", { ...WHERE, EXIT: 3 }],
    ["run", { ...WHERE, EXIT: -1, ERROR: "gone" }],
    ["run", { ...WHERE, EXIT: 3, ERROR: "" }],
  ]);
});
