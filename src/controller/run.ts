/** `run`: one allowlisted script on many hosts. */

import { isScriptName } from "../core/allowlist.ts";
import { CtrlExecError } from "../core/errors.ts";
import { formatHostPort } from "../core/host-name.ts";
import { MAX_REQUEST_BYTES, refusal, runReply } from "../core/messages.ts";
import type { RunResult } from "../core/results.ts";
import { authorize, type Caller } from "./authorize.ts";
import type { Controller } from "./controller.ts";
import { askFleet, type HostOutcome, openDialler } from "./fleet.ts";
import { takeRunLocks } from "./locks.ts";
import { readRegistry } from "./registry.ts";
import { newRequestId } from "./request-id.ts";
import { resolveTargets } from "./targets.ts";

export interface RunOrder {
  readonly hosts: readonly string[];
  /** The invocation's own port; undefined leaves it to the registry. */
  readonly port: number | undefined;
  readonly script: string;
  readonly args: readonly string[];
}

export interface RunReport {
  readonly reqid: string;
  /** In the order the hosts were given. */
  readonly results: readonly RunResult[];
}

/**
 * @param onResult called once per host, as they answer
 * @throws CtrlExecError when nothing was dialled: bad request, denied, no credential, locked
 */
export async function runScript(
  controller: Controller,
  caller: Caller,
  order: RunOrder,
  onResult: (result: RunResult) => void,
): Promise<RunReport> {
  const { config, log } = controller;
  if (!isScriptName(order.script)) {
    throw new CtrlExecError("bad-request", `"${order.script}" is not a script name`, {
      hint: "A name of scripts.conf on the agent: letters, digits, _ and -.",
    });
  }
  const targets = resolveTargets(order.hosts, order.port, readRegistry(config), config.max_hosts);
  const reqid = newRequestId();
  const body = {
    script: order.script,
    args: order.args,
    reqid,
    username: caller.username,
    token: caller.token,
  };
  if (Buffer.byteLength(JSON.stringify(body)) > MAX_REQUEST_BYTES) {
    throw new CtrlExecError(
      "too-large",
      "Cannot run: the arguments are longer than 1 MiB together",
    );
  }
  const hosts = targets.map(({ name }) => name);
  await authorize(controller, caller, {
    action: "run",
    script: order.script,
    hosts,
    args: order.args,
  });
  const dialler = openDialler(controller);
  const { username } = caller;
  const locks = takeRunLocks(controller, { targets, script: order.script, reqid, username });
  log("info", "dispatch", { HOSTS: hosts.join(","), REQID: reqid, SCRIPT: order.script });
  const results = new Map<string, RunResult>();
  await askFleet(dialler, targets, { method: "POST", path: "/run", body }, (outcome) => {
    locks.release(outcome.target);
    const result = runResult(outcome, order.script, reqid);
    logResult(controller, outcome, result);
    results.set(outcome.target.name, result);
    onResult(result);
  }).finally(() => locks.releaseAll());
  return { reqid, results: hosts.flatMap((host) => results.get(host) ?? []) };
}

function runResult(outcome: HostOutcome, script: string, reqid: string): RunResult {
  const { target, reply, rtt } = outcome;
  const base = { host: target.name, script, rtt: `${rtt}ms`, reqid };
  const failed = (error: string) => ({ ...base, exit: -1, stdout: "", stderr: "", error });
  if (reply === undefined) return failed(outcome.error ?? "no answer");
  const answered = runReply.safeParse(reply.json);
  if (reply.status === 200 && answered.success) {
    const { exit, stdout, stderr, ...rest } = answered.data;
    return { ...base, exit, stdout, stderr, ...dropUndefined(rest) };
  }
  const refused = refusal.safeParse(reply.json);
  if (refused.success) return failed(refused.data.error);
  return failed(`${target.name} answered with status ${reply.status} and no result`);
}

function dropUndefined<Shape extends object>(
  shape: Shape,
): { [Key in keyof Shape]?: Exclude<Shape[Key], undefined> } {
  const entries = Object.entries(shape).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [Key in keyof Shape]?: Exclude<Shape[Key], undefined> };
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
