/**
 * A run that has no folder, as this process's own child: on a host where none can be made, and for a control host
 * whose request id is none. Nobody can come back to it.
 */
import { startProblem } from "../../core/start-failure.ts";
import type { Captured } from "../../system/process/capture.ts";
import type { ProcessResult } from "../../system/process/run-process.ts";
import type { KeptOutput, RunOrder } from "../jobs/job.ts";
import { EXIT_NOT_EXECUTED } from "../jobs/job-folder.ts";
import type { AllowedScript } from "../scripts/allowlist.ts";
import { inMemory } from "../scripts/output-text.ts";
import { runAllowedScript } from "../scripts/run-script.ts";
import { scriptContext } from "../scripts/script-context.ts";
import type { AgentContext, AgentReply } from "./endpoint.ts";
import { type EndFacts, endMembers, outputMembers } from "./run-reply.ts";

export async function runUnkept(
  { state, log, now }: AgentContext,
  order: RunOrder,
): Promise<AgentReply> {
  const { script: allowed, judged, args, reqid, peerIp: peer } = order;
  const script = allowed.name;
  const input = scriptContext(order, now());
  const result = await runAllowedScript(allowed, judged, args, input, state.config, {
    started: () => log({ event: "run-start", peer, reqid, script }),
    stalled: () => {
      log({ event: "stdin-timeout", bytes: Buffer.byteLength(input), reqid, script });
    },
  });
  const exit = result.exit ?? EXIT_NOT_EXECUTED;
  const end = endOf(result, allowed);
  const ended = { exit, peer, reqid, script };
  if (end.state === "ended") log({ event: "run", ...ended });
  else log({ event: "run-problem", error: end.error ?? "", ...ended });
  const output = outputMembers(keptIn(result.stdout), keptIn(result.stderr));
  return { status: 200, body: { script, exit, ...output, reqid, ...endMembers(end) } };
}

function keptIn({ chunks, dropped }: Captured): KeptOutput {
  return { ...inMemory(chunks), dropped };
}

function endOf(result: ProcessResult, { path, options }: AllowedScript): EndFacts {
  const { startError, mayHaveRun, signal, timedOut } = result;
  if (startError !== undefined) {
    const error = startProblem(path, startError, mayHaveRun);
    return { state: mayHaveRun ? "lost" : "never-ran", error };
  }
  const how = signal === undefined ? {} : { signal };
  if (!timedOut) return { state: "ended", ...how };
  // `error` is what 0.8 shows.
  const error = `script timed out after ${options.timeout}s and was ended`;
  return { state: "ended", ...how, timed_out: true, error };
}
