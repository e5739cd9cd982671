/** `run`: one allowlisted script on many hosts. */
import { CtrlExecError } from "../core/errors.ts";
import { formatHostPort } from "../core/host-name.ts";
import { dropUndefined } from "../core/json.ts";
import { MAX_REQUEST_BYTES, refusalIn, runReply } from "../core/messages.ts";
import { resultWithoutToken } from "../core/redact.ts";
import { isReservedScript } from "../core/reserved-script.ts";
import type { RunResult } from "../core/results.ts";
import type { Caller } from "./authorize.ts";
import { authorizedTargets } from "./authorized-targets.ts";
import type { Controller } from "./controller.ts";
import { askFleet, type HostOutcome, openDialler } from "./fleet.ts";
import { takeRunLocks } from "./locks.ts";
import { newRequestId } from "./request-id.ts";
import { lostResult, RunRecord } from "./run-records.ts";
import { type ResolvedTarget, readTargets } from "./targets.ts";

export interface RunOrder {
  readonly hosts: readonly string[];
  /** The invocation's own port; undefined leaves it to the registry. */
  readonly port: number | undefined;
  /** Any text: each agent answers for its own allowlist, and refuses what no allowlist can hold. */
  readonly script: string;
  readonly args: readonly string[];
  /** Nobody waits for the results: a run that cannot be recorded is not begun. */
  readonly mustBeRecorded?: boolean;
}

export interface RunReport {
  readonly reqid: string;
  /** In the order the hosts were given. */
  readonly results: readonly RunResult[];
  /** Whether its record has all of every result; what went wrong is logged. */
  readonly recorded: boolean;
}

/** A run that was accepted: nothing about it is an error any more, only a host's result. */
export interface StartedRun {
  readonly reqid: string;
  /** Resolves when every host has its result and the record is written. */
  readonly finished: Promise<RunReport>;
  /**
   * For a process that must end before the run has: completes the record, and `finished` resolves
   * with that reason for the hosts that are still out. Never rejects.
   */
  abandon(reason: string): Promise<void>;
  /** The results are needed no more: they stop to count against the replies that are held. */
  letGo(): void;
}

/**
 * Resolves as soon as the run is accepted: its record can be read then, and nothing has been sent.
 *
 * @param onResult called once per host, as they answer
 * @throws CtrlExecError when nothing was dialled: bad request, denied, no credential, locked, `unrecorded`
 */
export async function startRun(
  controller: Controller,
  caller: Caller,
  order: RunOrder,
  onResult: (result: RunResult) => void,
): Promise<StartedRun> {
  const { config, log } = controller;
  const { script, args } = order;
  const { username, token } = caller;
  if (isReservedScript(script)) {
    throw new CtrlExecError("bad-request", `Cannot run ${script}: only a rotation calls it`, {
      hint: "It decides whom an agent trusts. To replace this host's certificate: ctrl-exec rotate-cert",
    });
  }
  const asked = readTargets(order.hosts, order.port, config.max_hosts);
  const reqid = caller.requestId ?? newRequestId();
  const body = { script, args, reqid, username, token };
  if (Buffer.byteLength(JSON.stringify(body)) > MAX_REQUEST_BYTES) {
    throw new CtrlExecError(
      "too-large",
      "Cannot run: the script's name and arguments are longer than 1 MiB together",
    );
  }
  const action = { action: "run", script, args } as const;
  const targets = await authorizedTargets(controller, caller, action, asked);
  const opened = openDialler(controller);
  const account = opened.budget.open();
  const dialler = { ...opened, account };
  const hosts = targets.map(({ label }) => label);
  const locks = takeRunLocks(controller, { targets, script, reqid, username });
  const { mustBeRecorded = false } = order;
  const facts = { reqid, script, hosts, submitter: username, token };
  const record = new RunRecord(controller, facts, mustBeRecorded);
  if (!(await record.stored) && mustBeRecorded) {
    record.discard();
    locks.releaseAll();
    throw new CtrlExecError("unrecorded", "Cannot start the run: its record cannot be written", {
      hint: "Nothing was sent to any host. The log of the control host says what is wrong: ACTION=run-store-fail.",
    });
  }
  log("info", "dispatch", { HOSTS: hosts.join(","), REQID: reqid, SCRIPT: script });
  const results = new Map<ResolvedTarget, RunResult>();
  let recorded = false;
  const report = () => {
    return { reqid, results: targets.flatMap((target) => results.get(target) ?? []), recorded };
  };
  const fanOut = async (): Promise<RunReport> => {
    try {
      const request = { method: "POST", path: "/run", body, reply: "output" } as const;
      await askFleet(dialler, targets, request, (outcome) => {
        locks.release(outcome.target);
        const result = runResult(outcome, script, reqid);
        logResult(controller, outcome, resultWithoutToken(result, token));
        results.set(outcome.target, result);
        record.add(result);
        onResult(result);
      });
    } finally {
      locks.releaseAll();
      const reason = "ctrl-exec gave up before this host answered; the script may have run";
      recorded = await record.close(reason);
    }
    return report();
  };
  const abandoned = Promise.withResolvers<RunReport>();
  return {
    reqid,
    finished: Promise.race([fanOut(), abandoned.promise]),
    async abandon(reason) {
      const lost = targets.filter((target) => !results.has(target));
      recorded = await record.close(reason);
      for (const target of lost) {
        const TARGET = formatHostPort(target.name, target.port);
        log("err", "run", { ERROR: reason, REQID: reqid, SCRIPT: script, TARGET });
        if (results.has(target)) continue;
        results.set(target, lostResult({ reqid, script }, target.label, reason));
      }
      abandoned.resolve(report());
    },
    letGo: () => account.close(),
  };
}

function runResult(outcome: HostOutcome, script: string, reqid: string): RunResult {
  const { target, reply, rtt } = outcome;
  const head = { host: target.label, script };
  const tail = { rtt: `${rtt}ms`, reqid };
  const failed = (error: string) => {
    return { ...head, exit: -1, stdout: "", stderr: "", ...tail, error };
  };
  if (reply === undefined) return failed(outcome.error ?? "no answer");
  const answered = runReply.safeParse(reply.json);
  if (reply.status === 200 && answered.success) {
    const { exit, stdout, stderr, ...rest } = answered.data;
    // The order of PROTOCOL section 5: scripts grep for `"script":"...","exit":0`.
    return { ...head, exit, stdout, stderr, ...tail, ...dropUndefined(rest) };
  }
  const problem = `${target.label} answered with status ${reply.status} and no result`;
  return failed(refusalIn(reply.json) ?? problem);
}

function logResult({ log }: Controller, { target, rtt }: HostOutcome, result: RunResult): void {
  const fields = {
    REQID: result.reqid,
    RTT: rtt,
    SCRIPT: result.script,
    TARGET: formatHostPort(target.name, target.port),
  };
  if (result.error === undefined) log("info", "run", { EXIT: result.exit, ...fields });
  else log("err", "run", { ERROR: result.error, ...fields });
}
