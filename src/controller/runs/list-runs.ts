/** The recorded runs that a caller may see, for `list-runs`. */
import { DeniedError } from "../../core/errors.ts";
import { authorize, type Caller } from "../access/authorize.ts";
import type { HostContext } from "../store/host.ts";
import type { ListedRuns, RunFilter } from "../store/ports/runs.ts";

/**
 * The hook is asked whether the caller may see runs at all, then once for each name under which the listed ones
 * were submitted; runs that it hides from this caller are left out (T25).
 *
 * @throws CtrlExecError `denied` if the caller may see no runs; `storage` or `busy` if they cannot be read
 */
export async function listRuns(
  host: HostContext,
  caller: Caller,
  filter: RunFilter,
): Promise<ListedRuns> {
  const question = { action: "read", script: "", hosts: [], args: [] } as const;
  await authorize(host, caller, { ...question, submitter: "" });
  const listed = await host.store.runs.list(filter);
  const hidden = new Set<string>();
  for (const submitter of new Set(listed.runs.map((run) => run.submitter))) {
    try {
      if (submitter !== "") await authorize(host, caller, { ...question, submitter });
    } catch (refused) {
      if (!(refused instanceof DeniedError)) throw refused;
      hidden.add(submitter);
    }
  }
  return { ...listed, runs: listed.runs.filter(({ submitter }) => !hidden.has(submitter)) };
}
