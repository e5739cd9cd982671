/**
 * The files of an upgrade. The agent writes into its inbox alone; root reads what is there, trusts none of it, and writes
 * into a folder of its own, which the agent may read.
 */
import { dirname, join } from "node:path";
import type { AgentConfig } from "../../core/config/agent-config.ts";
import { fileToReplace } from "../../system/files/linked-file.ts";

/** Where the service may write: beside its certificate, as its jobs are. */
export function inboxOf({ cert }: Pick<AgentConfig, "cert">): string {
  return join(dirname(fileToReplace(cert)), "upgrade");
}

/** The names in the inbox. */
export const INBOX = {
  /** What was asked for: the release's papers. */
  request: "request.json",
  /** The build's file, as far as it has come. */
  build: "build.gz",
  /** Its being there starts root's part. */
  apply: "apply",
} as const;

/** Root's part begins at once: if it has not by then, nobody waits for it, and it must not begin later. */
export const BEGINS_IN_MS = 600_000;

type StateFolder = Pick<AgentConfig, "upgrade_state">;

/** How far root's part is; it is there while that is under way. */
export function journalOf({ upgrade_state }: StateFolder): string {
  return join(upgrade_state, "journal.json");
}

/** How the last upgrade has ended. */
export function lastEndOf({ upgrade_state }: StateFolder): string {
  return join(upgrade_state, "last.json");
}
