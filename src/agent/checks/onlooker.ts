/**
 * Whether self-check is run by somebody who is neither root nor the agent's user, and so cannot check
 * everything.
 */
import { accessSync, constants, type Stats, statSync } from "node:fs";
import { dirname } from "node:path";
import type { AgentConfig } from "../../core/config/agent-config.ts";

/** The user and groups of this process, by number. */
export interface Asker {
  readonly uid: number;
  readonly gids: readonly number[];
}

/**
 * The agent's user can read its key, and owns the folder of agent.conf or is in its group.
 *
 * @param folder of agent.conf
 * @param readsKey whether the asker may read the agent's key
 */
export function isOnlooker(
  { uid, gids }: Asker,
  folder: Pick<Stats, "uid" | "gid">,
  readsKey: boolean,
): boolean {
  return uid !== 0 && uid !== folder.uid && !gids.includes(folder.gid) && !readsKey;
}

/** The same for this process and the files of `config`. */
export function isRunByOnlooker({ file, key }: AgentConfig): boolean {
  const gids = [process.getegid?.() ?? 0, ...(process.getgroups?.() ?? [])];
  try {
    return isOnlooker(
      { uid: process.geteuid?.() ?? 0, gids },
      statSync(dirname(file)),
      mayRead(key),
    );
  } catch {
    // A user who may not even inspect the folder cannot have read agent.conf in it.
    return false;
  }
}

function mayRead(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}
