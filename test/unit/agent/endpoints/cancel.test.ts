import { expect, test } from "bun:test";
import { cancel } from "../../../../src/agent/endpoints/cancel.ts";
import type { AgentContext } from "../../../../src/agent/endpoints/endpoint.ts";
import type { CancelOutcome } from "../../../../src/agent/jobs/job.ts";
import { EventLog } from "../../../support/event-log.ts";

const REQID = "0123456789abcdef";

/** @param outcome of the end that is asked for */
async function answerTo(outcome: CancelOutcome | undefined) {
  const log = new EventLog("ctrl-exec-agent");
  const jobs = { cancel: async () => outcome, find: () => undefined };
  const context = { jobs, log: log.log } as unknown as AgentContext;
  const body = JSON.stringify({ reqid: REQID, username: "alice" });
  return { reply: await cancel(context, { peerIp: "::1", body }), log };
}

test("what could not be ended is not said to have", async () => {
  const all = await answerTo({ script: "s", ended: true, left: 0, reason: undefined });
  expect(all.reply).toEqual({ status: 200, body: { status: "ended", left: 0 } });
  const some = await answerTo({
    script: "s",
    ended: false,
    left: 2,
    reason: "it is another user's",
  });
  expect(some.reply).toEqual({ status: 200, body: { status: "running", left: 2 } });
  const late = await answerTo({ script: "s", ended: false, left: 0, reason: undefined });
  expect(late.reply).toEqual({ status: 200, body: { status: "running", left: 0 } });
  const none = await answerTo(undefined);
  expect(none.reply).toEqual({ status: 404, body: { error: "no such run" } });
});
