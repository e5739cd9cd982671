import { showRun } from "../../controller/runs/status.ts";
import { CtrlExecError } from "../../core/errors.ts";
import { Refused, refusal, success } from "../answer.ts";
import { defineRoute } from "../route.ts";
import { statusAnswer } from "../schemas.ts";

export const status = defineRoute({
  method: "GET",
  path: "/status/{reqid}",
  summary: "A run's record, from the moment it was accepted",
  description: [
    "Says which hosts are done and which have not answered yet; complete says whether all are done.",
    "Records are kept for run_retention (24 hours), or for less once they take run_records_max. The auth",
    "hook is told the run's id and who submitted it; a run that it hides only from this caller is answered",
    "as not found.",
  ].join("\n"),
  answers: {
    200: {
      description: "The record.",
      schema: statusAnswer,
      example: {
        ok: true,
        reqid: "a1b2c3d4e5f60718",
        script: "deploy-app",
        hosts: ["web-01", "web-02"],
        results: [
          {
            host: "web-01",
            script: "deploy-app",
            exit: 0,
            stdout: "deployed\n",
            stderr: "",
            rtt: "42ms",
            reqid: "a1b2c3d4e5f60718",
            state: "ended",
          },
        ],
        pending: ["web-02"],
        complete: false,
        submitter: "alice",
        started: "2026-01-15T12:00:00Z",
        completed: null,
      },
    },
  },
  async handle({ api, caller, parameters: { reqid } }) {
    const order = { reqid, live: false };
    const run = await unlessHidden(reqid, () =>
      showRun(api.controller, caller, order, api.answered),
    );
    return success<typeof statusAnswer>({ ok: true, ...run });
  },
});

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
