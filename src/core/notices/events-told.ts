/**
 * Notices of runs, rollouts and upgrades, from the typed events alone: log, metrics and notices cannot disagree. Pure.
 */
import type { ControlEvent } from "../events.ts";
import { bounded, MOST_NAMED } from "./bounds.ts";
import type { FailedHost, NoticeNews, NotUpgraded } from "./news.ts";

export function isToldOf(event: ControlEvent): boolean {
  if (event.event === "run") return event.exit !== 0;
  return ["run-fail", "rollout-stop", "upgrade-fail", "upgrade-stop"].includes(event.event);
}

/** One for all hosts of a run or an upgrade, among events that came at about the same time. */
export function newsOf(events: readonly ControlEvent[]): NoticeNews[] {
  const runs = new Map<string, FailedRun>();
  const upgrades = new Map<string, FailedUpgrade>();
  const stopped: NoticeNews[] = [];
  for (const event of events) {
    if (event.event === "rollout-stop") {
      stopped.push({
        kind: "rollout-stopped",
        reqid: event.reqid,
        script: bounded(event.script),
        reason: bounded(event.reason),
        not_asked: event.count,
      });
    } else if (event.event === "run-fail") {
      const { state, fault = null } = event;
      note(runOf(runs, event), { host: event.host, state, exit: null, fault });
    } else if (event.event === "run" && event.exit !== 0) {
      const { host, exit } = event;
      note(runOf(runs, event), { host, state: "ended", exit, fault: null });
    } else if (event.event === "upgrade-fail") {
      note(upgradeOf(upgrades, event), { host: event.host, state: String(event.status) });
    } else if (event.event === "upgrade-stop") {
      const upgrade = upgradeOf(upgrades, event);
      upgrade.reason = bounded(event.reason);
      upgrade.notStarted = event.count;
    }
  }
  const failedRuns = [...runs].map(([reqid, { script, count, hosts }]) => {
    return { kind: "run-failed", reqid, script: bounded(script), count, hosts } as const;
  });
  const failedUpgrades = [...upgrades].map(([reqid, upgrade]): NoticeNews => {
    const { release, count, hosts, reason, notStarted: not_started } = upgrade;
    const facts = { release: bounded(release), count, hosts, reason, not_started };
    return { kind: "upgrade-failed", reqid, ...facts };
  });
  return [...failedRuns, ...stopped, ...failedUpgrades];
}

interface Failed<Host> {
  count: number;
  /** The first of them. */
  readonly hosts: Host[];
}

interface FailedRun extends Failed<FailedHost> {
  readonly script: string;
}

interface FailedUpgrade extends Failed<NotUpgraded> {
  readonly release: string;
  reason: string | null;
  notStarted: number;
}

function runOf(
  runs: Map<string, FailedRun>,
  { reqid, script }: { readonly reqid: string; readonly script: string },
): FailedRun {
  const run = runs.get(reqid) ?? { script, count: 0, hosts: [] };
  runs.set(reqid, run);
  return run;
}

function upgradeOf(
  upgrades: Map<string, FailedUpgrade>,
  { reqid, release }: { readonly reqid: string; readonly release: string },
): FailedUpgrade {
  const begun = { release, count: 0, hosts: [], reason: null, notStarted: 0 };
  const upgrade = upgrades.get(reqid) ?? begun;
  upgrades.set(reqid, upgrade);
  return upgrade;
}

function note<Host>(failed: Failed<Host>, host: Host): void {
  failed.count += 1;
  if (failed.hosts.length < MOST_NAMED) failed.hosts.push(host);
}
