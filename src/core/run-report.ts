/** A run from the moment it was accepted, as in its record, in the API and on the screen. */
import * as z from "zod/mini";
import type { Frozen } from "./json.ts";
import { rolloutReport } from "./rollout.ts";
import { type RunResult, runResult } from "./run-result.ts";
import { goesOn } from "./run-state.ts";
import { isoSeconds, parseIso } from "./time.ts";

const text = z.string();

/** A person who has changed how a rollout goes on. */
export const rolloutHand = z.object({ by: text, since: text });

export const runReport = z.object({
  reqid: runResult.shape.reqid,
  script: text,
  hosts: z.array(text).check(z.describe("Every host of the run.")),
  results: z.array(runResult).check(z.describe("For the hosts that are done.")),
  pending: z.array(text).check(z.describe("The hosts that have not answered yet.")),
  complete: z.boolean(),
  submitter: text.check(z.describe("The user name with which the run was submitted.")),
  /** ISO 8601, like `completed`. Empty in records of 0.8. */
  started: text,
  completed: z
    .nullable(text)
    .check(
      z.describe(
        "When the last host was done, as far as the hosts say; null until all hosts are done, and a rollout with its last check.",
      ),
    ),
  paused: z.exactOptional(
    rolloutHand.check(
      z.describe("Who has paused the rollout, and since when; absent unless it is paused."),
    ),
  ),
  continued: z.exactOptional(
    rolloutHand.check(
      z.describe(
        "Who has let the rollout go on after a pause, and when, the last time. Absent while it is paused, and when it has ended.",
      ),
    ),
  ),
  waits_for_api: z.exactOptional(
    z
      .literal(true)
      .check(
        z.describe(
          "No process carries out the rollout, which was detached: it goes on when ctrl-exec-api runs. Absent otherwise.",
        ),
      ),
  ),
  waits_for_token: z.exactOptional(
    z
      .literal(true)
      .check(
        z.describe(
          "No process carries out the rollout, which was detached with a token: that is not kept, so it goes on when somebody resumes it with the token. Absent otherwise.",
        ),
      ),
  ),
  rollout: z
    .exactOptional(rolloutReport)
    .check(z.describe("How far the rollout has got; absent of any other run.")),
  check_of: z.exactOptional(
    text.check(
      z.describe("The id of the rollout of which the run is a check; absent of any other."),
    ),
  ),
  resumed_by: z.exactOptional(
    z
      .array(rolloutHand)
      .check(z.describe("Who resumed the rollout after it had stopped, and when.")),
  ),
});

/** In memory: outputs may be long texts. */
export type RunReportSoFar = Frozen<Omit<z.output<typeof runReport>, "results">> & {
  readonly results: readonly RunResult[];
};

/** The hosts whose end is not among the results, in their order; none if the run is complete. */
export function pendingHosts(
  hosts: readonly string[],
  results: readonly RunResult[],
): readonly string[] {
  const done = new Set(results.filter(({ state }) => !goesOn(state)).map(({ host }) => host));
  return hosts.filter((host) => !done.has(host));
}

/** When a run ended whose process did not see the end: when its last host did. @param otherwise if no host says so */
export function completedAt(results: readonly RunResult[], otherwise: string): string {
  const ends = results.flatMap(({ ended = "" }) => parseIso(ended)?.getTime() ?? []);
  return ends.length === 0 ? otherwise : isoSeconds(new Date(Math.max(...ends)));
}
