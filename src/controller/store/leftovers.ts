/**
 * Removes what killed writes have left in the folders of the control host; purgeRunRecords() does so for the
 * records.
 */
import { dirname } from "node:path";
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import { countDead, removeDead } from "../../system/files/temporary-file.ts";
import { paths } from "./paths.ts";

/** For folders that may not be written to for a long time: some leftovers contain keys. Never throws. */
export function removeLeftovers(config: ControllerConfig): void {
  for (const folder of foldersOf(config)) removeDead(folder);
}

/** How many there are, including those of the records, by folder. Never throws. */
export function countLeftovers(config: ControllerConfig): ReadonlyMap<string, number> {
  const folders = [...foldersOf(config), paths(config).runs];
  const counted = folders.map((folder) => [folder, countDead(folder)] as const);
  return new Map(counted.filter(([, count]) => count > 0));
}

function foldersOf(config: ControllerConfig): ReadonlySet<string> {
  const { agents, pairing, joinTokens, locks, notices, rollouts, credentials } = paths(config);
  const beside = [config.cert, config.key].map((path) => dirname(path));
  const { ca_dir, state_dir } = config;
  return new Set([
    ...beside,
    credentials,
    ca_dir,
    state_dir,
    agents,
    pairing,
    joinTokens,
    locks,
    notices,
    rollouts,
  ]);
}
