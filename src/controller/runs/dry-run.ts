/**
 * What a run would do. Only the hook is asked, as for the run itself: no lock is taken, nothing is recorded, no name
 * is looked up and no host is called.
 */
import type { DryRun, DryRunHost } from "../../core/dry-run.ts";
import { readsAsOtherAddress } from "../../core/net/host-name.ts";
import { isIp } from "../../core/net/ip-address.ts";
import { withoutToken } from "../../core/redact.ts";
import { PLAIN_ROLLOUT, type RolloutSetting } from "../../core/rollout.ts";
import { isSendableName } from "../../core/script-name.ts";
import { NOT_PERMITTED } from "../../core/wire/messages/refusal.ts";
import type { Caller } from "../access/authorize.ts";
import { authorizedChoice } from "../access/authorized-hosts.ts";
import { type Controller, openReplies } from "../control-host.ts";
import { dialProblem } from "../fleet/peer-identity.ts";
import type { ResolvedTarget } from "../fleet/targets.ts";
import { claims } from "../inventory/claims.ts";
import { unlistedScript } from "../inventory/unlisted-script.ts";
import { planRollout } from "./plan-rollout.ts";
import { type RestOrder, restOfRollout } from "./rest-of-rollout.ts";
import { runBody } from "./run-body.ts";
import type { RunOrder } from "./start-run.ts";

/**
 * @param rollout set if it would be done a few hosts at a time
 * @param resume the rollout that would be resumed
 * @throws CtrlExecError as startRun() or startRollout() do until they have asked the hook
 */
export async function dryRun(
  controller: Controller,
  caller: Caller,
  order: RunOrder,
  rollout?: Partial<RolloutSetting>,
  resume?: string,
): Promise<DryRun> {
  const { config, log } = controller;
  const { body, targets, check, batchOf, batchedBy, expression, limits } =
    resume === undefined
      ? await planned(controller, caller, order, rollout)
      : await plannedRest(controller, caller, { ...order, rollout: rollout ?? {} }, resume);
  const { script, args, reqid, token } = body;
  const labels = targets.map(({ label }) => label);
  log({ event: "dry-run", hosts: labels, reqid, script, user: caller.username });
  const claimed = await claims(controller, expression, targets, batchedBy);
  const isRefused = !isSendableName(script);
  const names = [...(isRefused ? [] : [script]), ...(check === "" ? [] : [check])];
  const asked = await Promise.all(
    names.map(async (name) => (await unlistedScript(controller, name, targets)) ?? []),
  );
  const unlisted = asked.flat();
  return {
    dry_run: true,
    script: withoutToken(script, token),
    args: args.map((arg) => withoutToken(arg, token)),
    hosts: targets.map((target): DryRunHost => {
      const error = isRefused ? NOT_PERMITTED : dialProblem(target, config)?.message;
      const { tags = {}, version } = claimed.get(target) ?? {};
      const batch = batchOf.get(target);
      const per_tag = limits?.(target);
      return {
        host: target.label,
        registered: target.record !== undefined || target.problem !== undefined,
        address: calledAt(target),
        port: target.port,
        ...(batch === undefined ? {} : { batch }),
        ...(per_tag === undefined ? {} : { per_tag }),
        ...(Object.keys(tags).length === 0 ? {} : { claimed_tags: tags }),
        ...(version === undefined ? {} : { claimed_version: version }),
        ...(error === undefined ? {} : { error }),
      };
    }),
    ...(unlisted.length === 0 ? {} : { unlisted }),
  };
}

async function planned(
  controller: Controller,
  caller: Caller,
  order: RunOrder,
  rollout: Partial<RolloutSetting> | undefined,
) {
  const body = runBody(controller, caller, order);
  const { script, args } = body;
  const action = { action: "run", script, args } as const;
  const { targets, expression } = await authorizedChoice(controller, caller, action, order);
  if (rollout === undefined) {
    const one = { check: "", batchOf: placed([]), batchedBy: [], limits: undefined };
    return { body, targets, expression, ...one };
  }
  const setting = { ...PLAIN_ROLLOUT, ...rollout };
  const plan = await planRollout(controller, caller, setting, targets, targets.length);
  return { body, targets, expression, ...inBatches(setting, plan) };
}

/** The hosts are those that it has not started; there is no expression. */
async function plannedRest(
  controller: Controller,
  caller: Caller,
  order: RestOrder,
  resume: string,
) {
  using account = openReplies(controller);
  const rest = await restOfRollout(controller, caller, order, resume, account);
  const { body, targets, setting } = rest;
  return { body, targets, expression: undefined, ...inBatches(setting, rest) };
}

function inBatches(
  { check, per_tag }: RolloutSetting,
  { batches, limits }: Pick<Awaited<ReturnType<typeof planRollout>>, "batches" | "limits">,
) {
  return { check, batchOf: placed(batches), batchedBy: Object.keys(per_tag), limits };
}

/** The batch of each host, counted from 1. */
function placed(
  batches: readonly (readonly ResolvedTarget[])[],
): ReadonlyMap<ResolvedTarget, number> {
  return new Map(
    batches.flatMap((batch, position) => batch.map((target) => [target, position + 1] as const)),
  );
}

/** As in dialAddress(), which looks names up. */
function calledAt({ name, record }: ResolvedTarget): string {
  if (record === undefined || record.ip === "" || isIp(name)) return name;
  return record.lookup_by === "ip" || readsAsOtherAddress(name) ? record.ip : name;
}
