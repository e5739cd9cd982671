/** What root's part of an upgrade writes about it, in its folder: the agent reads it, and tells the control host. */
import * as z from "zod/mini";
import { isRequestId } from "../request-id.ts";

const short = z.string().check(z.maxLength(255));

/** How an upgrade ended. */
export const upgradeEnd = z.object({
  reqid: z.string().check(z.refine(isRequestId)),
  /** `refused` has changed nothing. */
  end: z.enum(["upgraded", "rolled-back", "refused"]),
  /** The version before, and the one that was asked for. */
  from: short,
  to: short,
  /** Why it was not upgraded, or what is left to do. */
  error: z.optional(z.string().check(z.maxLength(1024))),
  /** ISO 8601. */
  ended: short,
});
export type UpgradeEnd = z.infer<typeof upgradeEnd>;
