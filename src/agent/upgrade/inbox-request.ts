/** What the agent leaves in its inbox for root's part: root reads it as it reads anything that others may write. */
import { lstatSync } from "node:fs";
import * as z from "zod/mini";
import { MAX_SUMS } from "../../core/release/checksums.ts";
import { isRequestId } from "../../core/request-id.ts";

const text = (max: number) => z.string().check(z.maxLength(max));

export const inboxRequest = z.object({
  reqid: z.string().check(z.refine(isRequestId)),
  sums: text(MAX_SUMS),
  signature: text(4096),
  version: text(255),
  /** Bytes of the build's file, and its SHA-256 as SHA256SUMS has it. */
  size: z.int().check(z.gte(1)),
  sha256: text(64),
  downgrade: z.boolean(),
});
export type InboxRequest = z.infer<typeof inboxRequest>;

/** Bytes. JSON makes some characters six times as long. */
export const MAX_INBOX_REQUEST = 262_144;

/** Milliseconds since a file of the inbox was written; 0 if it is not there. */
export function inboxAge(path: string, now: Date): number {
  const written = lstatSync(path, { throwIfNoEntry: false })?.mtimeMs;
  return written === undefined ? 0 : now.getTime() - written;
}
