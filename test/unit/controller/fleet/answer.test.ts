/** What an outcome is folded into, whatever was asked. */
import { expect, test } from "bun:test";
import * as z from "zod/mini";
import type { AgentReply } from "../../../../src/controller/fleet/agent-request.ts";
import { answerOf } from "../../../../src/controller/fleet/answer.ts";
import { targetOf } from "../../../../src/controller/fleet/targets.ts";

const schema = z.object({ word: z.string() });

function told(reply: AgentReply | undefined, error?: string) {
  const outcome = {
    target: targetOf("web-01", undefined),
    reply,
    error,
    dropped: false,
    peer: undefined,
    rtt: 1,
    acceptedSerial: undefined,
    refusedSerial: false,
    clockOffset: undefined,
  };
  return answerOf(schema, outcome, (status) => `status ${status} and no word`);
}

test.each([
  [
    { status: 200, json: { word: "yes" } },
    { kind: "given", data: { word: "yes" } },
  ],
  [
    { status: 200, json: { word: 1 } },
    { kind: "refused", why: "status 200 and no word" },
  ],
  [
    { status: 200, json: { error: "busy" } },
    { kind: "refused", why: "busy" },
  ],
  [
    { status: 403, json: { error: "forbidden" } },
    { kind: "refused", status: 403, why: "forbidden" },
  ],
  // What looks like the answer is none when the status says so.
  [
    { status: 500, json: { word: "yes" } },
    { kind: "refused", why: "status 500 and no word" },
  ],
])("%j is %j", (reply, answer) => {
  expect(told(reply)).toMatchObject(answer);
});

test("where nothing came, it says why, or that nothing came", () => {
  expect(told(undefined, "connection refused")).toEqual({
    kind: "none",
    why: "connection refused",
  });
  expect(told(undefined)).toEqual({ kind: "none", why: "no answer" });
});
