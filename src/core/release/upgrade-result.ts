/** How the upgrade of one host went, as on the screen and in `--json`. */

export const UPGRADE_STATES = [
  "upgraded",
  /** It had the version already. */
  "current",
  "rolled-back",
  /** Root's part there refused the release, and changed nothing. */
  "refused",
  /** It was not handed over: nothing has changed. */
  "failed",
  /** It was handed over, and how it ended is not known. */
  "unknown",
  "not-started",
] as const;
export type UpgradeState = (typeof UPGRADE_STATES)[number];

export interface UpgradeResult {
  readonly host: string;
  readonly state: UpgradeState;
  /** The version before; empty if the host was not asked, or has not said. */
  readonly from: string;
  readonly to: string;
  readonly reqid: string;
  readonly error?: string;
}

/** Whether the host has the version now. */
export function isUpToDate({ state }: UpgradeResult): boolean {
  return state === "upgraded" || state === "current";
}
