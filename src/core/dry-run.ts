/** What a run would do, as on the screen, in `--json` and in the API. */
import * as z from "zod/mini";
import type { Frozen } from "./json.ts";

export const dryRunHost = z.object({
  host: z.string(),
  registered: z.boolean(),
  address: z
    .string()
    .check(
      z.describe("The address that would be called, or the name that would be looked up for it."),
    ),
  port: z.int(),
  batch: z
    .exactOptional(z.int())
    .check(
      z.describe(
        "The batch in which the host would be asked, counted from 1; absent if all are asked at once.",
      ),
    ),
  per_tag: z
    .exactOptional(z.record(z.string(), z.nullable(z.string())))
    .check(
      z.describe(
        "The host's values of the tags by which batches are limited, null for one that it does not have; absent without such a limit.",
      ),
    ),
  claimed_tags: z
    .exactOptional(z.record(z.string(), z.nullable(z.string())))
    .check(
      z.describe(
        "The tags that the expression or per_tag looks at, as the agent claims them; null for a key that it does not claim. Absent if that decides nothing.",
      ),
    ),
  claimed_version: z
    .exactOptional(z.string())
    .check(
      z.describe(
        "The version that the agent claims; absent if the expression does not look at versions.",
      ),
    ),
  error: z
    .exactOptional(z.string())
    .check(z.describe("Why it would not be called; absent if it would.")),
});
export type DryRunHost = Frozen<z.output<typeof dryRunHost>>;

export const unlistedScript = z.object({
  script: z.string(),
  hosts: z.array(z.string()),
  reported: z
    .string()
    .check(z.describe("When the first of these hosts reported its scripts; the others did later.")),
  near: z
    .exactOptional(z.string())
    .check(z.describe("The script of one of them whose name is nearest.")),
});
export type UnlistedScript = Frozen<z.output<typeof unlistedScript>>;

export const dryRun = z.object({
  dry_run: z.literal(true),
  script: z.string(),
  args: z.array(z.string()),
  hosts: z
    .array(dryRunHost)
    .check(z.describe("The hosts that would be asked, in the order given.")),
  unlisted: z
    .exactOptional(z.array(unlistedScript))
    .check(
      z.describe(
        "The script, or the rollout's check, where hosts do not list it in scripts.conf, as they last reported; it may have been listed since. Absent if there are none.",
      ),
    ),
});
export type DryRun = Frozen<z.output<typeof dryRun>>;
