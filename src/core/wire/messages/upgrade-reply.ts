/** The agent's answers about an upgrade, as the controller reads them (docs/PROTOCOL.md, section 10). */
import * as z from "zod/mini";
import { isBuildName } from "../../release/platform.ts";
import { upgradeEnd } from "../../release/upgrade-state.ts";
import { word } from "./texts.ts";

/** `GET /upgrade`. */
export const upgradeStatus = z.object({
  status: z.literal("ok"),
  version: word,
  build: z.string().check(z.refine(isBuildName)),
  state: z.enum(["idle", "receiving", "waiting", "applying"]),
  /** The upgrade that this host has last ended. */
  last: z.optional(upgradeEnd),
});
export type UpgradeStatus = z.infer<typeof upgradeStatus>;

/** `POST /upgrade` and `/upgrade-piece`: how many bytes the agent has. */
export const upgradeHave = z.object({ have: z.int().check(z.gte(0)) });
