/** `ping`: mTLS, the certificate's expiry and the version of many hosts. */
import { differs } from "../../core/clock.ts";
import { CtrlExecError } from "../../core/errors.ts";
import type { PingResult } from "../../core/results.ts";
import { pingReply } from "../../core/wire/messages.ts";
import type { Caller } from "../access/authorize.ts";
import { authorizedTargets } from "../access/authorized-targets.ts";
import { type Controller, openDialler } from "../control-host.ts";
import { answerOf, logAnswer } from "../fleet/answer.ts";
import { askFleet, type HostOutcome } from "../fleet/fan-out.ts";
import { type ResolvedTarget, readTargets } from "../fleet/targets.ts";
import { newRequestId } from "../request-id.ts";
import type { HostContext } from "../store/host.ts";
import { tryLockMaintenance } from "../store/maintenance-lock.ts";
import type { AgentRecord } from "../store/registry.ts";
import { dueForRenewal, renewAgents } from "../upkeep/renewal.ts";

/**
 * @param port the invocation's own port; undefined leaves it to the registry
 * @param onResult called once per host, as they answer
 * @returns the results in the order the hosts were given
 * @throws CtrlExecError when nothing was dialled: bad request, denied, no credential
 */
export async function pingHosts(
  controller: Controller,
  caller: Caller,
  typed: readonly string[],
  port: number | undefined,
  onResult: (result: PingResult) => void,
): Promise<PingResult[]> {
  const asked = readTargets(typed, port, controller.config.max_hosts);
  const action = { action: "ping", script: "", args: [] } as const;
  const targets = await authorizedTargets(controller, caller, action, asked);
  const reqid = caller.requestId ?? newRequestId();
  const results = new Map<ResolvedTarget, PingResult>();
  const learned = await askFleet(
    openDialler(controller),
    targets,
    { method: "POST", path: "/ping", body: { reqid }, reply: "words", idempotent: true },
    (outcome) => {
      const result = pingResult(outcome, reqid);
      logResult(controller, outcome, result);
      results.set(outcome.target, result);
      onResult(result);
    },
  );
  await renewDue(controller, targets, learned);
  return targets.flatMap((target) => results.get(target) ?? []);
}

/** Whoever is asked for is looked after: those of them whose certificates are due get new ones. */
async function renewDue(
  controller: Controller,
  targets: readonly ResolvedTarget[],
  corrected: ReadonlyMap<string, AgentRecord>,
): Promise<void> {
  const records = targets.flatMap(({ record }) =>
    record === undefined ? [] : (corrected.get(record.hostname) ?? record),
  );
  const due = dueForRenewal(controller, records);
  if (due.length === 0) return;
  // A pass of the check loop that is under way does the same.
  using lock = tryLockMaintenance(controller);
  if (lock === undefined) return;
  try {
    await renewAgents(controller, due);
  } catch (thrown) {
    // The hosts have answered all the same; the log says why nothing was signed.
    if (!(thrown instanceof CtrlExecError) || thrown.code !== "untrusted") throw thrown;
  }
}

function pingResult(outcome: HostOutcome, reqid: string): PingResult {
  const host = outcome.target.label;
  const rtt = `${outcome.rtt}ms`;
  const answer = answerOf(pingReply, outcome);
  if (answer.kind !== "given") {
    return { host, status: "error", rtt, expiry: "", version: "", reqid, error: answer.why };
  }
  const { expiry, version } = answer.data;
  const { clockOffset: offset } = outcome;
  const told = offset !== undefined && differs({ offset }) ? { clock_offset: offset } : {};
  return { host, status: "ok", rtt, expiry, version, reqid, ...told };
}

/** RESULT and TARGET are what 0.8 logs, STATUS and PEER what its documents promise: tools look for either. */
function logResult(
  host: HostContext,
  outcome: HostOutcome,
  { reqid, status, error }: PingResult,
): void {
  logAnswer(host, outcome, {
    action: "ping",
    error,
    given: { RESULT: "ok" },
    always: { PEER: outcome.peer, REQID: reqid, STATUS: status },
  });
}
