import { readJsonAs } from "../../core/json.ts";
import type { StreamOffsets } from "../../core/run-event.ts";
import { followRequest } from "../../core/wire/messages/follow-request.ts";
import { NO_SUCH_RUN } from "../../core/wire/messages/refusal.ts";
import type { Job } from "../jobs/job.ts";
import { type AgentReply, type Endpoint, refusal, type StreamReply } from "./endpoint.ts";

/** `POST /follow`: a run that was started earlier, from these bytes on. */
export const follow: Endpoint = async ({ jobs }, { body }) => {
  const asked = readJsonAs(followRequest, body);
  if (asked === undefined) return refusal(400, "invalid JSON");
  const { reqid, token, ...from } = asked;
  const job = jobs.find(reqid);
  return job === undefined
    ? unknownRun(jobs.knownMs(reqid))
    : streamReply(job, from, job.hold(), token !== 1);
};

/** The caller may start the run again if no run that was asked for since then has been forgotten. */
function unknownRun(knownMs: number): AgentReply {
  return { status: 404, body: { error: NO_SUCH_RUN, known_for: Math.floor(knownMs) / 1000 } };
}

/**
 * @param letGo releases the job; called once this is sent
 * @param hide the token of whoever began the run, for others
 */
export function streamReply(
  job: Job,
  from: StreamOffsets,
  letGo: () => void,
  hide = false,
): StreamReply {
  return { status: 200, events: (signal) => job.follow(from, signal, hide), letGo };
}
