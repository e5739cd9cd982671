/** On which hosts a run failed, and from which it has no result: what `@failed` and `@missed` stand for. */
import { runFailed } from "../../core/run-result.ts";
import { goesOn } from "../../core/run-state.ts";
import { openReplies, type RunReader } from "../control-host.ts";
import type { RunHosts } from "../fleet/selector.ts";
import type { Caller } from "./authorize.ts";
import { authorizeRun, noSuchRun } from "./authorize-run.ts";

/**
 * `failed`: the script ended there, and not well. `missed`: it never ran there, or nobody knows how it ended. A host
 * where it is still running is neither.
 *
 * @throws CtrlExecError `denied`, `not-found`, `busy`, or `damaged` if the record cannot be read
 */
export async function hostsByEnd(
  controller: RunReader,
  caller: Caller,
  reqid: string,
): Promise<RunHosts> {
  await authorizeRun(controller, caller, { action: "read", reqid });
  using account = openReplies(controller);
  const report = await controller.store.runs.read(reqid, account);
  if (report === undefined) throw noSuchRun(reqid);
  const { results, hosts, complete } = report;
  const failed = results.filter((result) => result.state === "ended" && runFailed(result));
  const told = new Map(results.map((result) => [result.host, result.state]));
  const stateOf = (host: string) => told.get(host) ?? (complete ? "unknown" : "running");
  return {
    failed: failed.map(({ host }) => host),
    missed: hosts.filter((host) => stateOf(host) !== "ended" && !goesOn(stateOf(host))),
    goesOn: hosts.filter((host) => goesOn(stateOf(host))),
  };
}
