/**
 * Removes what killed writes have left in the folders of the control host; purgeRunRecords() does so for the
 * records.
 */
import { dirname } from "node:path";
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import { removeDead } from "../../system/files/temporary-file.ts";
import { paths } from "./paths.ts";

/** For folders that may not be written to for a long time: some leftovers contain keys. Never throws. */
export function removeLeftovers(config: ControllerConfig): void {
  const { agents, pairing, joinTokens, locks, rollouts, credentials } = paths(config);
  const beside = [config.cert, config.key].map((path) => dirname(path));
  const { ca_dir, state_dir } = config;
  const folders = new Set([
    ...beside,
    credentials,
    ca_dir,
    state_dir,
    agents,
    pairing,
    joinTokens,
    locks,
    rollouts,
  ]);
  for (const folder of folders) removeDead(folder);
}
