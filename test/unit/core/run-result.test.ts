/** The one schema of a run's result, and what the faces make of it. */
import { expect, test } from "bun:test";
import * as api from "../../../src/api/schemas.ts";
import { runResult } from "../../../src/core/run-result.ts";
import { runReply } from "../../../src/core/wire/messages/run-reply.ts";

const members = Object.keys(runResult.shape);

test("its members stand in the order that scripts grep for (docs/PROTOCOL.md, section 5)", () => {
  const fixed = ["host", "script", "exit", "stdout", "stderr", "rtt", "reqid", "state", "error"];
  expect(members.slice(0, fixed.length)).toEqual(fixed);
});

test("an agent says all of it but what its control host knows", () => {
  const ofRecord = ["stdout_unrecorded", "stderr_unrecorded"];
  const known = ["host", "script", "rtt", "reqid", ...ofRecord];
  expect([...known, ...Object.keys(runReply.shape)].toSorted()).toEqual(members.toSorted());
});

test("the API answers with every member, of a run and of its record", () => {
  const [answered, shown] = [api.runAnswer, api.statusAnswer].map(({ shape }) => shape.results);
  expect(Object.keys(answered?.element.shape ?? {})).toEqual(members);
  expect(Object.keys(shown?.element.shape ?? {})).toEqual(members);
});
