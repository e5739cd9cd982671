/** Asks the auth hook about an existing run: whether this caller may read, cancel or pause it. */
import { CtrlExecError } from "../../core/errors.ts";
import { saysNo } from "../../core/hook.ts";
import { namedHosts } from "../../core/hosts/fold.ts";
import { isRequestId } from "../../core/request-id.ts";
import type { RunReportSoFar } from "../../core/run-report.ts";
import { openReplies, type RunReader } from "../control-host.ts";
import { type Caller, conclude, decide, note } from "./authorize.ts";

export interface RunQuestion {
  /** `api` is the action of `status`, from before there were actions of their own. */
  readonly action: "api" | "read" | "cancel" | "pause" | "continue";
  readonly reqid: string;
}

/**
 * The hook is asked whether or not the run exists, so that its refusals reveal nothing (T25), and before anything is
 * read from the record except who submitted it (T67). A run that it hides only from this caller is answered like one
 * that does not exist.
 *
 * @throws CtrlExecError `denied`, or `not-found`
 */
export async function authorizeRun(
  controller: RunReader,
  caller: Caller,
  { action, reqid }: RunQuestion,
): Promise<void> {
  const known = isRequestId(reqid);
  const submitter = known ? await whoSubmitted(controller, reqid) : "";
  const question = { action, script: "", hosts: [], args: [] } as const;
  const request = { ...question, ...(known ? { reqid } : {}), submitter };
  const decision = await decide(controller, caller, request);
  if (saysNo(decision) && submitter !== "") {
    // If this is refused too, the caller may see no runs; otherwise this run is another user's. One of the two is
    // logged: what the caller is told, or what is hidden.
    const ofAny = { ...request, submitter: "" };
    const inGeneral = await decide(controller, caller, ofAny);
    if (!inGeneral.allowed) conclude(controller, caller, ofAny, inGeneral);
    note(controller, caller, request, decision);
    throw noSuchRun(reqid);
  }
  conclude(controller, caller, request, decision);
  if (!known) throw noSuchRun(reqid);
}

export function noSuchRun(reqid: string): CtrlExecError {
  const problem = isRequestId(reqid)
    ? `${reqid}: no such run, or its record is no longer kept`
    : `"${reqid.slice(0, 64)}": a run's id is 16 hex digits`;
  return new CtrlExecError("not-found", `Cannot find run ${problem}`);
}

/**
 * The selected hosts, in the order of the run.
 *
 * @param wanted all of them if it is empty
 * @throws CtrlExecError `bad-request` for a host that is not in the run
 */
export function hostsOf(
  { reqid, hosts }: Pick<RunReportSoFar, "reqid" | "hosts">,
  wanted: readonly string[],
): readonly string[] {
  const other = wanted.find((host) => !hosts.includes(host));
  if (other !== undefined) throw notInRun(reqid, other, hosts);
  return wanted.length === 0 ? hosts : hosts.filter((host) => wanted.includes(host));
}

export function notInRun(reqid: string, host: string, hosts: readonly string[]): CtrlExecError {
  return new CtrlExecError(
    "bad-request",
    `Cannot find ${host}: it is not one of the hosts of run ${reqid}`,
    {
      hint: `Its hosts: ${namedHosts(hosts)}`,
    },
  );
}

/** Empty if the record does not say, or cannot be read: a caller whom the hook lets see the run is told so. */
async function whoSubmitted(controller: RunReader, reqid: string): Promise<string> {
  const { runs } = controller.store;
  using account = openReplies(controller);
  try {
    const submitter = await runs.submitterOf(reqid);
    // Records of 1.0 have it at the end.
    return submitter ?? (await runs.read(reqid, account))?.submitter ?? "";
  } catch (thrown) {
    if (thrown instanceof CtrlExecError) return "";
    throw thrown;
  }
}
