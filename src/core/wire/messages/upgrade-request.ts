/** The requests of an upgrade, as the agent reads them (docs/PROTOCOL.md, section 10). */
import * as z from "zod/mini";
import { MAX_SUMS } from "../../release/checksums.ts";
import { isRequestId } from "../../request-id.ts";
import { MAX_BUILD_BYTES } from "../limits.ts";
import { text, word } from "./texts.ts";

const reqid = z.string().check(z.refine(isRequestId));

/** `POST /upgrade`. */
export const upgradeRequest = z.object({
  reqid,
  /** `SHA256SUMS`, its signature, and `VERSION` without its line break. */
  sums: text.check(z.maxLength(MAX_SUMS)),
  signature: text.check(z.maxLength(4096)),
  version: word,
  /** Bytes of the build's file. */
  size: z.int().check(z.gte(1), z.lte(MAX_BUILD_BYTES)),
  /** Whether an older version may replace a newer one. */
  downgrade: z._default(z.boolean(), false),
  username: z._default(text, ""),
  token: z._default(text, ""),
});
export type UpgradeRequest = z.infer<typeof upgradeRequest>;

/** `POST /upgrade-piece`. */
export const upgradePiece = z.object({
  reqid,
  offset: z.int().check(z.gte(0), z.lte(MAX_BUILD_BYTES)),
  /** Base64. */
  data: text,
});

/** `POST /upgrade-apply`. */
export const upgradeApply = z.object({ reqid });
