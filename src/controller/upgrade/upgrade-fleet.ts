/**
 * The upgrade of a fleet, a few hosts at a time: a batch begins when all hosts of the one before have ended, and its
 * check has succeeded on those that have the version.
 */
import type { UnlistedScript } from "../../core/dry-run.ts";
import { CtrlExecError, reasonOf } from "../../core/errors.ts";
import { inParallel } from "../../core/in-parallel.ts";
import { formatHostPort } from "../../core/net/host-name.ts";
import { isUpToDate, type UpgradeResult } from "../../core/release/upgrade-result.ts";
import { newRequestId } from "../../core/request-id.ts";
import { allowedFailures, type RolloutSetting } from "../../core/rollout.ts";
import { pause } from "../../system/deadline.ts";
import type { Caller } from "../access/authorize.ts";
import { authorizedHosts } from "../access/authorized-hosts.ts";
import { type Controller, openDialler } from "../control-host.ts";
import { parallelLimit } from "../fleet/fan-out.ts";
import type { HostChoice } from "../fleet/host-choice.ts";
import { hostOf, type ResolvedTarget } from "../fleet/targets.ts";
import { FleetNews } from "../inventory/fleet-news.ts";
import { unlistedScript } from "../inventory/unlisted-script.ts";
import { checkOf } from "../runs/batch-check.ts";
import { failedCheck, judgeCheck } from "../runs/check-judgement.ts";
import { authorizeBatch, planRollout } from "../runs/plan-rollout.ts";
import { mustBeRegistered, registeredOf } from "../runs/registered-hosts.ts";
import { type OpenRelease, openRelease } from "./release.ts";
import { upgradeHost } from "./upgrade-host.ts";

export interface UpgradeOrder {
  readonly choice: HostChoice;
  /** A folder or an address. */
  readonly from: string;
  /** Whether the caller may learn why it cannot be read. */
  readonly tellsWhy: boolean;
  readonly rollout: RolloutSetting;
  readonly downgrade: boolean;
  /** For a host's end, once it has the release. */
  readonly waitMs: number;
}

export interface UpgradePlan {
  readonly release: OpenRelease;
  readonly key: Uint8Array;
  readonly batches: readonly (readonly ResolvedTarget[])[];
  readonly total: number;
  /** The check, if hosts may not have it. */
  readonly unlisted: UnlistedScript | undefined;
}

/** The check after a batch has ended. */
export interface UpgradeCheck {
  readonly batch: number;
  readonly script: string;
  /** The id of its run. */
  readonly check: string;
  /** The hosts on which it failed. */
  readonly failed: readonly string[];
}

export interface UpgradeSubscribers {
  onBatch(batch: number, of: number, hosts: readonly string[]): void;
  onResult(result: UpgradeResult): void;
  onCheck(check: UpgradeCheck): void;
}

export interface UpgradeReport {
  /** One for each host, in the order of the batches. */
  readonly results: readonly UpgradeResult[];
  /** Why it stopped; after its last batch that is because of the check. */
  readonly stopped: string | undefined;
}

const ACTION = { action: "upgrade", script: "" } as const;

/**
 * What would be done; no host is asked.
 *
 * @throws CtrlExecError `denied`, and after that `config` without a release key, `not-found` and `untrusted` for the
 * release, `bad-request` for the hosts
 */
export async function planUpgrade(
  controller: Controller,
  caller: Caller,
  { choice, from, tellsWhy, rollout }: UpgradeOrder,
): Promise<UpgradePlan> {
  const targets = await authorizedHosts(controller, caller, { ...ACTION, args: [from] }, choice);
  const { release_key: key, file } = controller.config;
  if (key === undefined) {
    throw new CtrlExecError("config", `Cannot upgrade: ${file} has no release_key`, {
      hint: "Set it to the public key of whoever signs the releases; each host needs it in its agent.conf too.",
    });
  }
  const release = await openRelease(from, key, tellsWhy);
  const { batches } = await planRollout(controller, caller, rollout, targets, targets.length);
  const { check } = rollout;
  const unlisted = check === "" ? undefined : await unlistedScript(controller, check, targets);
  return { release, key, batches, total: targets.length, unlisted };
}

export class FleetUpgrade {
  readonly #controller: Controller;
  readonly #caller: Caller;
  readonly #order: UpgradeOrder;
  readonly #plan: UpgradePlan;
  readonly #subscribers: UpgradeSubscribers;
  readonly #signal: AbortSignal;
  readonly #reqid: string;
  readonly #registered: ReadonlySet<string>;
  readonly #results = new Map<ResolvedTarget, UpgradeResult>();

  /** @param signal ends the waiting: what a host has been handed goes on there */
  constructor(
    controller: Controller,
    caller: Caller,
    order: UpgradeOrder,
    plan: UpgradePlan,
    subscribers: UpgradeSubscribers,
    signal: AbortSignal,
  ) {
    this.#controller = controller;
    this.#caller = caller;
    this.#order = order;
    this.#plan = plan;
    this.#subscribers = subscribers;
    this.#signal = signal;
    this.#reqid = caller.requestId ?? newRequestId();
    this.#registered = registeredOf(plan.batches.flat());
  }

  async carryOut(): Promise<UpgradeReport> {
    const { log } = this.#controller;
    const { batches, release } = this.#plan;
    const all = batches.flat();
    const whole = { release: release.version, reqid: this.#reqid };
    const { username: user } = this.#caller;
    log({ event: "upgrade-begin", ...whole, hosts: all.map(hostOf), user });
    let stopped: string | undefined;
    for (const [position, batch] of batches.entries()) {
      stopped = await this.#mayBegin(batch, position);
      if (stopped !== undefined) break;
      await this.#upgrade(batch, position + 1);
      stopped = await this.#check(batch, position + 1);
      if (stopped !== undefined) break;
    }
    const left = all.filter((target) => !this.#results.has(target));
    if (stopped !== undefined) {
      log({ event: "upgrade-stop", ...whole, count: left.length, reason: stopped });
      const { version: to } = release;
      for (const target of left) {
        const state = "not-started" as const;
        const { label: host } = target;
        this.#add(target, { host, state, from: "", to, reqid: this.#reqid, error: stopped });
      }
    }
    return { results: all.flatMap((target) => this.#results.get(target) ?? []), stopped };
  }

  async #upgrade(batch: readonly ResolvedTarget[], number: number): Promise<void> {
    const { release, key, batches } = this.#plan;
    const { username, token } = this.#caller;
    const { downgrade, waitMs } = this.#order;
    const labels = batch.map(({ label }) => label);
    this.#subscribers.onBatch(number, batches.length, labels);
    const dialler = await openDialler(this.#controller);
    const news = new FleetNews(this.#controller, dialler);
    await inParallel(batch, parallelLimit(this.#controller.config), async (target) => {
      const result = await upgradeHost(dialler, target, {
        ...{ reqid: this.#reqid, release, key, downgrade, username, token, waitMs },
        signal: this.#signal,
        onVersion: (outcome, version) => news.hear(outcome, { version }),
      });
      this.#add(target, result);
    });
    await news.keep();
  }

  #add(target: ResolvedTarget, result: UpgradeResult): void {
    const { log } = this.#controller;
    this.#results.set(target, result);
    const at = formatHostPort(target.name, target.port);
    const asked = { host: target.label, reqid: this.#reqid, target: at };
    const whole = { ...asked, release: this.#plan.release.version };
    if (isUpToDate(result)) log({ event: "upgrade", ...whole, from: result.from });
    else if (result.state !== "not-started") {
      const { state: status, error = "" } = result;
      log({ event: "upgrade-fail", ...whole, error, status });
    }
    this.#subscribers.onResult(result);
  }

  /** @returns why the batch does not begin */
  async #mayBegin(batch: readonly ResolvedTarget[], position: number): Promise<string | undefined> {
    const { rollout, from } = this.#order;
    const { total } = this.#plan;
    const failed = [...this.#results.values()].filter((result) => !isUpToDate(result)).length;
    if (failed > allowedFailures(rollout.max_failures, total)) {
      return `${failed} of ${total} hosts have failed`;
    }
    if (position === 0) return undefined;
    await pause(rollout.pause * 1000, this.#signal);
    if (this.#signal.aborted) return STOPPED;
    try {
      await mustBeRegistered(this.#controller, batch, this.#registered);
      // Whoever may no longer do it does not go on with it.
      await authorizeBatch(this.#controller, this.#caller, { ...ACTION, args: [from] }, batch);
      return undefined;
    } catch (thrown) {
      return reasonOf(thrown);
    }
  }

  /** On the hosts that have the version: the others have been counted. @returns why no other batch begins */
  async #check(batch: readonly ResolvedTarget[], number: number): Promise<string | undefined> {
    const { check: script } = this.#order.rollout;
    const well = batch.filter((target) => {
      const result = this.#results.get(target);
      return result !== undefined && isUpToDate(result);
    });
    if (script === "" || well.length === 0) return undefined;
    if (this.#signal.aborted) return STOPPED;
    const begin = checkOf(() => this.#controller, this.#caller, script, this.#registered);
    const check = newRequestId();
    try {
      const run = await begin(well, check);
      const leave = () => void run.abandon(STOPPED);
      this.#signal.addEventListener("abort", leave, { once: true });
      if (this.#signal.aborted) leave();
      const { results } = await run.finished;
      if (this.#signal.aborted) return STOPPED;
      const judged = judgeCheck(results);
      this.#subscribers.onCheck({ batch: number, script, check, failed: judged.failed });
      return failedCheck(judged);
    } catch (thrown) {
      return `its check cannot be run: ${reasonOf(thrown)}`;
    }
  }
}

const STOPPED = "ctrl-exec was stopped";
