/**
 * What a run would do. The hook is asked about it as about the run itself, and nobody else: no lock is taken, nothing
 * is recorded, no name is looked up and no host is called.
 */
import type { DryRun, DryRunHost } from "../../core/dry-run.ts";
import { readsAsOtherAddress } from "../../core/net/host-name.ts";
import { isIp } from "../../core/net/ip-address.ts";
import { PLAIN_ROLLOUT, type RolloutSetting } from "../../core/rollout.ts";
import { isSendableName } from "../../core/script-name.ts";
import { NOT_PERMITTED } from "../../core/wire/messages/refusal.ts";
import type { Caller } from "../access/authorize.ts";
import { authorizedChoice } from "../access/authorized-hosts.ts";
import type { Controller } from "../control-host.ts";
import { dialProblem } from "../fleet/peer-identity.ts";
import type { ResolvedTarget } from "../fleet/targets.ts";
import { claims } from "../inventory/claims.ts";
import { planRollout } from "./plan-rollout.ts";
import { withoutToken } from "./redact.ts";
import { runBody } from "./run-body.ts";
import type { RunOrder } from "./start-run.ts";

/**
 * @param rollout set if it would be done a few hosts at a time
 * @throws CtrlExecError as startRun() or startRollout() do until they have asked the hook
 */
export async function dryRun(
  controller: Controller,
  caller: Caller,
  order: RunOrder,
  rollout?: Partial<RolloutSetting>,
): Promise<DryRun> {
  const { config, log } = controller;
  const { script, args, reqid, token } = runBody(controller, caller, order);
  const action = { action: "run", script, args } as const;
  const { targets, expression } = await authorizedChoice(controller, caller, action, order);
  const batchOf = await batches(controller, caller, targets, rollout);
  const labels = targets.map(({ label }) => label);
  log({ event: "dry-run", hosts: labels, reqid, script, user: caller.username });
  const claimed = expression && (await claims(controller, expression, targets));
  const isRefused = !isSendableName(script);
  return {
    dry_run: true,
    script: withoutToken(script, token),
    args: args.map((arg) => withoutToken(arg, token)),
    hosts: targets.map((target): DryRunHost => {
      const error = isRefused ? NOT_PERMITTED : dialProblem(target, config)?.message;
      const { tags = {}, version } = claimed?.get(target) ?? {};
      const batch = batchOf.get(target);
      return {
        host: target.label,
        registered: target.record !== undefined || target.problem !== undefined,
        address: calledAt(target),
        port: target.port,
        ...(batch === undefined ? {} : { batch }),
        ...(Object.keys(tags).length === 0 ? {} : { claimed_tags: tags }),
        ...(version === undefined ? {} : { claimed_version: version }),
        ...(error === undefined ? {} : { error }),
      };
    }),
  };
}

/** From 1 on; empty for a run on all hosts at once. */
async function batches(
  controller: Controller,
  caller: Caller,
  targets: readonly ResolvedTarget[],
  rollout: Partial<RolloutSetting> | undefined,
): Promise<ReadonlyMap<ResolvedTarget, number>> {
  if (rollout === undefined) return new Map();
  const setting = { ...PLAIN_ROLLOUT, ...rollout };
  const plan = await planRollout(controller, caller, setting, targets, targets.length);
  return new Map(
    plan.batches.flatMap((batch, position) =>
      batch.map((target) => [target, position + 1] as const),
    ),
  );
}

/** As dialAddress() has it, which looks a name up. */
function calledAt({ name, record }: ResolvedTarget): string {
  if (record === undefined || record.ip === "" || isIp(name)) return name;
  return record.lookup_by === "ip" || readsAsOtherAddress(name) ? record.ip : name;
}
