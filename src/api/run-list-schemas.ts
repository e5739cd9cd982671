/** The list of runs: what it may be asked for, and what it has. */
import { z } from "zod";
import { RUN_STATES } from "../core/run-state.ts";

export const runsQuery = z.object({
  host: z.string().optional().describe("Only runs on this host."),
  script: z.string().optional().describe("Only runs of this script."),
  user: z.string().optional().describe("Only runs that this user submitted."),
  failed: z
    .literal("true", { error: "expected true" })
    .optional()
    .describe("Only runs that failed on a host, or on the host that is named."),
  since: z
    .string()
    .optional()
    .describe("Only runs started since: 2h, 7d, 2026-01-15, 2026-01-15T12:00:00Z."),
  limit: z
    .string()
    .regex(/^[1-9]\d{0,3}$/, { error: "expected a number from 1 to 9999" })
    .default("100")
    .describe("At most so many, the newest."),
  after: z
    .string()
    .regex(/^\d{1,15}-\d{1,15}-[0-9a-f]{16}$/, { error: "expected next of an earlier answer" })
    .optional()
    .describe("Only runs behind those of an earlier answer: its next."),
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
          failed: z.boolean().describe("As run judges it; false while the script runs."),
          cancelled: z.literal(true).optional().describe("Its end was asked for."),
        }),
      ),
      paused: z
        .object({ by: z.string(), since: z.string() })
        .optional()
        .describe("Who has paused the rollout, and since when."),
      unheard: z
        .array(z.string())
        .optional()
        .describe("Hosts that could not be asked how it ended there: shown as known last."),
    }),
  ),
  unreadable: z
    .array(z.string())
    .describe("Runs whose records cannot be read, and that are not listed: their ids."),
  next: z
    .string()
    .optional()
    .describe("There if more may follow: give it as after, with the same parameters."),
});
