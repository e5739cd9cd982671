import { dryRun } from "../../controller/runs/dry-run.ts";
import { success } from "../answer.ts";
import { beginRun } from "../begin-run.ts";
import { EXAMPLE_RESULT } from "../example-result.ts";
import { rolloutOf } from "../rollout-schemas.ts";
import { defineRoute } from "../route.ts";
import { acceptedAnswer, type dryRunAnswer, runOrDryRunAnswer, runRequest } from "../schemas.ts";
import { Warnings } from "../warnings.ts";

export const run = defineRoute({
  method: "POST",
  path: "/run",
  summary: "Run an allowlisted script on hosts",
  description: [
    "Runs the script on every host in parallel and answers when all are done. A host that fails gets a",
    "result, not an error; its state says whether the script may have run there. A client that hangs",
    'up does not stop the run: its record is at /status/{reqid}. With "wait": false, the answer comes as',
    "soon as the run is recorded, before anything is sent to a host, and results are added to the record as",
    "they come; a run that cannot be recorded is then refused. Without it, such a run goes on, and the answer",
    'says so. With "dry_run": true, the answer says which hosts would be asked, and where. The auth hook is',
    "asked as for the run; nothing is locked, recorded or sent.",
  ].join("\n"),
  request: runRequest,
  requestExample: { hosts: ["web-01"], script: "deploy-app", args: ["--fast"], username: "alice" },
  moreExamples: {
    "a few hosts at a time": {
      ...{ hosts: ["@all"], script: "deploy-app", args: ["--fast"], detach: true },
      rollout: {
        ...{ batch: [1, "10%", "100%"], max_failures: "5%", pause: 30 },
        ...{ per_tag: { rack: 1 }, check: "health" },
      },
    },
  },
  answers: {
    200: {
      description:
        "A result for each host, in the order given; for a dry run, each host and where it would be called.",
      schema: runOrDryRunAnswer,
      example: {
        ok: true,
        reqid: "a1b2c3d4e5f60718",
        results: [EXAMPLE_RESULT],
      },
    },
    202: {
      description:
        'The run is accepted ("detach": true); Location names its record, and Link its events.',
      headers: ["Location", "Link"],
      schema: acceptedAnswer,
      example: { ok: true, reqid: "a1b2c3d4e5f60718", complete: false },
    },
  },
  async handle(call) {
    const { api, caller, body } = call;
    const { hosts, except, limit, script, args, timeout, detach, dry_run } = body;
    const warnings = new Warnings();
    const { onNote } = warnings;
    const order = { hosts, except, limit, port: undefined, onNote, script, args, timeout };
    const rollout = body.rollout && rolloutOf(body.rollout);
    if (dry_run) {
      const would = await dryRun(api.controller, caller, order, rollout);
      return success<typeof dryRunAnswer>({ ok: true, ...would, ...warnings.member });
    }
    return await beginRun(call, { order, rollout, wait: body.wait && !detach, warnings });
  },
});
