/** The list of runs: what it may be asked for, and what it has. */
import { z } from "zod";
import { runReport } from "../core/run-report.ts";
import { RUN_STATES } from "../core/run-state.ts";
import { hostExpressionSchema } from "./host-schemas.ts";

export const runsQuery = z.object({
  host: hostExpressionSchema
    .optional()
    .describe("Only runs on these hosts: a name, or a host expression such as web-* or @role=db."),
  script: z.string().optional().describe("Only runs of this script."),
  user: z.string().optional().describe("Only runs that this user submitted."),
  failed: z
    .literal("true", { error: "expected true" })
    .optional()
    .describe("Only runs that failed on some host, or on one of those in host."),
  since: z
    .string()
    .optional()
    .describe("Only runs started since: 2h, 7d, 2026-01-15, 2026-01-15T12:00:00Z."),
  limit: z
    .string()
    .regex(/^[1-9]\d{0,3}$/, { error: "expected a number from 1 to 9999" })
    .default("100")
    .describe("At most this many runs, the newest ones."),
  after: z
    .string()
    .regex(/^\d{1,15}-\d{1,15}-[0-9a-f]{16}$/, { error: "expected next of an earlier answer" })
    .optional()
    .describe("Only runs after those of an earlier answer: the value of its next."),
});

export const runsAnswer = z.object({
  ok: z.literal(true),
  runs: z.array(
    z.object({
      reqid: z.string(),
      script: z.string(),
      submitter: z.string(),
      started: z.string(),
      completed: z.string().nullable(),
      hosts: z.array(
        z.object({
          host: z.string(),
          state: z.enum(RUN_STATES),
          exit: z.int().nullable(),
          failed: z.boolean().describe("As judged by run; false while the script is running."),
          cancelled: z.literal(true).optional().describe("Somebody asked for it to be ended."),
        }),
      ),
      check_of: runReport.shape.check_of,
      paused: z
        .object({ by: z.string(), since: z.string() })
        .optional()
        .describe("Who has paused the rollout, and since when."),
      waits_for_api: runReport.shape.waits_for_api,
      waits_for_token: runReport.shape.waits_for_token,
      unheard: z
        .array(z.string())
        .optional()
        .describe(
          "Hosts that could not be asked how the run ended there; they are shown as last known.",
        ),
    }),
  ),
  unreadable: z
    .array(z.string())
    .describe("The ids of runs that are not listed because their records cannot be read."),
  next: z
    .string()
    .optional()
    .describe("Present if more runs may follow: pass it as after, with the same parameters."),
});
