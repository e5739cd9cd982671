/** Whether a host may go over to a release: what the control host, the agent and root's part of it all ask (T36). */
import { buildFile } from "../core/release/platform.ts";
import { compareVersions, parseVersion } from "../core/version-order.ts";
import { judgeRelease, type ReleaseFault, type ReleasePapers } from "./release.ts";

export interface UpgradeQuestion {
  readonly papers: ReleasePapers;
  /** The release key: 32 bytes. */
  readonly key: Uint8Array;
  /** The host's build: `ctrl-exec-linux-x64`. */
  readonly build: string;
  /** The version that the host has. */
  readonly from: string;
  /** Whether an older version may replace a newer one: both the caller and the host must want it. */
  readonly downgrade: boolean;
}

type UpgradeFault =
  | ReleaseFault
  /** The release has nothing for this host. */
  | "no-build"
  /** The host has this version. */
  | "same"
  /** The host has a newer version, or nobody knows which. */
  | "older";

export type JudgedUpgrade =
  | { readonly kind: "good"; readonly version: string; readonly sha256: string }
  | { readonly kind: "refused"; readonly fault: UpgradeFault; readonly problem: string };

export function judgeUpgrade(question: UpgradeQuestion): JudgedUpgrade {
  const { papers, key, build, from, downgrade } = question;
  const release = judgeRelease(papers, key);
  if (release.kind === "refused") return release;
  const { version } = release;
  const sha256 = release.sums.get(buildFile(build));
  if (sha256 === undefined) return refused("no-build", `the release has no ${buildFile(build)}`);
  // Whoever could ask for it again and again would have the host restarted as often.
  if (version === from) return refused("same", `this host has ${version} already`);
  if (isOlder(version, from) && !downgrade) {
    const has = from === "" ? "no version" : from;
    return refused("older", `the release is ${version}, and this host has ${has}`);
  }
  return { kind: "good", version, sha256 };
}

/** Compared with a version that cannot be read, anything may be older. */
function isOlder(version: string, than: string): boolean {
  const [a, b] = [parseVersion(version), parseVersion(than)];
  return a === undefined || b === undefined || compareVersions(a, b) < 0;
}

function refused(fault: UpgradeFault, problem: string): JudgedUpgrade {
  return { kind: "refused", fault, problem };
}
