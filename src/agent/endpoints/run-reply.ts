/** What the agent answers to `POST /run` (docs/PROTOCOL.md, section 2). */
import type { RunEnding } from "../../core/run-event.ts";
import type { RunState } from "../../core/run-state.ts";
import type { RunRequest } from "../../core/wire/messages/run-request.ts";
import type { Job, KeptOutput } from "../jobs/job.ts";
import { outputText } from "../scripts/output-text.ts";
import type { AgentReply } from "./endpoint.ts";

/** There is no exit status. */
const NO_EXIT = -1;

const NEVER_RAN: RunState = "never-ran";
const UNKNOWN: RunState = "unknown";

export function refuseRun(request: Partial<RunRequest>, error: string): AgentReply {
  const { script, reqid } = request;
  return { status: 200, body: { script, exit: NO_EXIT, error, reqid, state: NEVER_RAN } };
}

/** Waits for its end. @param letGo of the job, once this is sent */
export async function jobReply(job: Job, letGo: () => void): Promise<AgentReply> {
  const ending = await job.ended;
  const { script, reqid } = job.facts;
  const { exit } = ending;
  try {
    const output = outputMembers(job.output("stdout"), job.output("stderr"));
    return { status: 200, body: { script, exit, ...output, reqid, ...endMembers(ending) }, letGo };
  } catch (thrown) {
    letGo();
    throw thrown;
  }
}

/** Text for 0.8, and also the exact bytes if the text has lost some. */
export function outputMembers(stdout: KeptOutput, stderr: KeptOutput): Record<string, unknown> {
  const out = outputText(stdout);
  const err = outputText(stderr);
  return {
    stdout: out.text,
    stderr: err.text,
    stdout_b64: out.base64,
    stderr_b64: err.base64,
    stdout_dropped: stdout.dropped || undefined,
    stderr_dropped: stderr.dropped || undefined,
  };
}

export type EndFacts = Pick<
  RunEnding,
  "state" | "signal" | "timed_out" | "cancelled" | "cancelled_by" | "error"
>;

/** Older control hosts do not know that a run may be lost: to them it is unknown. */
export function endMembers(end: EndFacts): Record<string, unknown> {
  const { signal, timed_out, cancelled, cancelled_by, error } = end;
  const state = end.state === "lost" ? UNKNOWN : end.state;
  return { signal, timed_out, cancelled, cancelled_by, error, state };
}
