/** The line that a result leaves in the log. */
import type { ControlLog } from "../../core/events.ts";
import type { Fault } from "../../core/fault.ts";
import { formatHostPort } from "../../core/net/host-name.ts";
import { droppedBytes, type RunResult } from "../../core/run-result.ts";
import { goesOn } from "../../core/run-state.ts";
import type { ResolvedTarget } from "../fleet/targets.ts";

interface Answered {
  /** Milliseconds. */
  readonly rtt: number;
  readonly fault?: Fault;
}

/**
 * None for a script that is still running, unless something is wrong: a caller who detaches learns how it ended by
 * asking.
 *
 * @param result without the caller's token
 * @param answered unless its host was not asked, or was given up
 */
export function logResult(
  log: ControlLog,
  { label: host, name, port }: ResolvedTarget,
  result: RunResult,
  { rtt, fault }: Partial<Answered> = {},
): void {
  const { error, exit, reqid, script, state } = result;
  const asked = {
    dropped: droppedBytes(result),
    host,
    reqid,
    rtt,
    script,
    target: formatHostPort(name, port),
  };
  if (error !== undefined) log({ event: "run-fail", ...asked, error, fault, state });
  else if (!goesOn(state)) log({ event: "run", ...asked, exit });
}
