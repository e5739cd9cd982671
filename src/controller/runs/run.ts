/** `run`: one allowlisted script on many hosts. */
import { CtrlExecError } from "../../core/errors.ts";
import { newRequestId } from "../../core/request-id.ts";
import { isReservedScript } from "../../core/reserved-script.ts";
import type { RunResult } from "../../core/run-result.ts";
import { isSendableName } from "../../core/script-name.ts";
import { MAX_REQUEST_BYTES } from "../../core/wire/messages.ts";
import type { Caller } from "../access/authorize.ts";
import { authorizedTargets } from "../access/authorized-targets.ts";
import { type Controller, openDialler } from "../control-host.ts";
import { logAnswer } from "../fleet/answer.ts";
import { askFleet } from "../fleet/fan-out.ts";
import { type ResolvedTarget, readTargets } from "../fleet/targets.ts";
import { FleetNews } from "../inventory/fleet-news.ts";
import type { HostContext } from "../store/host.ts";
import { givenUpResult, hostResult, notPermittedResult } from "./host-result.ts";
import { takeRunLocks } from "./locks.ts";
import { RunRecord } from "./records.ts";
import { resultWithoutToken } from "./redact.ts";
import { RunProgress } from "./run-progress.ts";

export interface RunOrder {
  readonly hosts: readonly string[];
  /** The invocation's own port; undefined leaves it to the registry. */
  readonly port: number | undefined;
  /**
   * Any text: each agent answers for its own allowlist, and refuses what no allowlist can hold. What is not even
   * fit to be sent is refused here, in its place.
   */
  readonly script: string;
  readonly args: readonly string[];
  /**
   * A run that cannot be recorded is not begun: nobody waits for its results, or who asks for it uses rights that
   * are lent (T62).
   */
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
   * For a process that must end before the run has: sends nothing more, completes the record, and `finished`
   * resolves with a result of the hosts that are still out. Never rejects.
   * @param why what happens to the process: "ctrl-exec was stopped"
   */
  abandon(why: string): Promise<void>;
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
  const progress = new RunProgress();
  const dialler = { ...opened, account, sending: progress };
  const news = new FleetNews(controller, dialler);
  const hosts = targets.map(({ label }) => label);
  const isSent = isSendableName(script);
  const asks = isSent ? targets : [];
  const locks = takeRunLocks(controller, { targets: asks, script, reqid, username });
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
  /** Of the hosts that have none, when nobody waits for them any more. */
  const giveUp = (why: string) => {
    progress.stop();
    for (const target of targets) {
      if (results.has(target)) continue;
      const result = givenUpResult({ script, reqid }, target, progress, why);
      logResult(controller, target, result);
      results.set(target, result);
      record.add(result);
    }
  };
  const take = (target: ResolvedTarget, result: RunResult, rtt: number) => {
    logResult(controller, target, resultWithoutToken(result, token), rtt);
    results.set(target, result);
    record.add(result);
    onResult(result);
  };
  const fanOut = async (): Promise<RunReport> => {
    try {
      const request = { method: "POST", path: "/run", body, reply: "output" } as const;
      if (!isSent) {
        for (const target of targets) {
          take(target, notPermittedResult({ script, reqid }, target), 0);
        }
      }
      await askFleet(dialler, asks, request, (outcome) => {
        const { target, rtt } = outcome;
        news.hear(outcome);
        locks.release(target);
        if (results.has(target)) return;
        take(target, hostResult({ script, reqid }, outcome, progress), rtt);
      });
      await news.keep();
    } finally {
      locks.releaseAll();
      giveUp("ctrl-exec gave up");
      recorded = await record.close();
    }
    return report();
  };
  const abandoned = Promise.withResolvers<RunReport>();
  return {
    reqid,
    finished: Promise.race([fanOut(), abandoned.promise]),
    async abandon(why) {
      giveUp(why);
      recorded = await record.close();
      abandoned.resolve(report());
    },
    letGo: () => account.close(),
  };
}

/** @param rtt milliseconds; undefined when the host was given up */
function logResult(
  host: HostContext,
  target: ResolvedTarget,
  { reqid, script, exit, error }: RunResult,
  rtt?: number,
): void {
  logAnswer(
    host,
    { target, rtt },
    {
      action: "run",
      error,
      given: { EXIT: exit },
      always: { REQID: reqid, SCRIPT: script },
    },
  );
}
