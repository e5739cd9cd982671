/** The ids of runs for a purpose, for the shells' completions: the newest first, and no more than a screen shows. */
import type { RunState } from "../../core/run-state.ts";
import type { HostContext } from "../store/host.ts";
import type { RunFilter, RunPlace } from "../store/ports/runs.ts";
import { inListOrder } from "./list-runs.ts";

export type RunPurpose = "any" | "cancel" | "pause" | "continue" | "resume" | "failed" | "missed";

const MOST = 20;

/** For each purpose, what one of its hosts is in. */
const WANTED: Readonly<Record<RunPurpose, readonly Omit<RunFilter, "limit">[]>> = {
  any: [{}],
  cancel: inStates("running", "queued", "unknown", "lost"),
  pause: inStates("queued"),
  continue: inStates("queued"),
  resume: inStates("not-started", "queued"),
  failed: [{ failed: true }],
  missed: inStates("never-ran", "unknown", "lost", "not-started"),
};

function inStates(...states: readonly RunState[]): readonly { readonly state: RunState }[] {
  return states.map((state) => ({ state }));
}

export async function runsAtHand(host: HostContext, purpose: RunPurpose): Promise<string[]> {
  const found = new Map<
    string,
    { readonly place: RunPlace; readonly hosts: readonly RunState[] }
  >();
  for (const filter of WANTED[purpose]) {
    const { runs } = await host.store.runs.list({ ...filter, limit: MOST });
    for (const { reqid, place, hosts } of runs) {
      found.set(reqid, { place, hosts: hosts.map(({ state }) => state) });
    }
  }
  const newest = [...found].sort(([, one], [, other]) => inListOrder(one.place, other.place));
  const ids: string[] = [];
  const fits = await fitting(host, purpose);
  for (const [reqid, { hosts }] of newest) {
    if (ids.length < MOST && (await fits(reqid, hosts))) ids.push(reqid);
  }
  return ids;
}

type Fits = (reqid: string, hosts: readonly RunState[]) => Promise<boolean> | boolean;

/** What the states of its hosts do not say. */
async function fitting({ store }: HostContext, purpose: RunPurpose): Promise<Fits> {
  if (purpose === "pause" || purpose === "continue") {
    const paused = await store.rollouts.paused();
    return (reqid) => paused.has(reqid) === (purpose === "continue");
  }
  if (purpose !== "resume") return () => true;
  // Of a detached one that nobody carries out, the hosts that are left wait.
  return async (reqid, hosts) =>
    hosts.includes("not-started") || !(await store.rollouts.isOwned(reqid));
}
