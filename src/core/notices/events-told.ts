/** Notices of runs and rollouts, from the typed events alone: log, metrics and notices cannot disagree. Pure. */
import type { ControlEvent } from "../events.ts";
import { bounded, MOST_NAMED } from "./bounds.ts";
import type { FailedHost, NoticeNews } from "./news.ts";

export function isToldOf(event: ControlEvent): boolean {
  if (event.event === "run") return event.exit !== 0;
  return event.event === "run-fail" || event.event === "rollout-stop";
}

/** One for all hosts of a run, among events that came at about the same time. */
export function newsOf(events: readonly ControlEvent[]): NoticeNews[] {
  const failed = new Map<string, FailedRun>();
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
      note(failed, event, { host: event.target, state, exit: null, fault });
    } else if (event.event === "run" && event.exit !== 0) {
      note(failed, event, { host: event.target, state: "ended", exit: event.exit, fault: null });
    }
  }
  const runs = [...failed].map(([reqid, { script, count, hosts }]) => {
    return { kind: "run-failed", reqid, script: bounded(script), count, hosts } as const;
  });
  return [...runs, ...stopped];
}

interface FailedRun {
  readonly script: string;
  count: number;
  readonly hosts: FailedHost[];
}

function note(
  runs: Map<string, FailedRun>,
  { reqid, script }: { readonly reqid: string; readonly script: string },
  host: FailedHost,
): void {
  const run = runs.get(reqid) ?? { script, count: 0, hosts: [] };
  run.count += 1;
  if (run.hosts.length < MOST_NAMED) run.hosts.push(host);
  runs.set(reqid, run);
}
