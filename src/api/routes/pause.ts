import type { Caller } from "../../controller/access/authorize.ts";
import type { Controller } from "../../controller/control-host.ts";
import { continueRollout, pauseRollout } from "../../controller/runs/pause.ts";
import type { RunReportSoFar } from "../../core/run-report.ts";
import { success } from "../answer.ts";
import { defineRoute, type Route } from "../route.ts";
import { pauseAnswer, pauseRequest } from "../schemas.ts";
import { unlessHidden } from "./status.ts";

export const pause = route("pause", pauseRollout, {
  summary: "Pause a rollout, so that no further batch begins",
  description: [
    "The process that carries out the rollout notices before its next batch; what has begun goes on. A rollout that",
    "is already paused stays paused. The auth hook is asked with the action pause.",
  ],
});

export const goOn = route("continue", continueRollout, {
  summary: "Continue a paused rollout",
  description: [
    "The answer is 400 if the rollout is not paused. The auth hook is asked with the action continue.",
  ],
});

function route(
  verb: string,
  work: (controller: Controller, caller: Caller, reqid: string) => Promise<RunReportSoFar>,
  { summary, description }: { readonly summary: string; readonly description: readonly string[] },
): Route {
  return defineRoute({
    method: "POST",
    path: `/runs/{reqid}/${verb}`,
    summary,
    description: description.join("\n"),
    request: pauseRequest,
    bodyOptional: true,
    requestExample: { username: "alice" },
    answers: {
      200: {
        description: "Done.",
        schema: pauseAnswer,
        example: { ok: true, reqid: "a1b2c3d4e5f60718" },
      },
    },
    async handle({ api, caller, parameters: { reqid } }) {
      const run = await unlessHidden(reqid, () => work(api.controller, caller, reqid));
      const { waits_for_api } = run;
      return success<typeof pauseAnswer>({
        ok: true,
        reqid,
        ...(waits_for_api && { waits_for_api }),
      });
    },
  });
}
