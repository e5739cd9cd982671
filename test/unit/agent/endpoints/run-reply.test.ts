import { expect, test } from "bun:test";
import type { JsonReply } from "../../../../src/agent/endpoints/endpoint.ts";
import {
  endMembers,
  endReply,
  refuseRun,
  whenEnded,
} from "../../../../src/agent/endpoints/run-reply.ts";
import type { BegunRun, KeptOutput } from "../../../../src/agent/jobs/job.ts";
import type { RunEnding } from "../../../../src/core/run-event.ts";

const ENDING: RunEnding = {
  state: "ended",
  exit: 3,
  started: "2026-01-01T00:00:00Z",
  ended: "2026-01-01T00:00:01Z",
  stdout_bytes: 7,
  stderr_bytes: 0,
};

/** One that has ended, and what is asked of its outputs. */
function ended(output: (stream: string, hide: boolean) => KeptOutput) {
  const facts = { reqid: "0a", script: "s" };
  return { facts, ended: Promise.resolve(ENDING), output } as unknown as BegunRun;
}

const kept = (text: string): KeptOutput => ({
  bytes: text.length,
  dropped: 0,
  chunks: () => [Buffer.from(text)],
});

test("the answer is let go of by whoever has sent it; one that cannot be made, at once", async () => {
  let letGo = 0;
  const count = () => {
    letGo += 1;
  };
  const reply = await endReply(ended(kept), count);
  expect(reply).toMatchObject({ status: 200, body: { script: "s", exit: 3, reqid: "0a" } });
  expect(letGo).toBe(0);
  reply.letGo?.();
  expect(letGo).toBe(1);
  const failing = (code: string) =>
    ended(() => {
      throw Object.assign(new Error(code), { code });
    });
  await expect(endReply(failing("EMFILE"), count)).rejects.toThrow("EMFILE");
  expect(letGo).toBe(2);
  await expect(endReply(failing("EMFILE"))).rejects.toThrow("EMFILE");
  // What somebody has removed is told as dropped.
  const { body } = (await endReply(failing("ENOENT"), count)) as JsonReply;
  expect(body).toMatchObject({ exit: 3, stdout: "", stdout_dropped: 7, stderr: "" });
  expect([body.stdout_b64, body.stderr_dropped, letGo]).toEqual([undefined, undefined, 2]);
});

test("T27 the token is hidden in both outputs from who has not begun the run", async () => {
  const asked: unknown[] = [];
  const run = ended((stream, hide) => {
    asked.push([stream, hide]);
    return kept(stream);
  });
  await whenEnded(run, true, undefined, () => ({}));
  await endReply(run);
  expect(asked).toEqual([
    ["stdout", true],
    ["stderr", true],
    ["stdout", false],
    ["stderr", false],
  ]);
});

test("a run that is lost is unknown to the control host, and one that was refused never ran", () => {
  const state = (end: RunEnding["state"]) => endMembers({ ...ENDING, state: end }).state;
  expect([state("lost"), state("ended"), state("never-ran")]).toEqual([
    "unknown",
    "ended",
    "never-ran",
  ]);
  expect(refuseRun({ script: "s", reqid: "0a" }, "no")).toEqual({
    status: 200,
    body: { script: "s", exit: -1, error: "no", reqid: "0a", state: "never-ran" },
  });
});
