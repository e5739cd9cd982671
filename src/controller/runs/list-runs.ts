/** The recorded runs that a caller may see, for `list-runs`. */
import { authorize, type Caller, maySee } from "../access/authorize.ts";
import type { HostContext } from "../store/host.ts";
import type { ListedRun, ListedRuns, RunFilter, RunPlace } from "../store/ports/runs.ts";

/** A part of the list. */
export interface RunPage extends Omit<ListedRuns, "runs"> {
  readonly runs: readonly ListedRun[];
  /** The next part is behind this place; undefined if there is none. A full page has one, whatever follows. */
  readonly next?: RunPlace;
}

/** After so many refusals no further name but the caller's own is asked about, and their runs are left out. */
const MAX_REFUSALS = 100;

/**
 * The hook is asked whether the caller may see runs at all, then once for each name under which the listed ones
 * were submitted; runs that it hides from this caller are left out (T25), and do not count against the limit,
 * which would say how many there are.
 *
 * @throws DeniedError if the caller may see no runs, or the hook gave no decision
 * @throws CtrlExecError `storage` or `busy` if they cannot be read
 */
export async function listRuns(
  host: HostContext,
  caller: Caller,
  filter: RunFilter,
): Promise<RunPage> {
  const question = { action: "read", script: "", hosts: [], args: [] } as const;
  await authorize(host, caller, { ...question, submitter: "" });
  // The first question was about runs of which nobody knows who submitted them, too.
  const shown = new Set([""]);
  const hidden = new Set<string>();
  const ask = async (submitter: string) => {
    if (shown.has(submitter) || hidden.has(submitter)) return;
    const isAsked = submitter === caller.username || hidden.size < MAX_REFUSALS;
    const may = isAsked && (await maySee(host, caller, { ...question, submitter }));
    (may ? shown : hidden).add(submitter);
  };
  for (let limit = filter.limit; ; limit *= 2) {
    const listed = await host.store.runs.list({ ...filter, limit, notBy: [...hidden] });
    for (const { submitter } of listed.runs) await ask(submitter);
    const runs = listed.runs.filter(({ submitter }) => shown.has(submitter));
    if (runs.length >= filter.limit || listed.runs.length < limit) {
      const page = runs.slice(0, filter.limit);
      // Whether another one follows would say whether there are runs that are hidden.
      const next = page.length < filter.limit ? undefined : page.at(-1)?.place;
      const { unreadable } = listed;
      const shown = page.map(({ place: _, ...run }) => run);
      return { runs: shown, unreadable, ...(next === undefined ? {} : { next }) };
    }
  }
}
