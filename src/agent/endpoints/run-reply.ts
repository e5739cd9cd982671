/** What the agent answers to `POST /run` (docs/PROTOCOL.md, section 2). */
import { systemCode } from "../../core/errors.ts";
import { NO_EXIT, type OutputStream, type RunEnding } from "../../core/run-event.ts";
import type { RunState } from "../../core/run-state.ts";
import { shortageOf } from "../../core/shortage.ts";
import type { RunRequest } from "../../core/wire/messages/run-request.ts";
import type { BegunRun } from "../jobs/job.ts";
import { type OutputText, outputText } from "../scripts/output-text.ts";
import type { AgentReply } from "./endpoint.ts";

const NEVER_RAN: RunState = "never-ran";
const UNKNOWN: RunState = "unknown";

/** @param cancelled_by who cancelled it, if somebody did */
export function refuseRun(
  request: Partial<RunRequest>,
  error: string,
  cancelled_by?: string,
): AgentReply {
  const { script, reqid } = request;
  const body = { script, exit: NO_EXIT, error, reqid, state: NEVER_RAN, cancelled_by };
  return { status: 200, body };
}

/**
 * For a run that has begun. Waits for its end.
 * @param letGo releases the job; called once this is sent
 */
export async function endReply(run: BegunRun, letGo?: () => void): Promise<AgentReply> {
  const { script, reqid } = run.facts;
  return await whenEnded(run, false, letGo, (ending, outcome) => {
    return { script, ...outcome, reqid, ...endMembers(ending) };
  });
}

/** For control hosts that ask for nothing since 1.1: they get what 1.0 answered, to the byte. */
export function asBefore11(reply: AgentReply): AgentReply {
  if (!("body" in reply)) return reply;
  const { state, cancelled, cancelled_by, ...body } = reply.body;
  return { ...reply, body };
}

type Members = Record<string, unknown>;

/**
 * @param hide the token of whoever began the run, for others
 * @param bodyOf is given the end of the run, and the exit status and outputs as members of the answer
 */
export async function whenEnded(
  run: BegunRun,
  hide: boolean,
  letGo: () => void = () => undefined,
  bodyOf: (ending: RunEnding, outcome: Members) => Members,
): Promise<AgentReply> {
  const ending = await run.ended;
  try {
    const output = outputMembers(
      outputOf(run, "stdout", ending.stdout_bytes, hide),
      outputOf(run, "stderr", ending.stderr_bytes, hide),
    );
    return { status: 200, body: bodyOf(ending, { exit: ending.exit, ...output }), letGo };
  } catch (thrown) {
    letGo();
    throw thrown;
  }
}

/** Text for 0.8, and also the exact bytes if the text has lost some. */
function outputMembers(stdout: ToldOutput, stderr: ToldOutput): Members {
  return {
    stdout: stdout.text,
    stderr: stderr.text,
    stdout_b64: stdout.base64,
    stderr_b64: stderr.base64,
    stdout_dropped: stdout.dropped || undefined,
    stderr_dropped: stderr.dropped || undefined,
  };
}

interface ToldOutput extends OutputText {
  readonly dropped: number;
}

/**
 * @param printed how many bytes the script printed: if somebody has removed what is kept of them, all count as
 * dropped
 */
function outputOf(run: BegunRun, stream: OutputStream, printed: number, hide: boolean): ToldOutput {
  try {
    const output = run.output(stream, hide);
    return { ...outputText(output), dropped: output.dropped };
  } catch (thrown) {
    if (shortageOf(systemCode(thrown)) !== undefined) throw thrown;
    return { text: "", base64: undefined, dropped: printed };
  }
}

/** Older control hosts do not know that a run may be lost: for them it is unknown. */
export function endMembers(end: RunEnding): Members {
  const { signal, timed_out, cancelled, cancelled_by, error } = end;
  const state = end.state === "lost" ? UNKNOWN : end.state;
  return { signal, timed_out, cancelled, cancelled_by, error, state };
}
