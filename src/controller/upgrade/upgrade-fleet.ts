/** The upgrade of a fleet, a few hosts at a time: a batch begins when all hosts of the one before have ended. */
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
import { authorizeBatch, planRollout } from "../runs/plan-rollout.ts";
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
}

export interface UpgradeSubscribers {
  onBatch(batch: number, of: number, hosts: readonly string[]): void;
  onResult(result: UpgradeResult): void;
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
  return { release, key, batches, total: targets.length };
}

/**
 * @param signal ends the waiting: what a host has been handed goes on there
 * @returns a result for each host, in the order of the batches
 */
export async function upgradeFleet(
  controller: Controller,
  caller: Caller,
  order: UpgradeOrder,
  { release, key, batches, total }: UpgradePlan,
  subscribers: UpgradeSubscribers,
  signal: AbortSignal,
): Promise<UpgradeResult[]> {
  const { log } = controller;
  const dialler = await openDialler(controller);
  const news = new FleetNews(controller, dialler);
  const reqid = caller.requestId ?? newRequestId();
  const results = new Map<ResolvedTarget, UpgradeResult>();
  const { username: user, token } = caller;
  const to = release.version;
  const all = batches.flat();
  const whole = { release: to, reqid };
  log({ event: "upgrade-begin", ...whole, hosts: all.map(hostOf), user });
  const add = (target: ResolvedTarget, result: UpgradeResult) => {
    results.set(target, result);
    const at = formatHostPort(target.name, target.port);
    if (isUpToDate(result)) log({ event: "upgrade", ...whole, from: result.from, target: at });
    else if (result.state !== "not-started") {
      const { state: status, error = "" } = result;
      log({ event: "upgrade-fail", ...whole, error, status, target: at });
    }
    subscribers.onResult(result);
  };
  const mostFailures = allowedFailures(order.rollout.max_failures, total);
  let stopped: string | undefined;
  for (const [position, batch] of batches.entries()) {
    stopped = await begin(batch, position);
    if (stopped !== undefined) break;
    subscribers.onBatch(
      position + 1,
      batches.length,
      batch.map(({ label }) => label),
    );
    await inParallel(batch, parallelLimit(controller.config), async (target) => {
      const onVersion = news.hear.bind(news);
      add(
        target,
        await upgradeHost(dialler, target, {
          ...{ reqid, release, key, downgrade: order.downgrade, username: user, token },
          ...{ waitMs: order.waitMs, signal },
          onVersion: (outcome, version) => onVersion(outcome, { version }),
        }),
      );
    });
  }
  await news.keep();
  const left = all.filter((target) => !results.has(target));
  if (left.length > 0) {
    const reason = stopped ?? "";
    log({ event: "upgrade-stop", ...whole, count: left.length, reason });
    for (const target of left) {
      const state = "not-started" as const;
      add(target, { host: target.label, state, from: "", to, reqid, error: reason });
    }
  }
  return all.flatMap((target) => results.get(target) ?? []);

  /** @returns why the batch does not begin */
  async function begin(
    batch: readonly ResolvedTarget[],
    position: number,
  ): Promise<string | undefined> {
    const failed = [...results.values()].filter((result) => !isUpToDate(result)).length;
    if (failed > mostFailures) return `${failed} of ${total} hosts have failed`;
    if (position === 0) return undefined;
    await pause(order.rollout.pause * 1000, signal);
    if (signal.aborted) return "ctrl-exec was stopped";
    try {
      // Whoever may no longer do it does not go on with it.
      await authorizeBatch(controller, caller, { ...ACTION, args: [order.from] }, batch);
      return undefined;
    } catch (thrown) {
      return reasonOf(thrown);
    }
  }
}
