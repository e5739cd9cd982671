import { NO_SUCH_RUN } from "../../core/wire/messages/refusal.ts";
import type { AgentContext, AgentReply } from "./endpoint.ts";
import { refusal } from "./endpoint.ts";
import { endMembers, whenEnded } from "./run-reply.ts";

/** `GET /result/<reqid>`: the state of a run, with all of its output once it has ended. */
export async function result({ jobs }: AgentContext, reqid: string): Promise<AgentReply> {
  const running = jobs.running(reqid);
  if (running !== undefined) {
    return { status: 200, body: { status: "running", started: running.started || undefined } };
  }
  const job = jobs.find(reqid);
  if (job === undefined) return refusal(404, NO_SUCH_RUN);
  return await whenEnded(job, true, job.hold(), (ending, outcome) => {
    const { started, ended: finished, state } = ending;
    return { status: "done", ...outcome, started, finished, ...endMembers(ending), state };
  });
}
