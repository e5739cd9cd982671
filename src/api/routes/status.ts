import { showRun } from "../../controller/runs/status.ts";
import { CtrlExecError } from "../../core/errors.ts";
import { type Answer, Refused, refusal, success } from "../answer.ts";
import { EXAMPLE_RESULT } from "../example-result.ts";
import { type Call, defineRoute } from "../route.ts";
import { statusAnswer } from "../schemas.ts";

const shared = {
  method: "GET",
  answers: {
    200: {
      description: "The record.",
      schema: statusAnswer,
      example: {
        ok: true,
        reqid: "a1b2c3d4e5f60718",
        script: "deploy-app",
        hosts: ["web-01", "web-02"],
        results: [EXAMPLE_RESULT],
        pending: ["web-02"],
        complete: false,
        submitter: "alice",
        started: "2026-01-15T12:00:00Z",
        completed: null,
      },
    },
  },
} as const;

const describe = (action: string) =>
  [
    "Shows which hosts are done and which have not answered yet; complete says whether all are done, and a rollout with its last check.",
    "Records are kept for run_retention (24 hours), or less if they take up more than run_records_max. The",
    `auth hook is asked with the action ${action}, the run's id and who submitted it. A run that it hides only`,
    "from this caller is answered as not found.",
  ].join("\n");

export const oneRun = defineRoute({
  ...shared,
  path: "/runs/{reqid}",
  summary: "A run's record, from the moment it was accepted",
  description: describe("read"),
  handle: (call) => show(call, "read"),
});

export const status = defineRoute({
  ...shared,
  path: "/status/{reqid}",
  summary: "The same, as in versions before 1.1",
  description: describe("api"),
  handle: (call) => show(call, "api"),
});

/** @param action the action with which the hook is asked; hooks of 0.8 do not know `read` */
async function show(
  { api, caller, parameters: { reqid } }: Call,
  action: "read" | "api",
): Promise<Answer> {
  const order = { reqid, live: false, action };
  const run = await unlessHidden(reqid, () => showRun(api.controller, caller, order, api.answered));
  return success<typeof statusAnswer>({ ok: true, ...run });
}

/** A run that is hidden from the caller is answered like one that does not exist. */
export async function unlessHidden<Value>(
  reqid: string,
  work: () => Promise<Value>,
): Promise<Value> {
  try {
    return await work();
  } catch (thrown) {
    if (!(thrown instanceof CtrlExecError)) throw thrown;
    if (thrown.code === "not-found") {
      throw new Refused(refusal(404, "not found", `no run ${reqid} that you may see`));
    }
    if (thrown.code === "damaged") {
      throw new Refused(refusal(500, "server error", thrown.message));
    }
    throw thrown;
  }
}
