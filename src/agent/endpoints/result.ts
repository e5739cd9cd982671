import type { AgentContext, AgentReply } from "./endpoint.ts";
import { refusal } from "./endpoint.ts";
import { endMembers, outputMembers } from "./run-reply.ts";

/** `GET /result/<reqid>`: how a run stands, with all of its output once it has ended. */
export async function result({ jobs }: AgentContext, reqid: string): Promise<AgentReply> {
  const job = jobs.find(reqid);
  if (job === undefined) return refusal(404, "no such run");
  if (job.facts.state === "running") return { status: 200, body: { status: "running" } };
  const letGo = job.hold();
  try {
    const ending = await job.ended;
    const { exit, started, ended: finished, state } = ending;
    const output = outputMembers(job.output("stdout"), job.output("stderr"));
    const end = { ...endMembers(ending), state };
    const body = { status: "done", exit, ...output, started, finished, ...end };
    return { status: 200, body, letGo };
  } catch (thrown) {
    letGo();
    throw thrown;
  }
}
