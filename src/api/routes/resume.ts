import { dryRun } from "../../controller/runs/dry-run.ts";
import { success } from "../answer.ts";
import { beginRun } from "../begin-run.ts";
import { rolloutOf } from "../rollout-schemas.ts";
import { defineRoute } from "../route.ts";
import { acceptedAnswer, type dryRunAnswer, resumeRequest, runOrDryRunAnswer } from "../schemas.ts";
import { unlessHidden } from "./status.ts";

export const resume = defineRoute({
  method: "POST",
  path: "/runs/{reqid}/resume",
  summary: "Resume a rollout that has stopped",
  description: [
    "Runs the script on the hosts of the rollout that are not-started, under the same id and in the same record.",
    "Script and arguments must be given again, because records have no arguments; a different script is refused.",
    "Settings that rollout leaves out stay as they were. The auth hook is asked whether the caller may read the",
    'run, and then as for any run. With "dry_run": true, the answer says which hosts would be asked, in which',
    "batches, and where; nothing is locked, recorded or sent.",
  ].join("\n"),
  request: resumeRequest,
  requestExample: { script: "deploy-app", args: ["--fast"], username: "alice" },
  moreExamples: {
    "with smaller batches than before": {
      ...{ script: "deploy-app", args: ["--fast"], wait: false },
      rollout: { batch: [1, "5%"], max_failures: 3 },
    },
  },
  answers: {
    200: {
      description:
        "A result for each host that was not-started, in the order of the run; for a dry run, each of them and where it would be called.",
      schema: runOrDryRunAnswer,
      example: {
        ok: true,
        reqid: "a1b2c3d4e5f60718",
        results: [],
        rollout: { batches: 1, begun: 1, not_started: 0 },
      },
    },
    202: {
      description: "The rollout goes on; Location names its record, and Link its events.",
      headers: ["Location", "Link"],
      schema: acceptedAnswer,
      example: { ok: true, reqid: "a1b2c3d4e5f60718", complete: false },
    },
  },
  async handle(call) {
    const { api, caller, body } = call;
    const { script, args, timeout, wait, dry_run } = body;
    const order = { hosts: [], port: undefined, script, args, timeout };
    const { reqid } = call.parameters;
    const rollout = rolloutOf(body.rollout ?? {});
    if (dry_run) {
      const showing = () => dryRun(api.controller, caller, order, rollout, reqid);
      const would = await unlessHidden(reqid, showing);
      return success<typeof dryRunAnswer>({ ok: true, ...would });
    }
    const beginning = { order, rollout, resume: reqid, wait };
    return await unlessHidden(reqid, () => beginRun(call, beginning));
  },
});
