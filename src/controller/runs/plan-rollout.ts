/** In which batches a rollout asks its hosts, for callers whom the auth hook allows. */

import { configArgument } from "../../core/config/controller-config.ts";
import { CtrlExecError } from "../../core/errors.ts";
import type { RolloutSetting } from "../../core/rollout.ts";
import { isScriptName, SCRIPT_NAME_RULE } from "../../core/script-name.ts";
import { tagText } from "../../core/tags.ts";
import { type AuthRequest, authorize, type Caller } from "../access/authorize.ts";
import { usedTags } from "../fleet/host-tags.ts";
import { hostOf, type ResolvedTarget } from "../fleet/targets.ts";
import type { HostContext } from "../store/host.ts";
import { planBatches, type TagValue } from "./batch-plan.ts";
import { runBody } from "./run-body.ts";

/**
 * The hook is asked about the check as well before anything runs.
 *
 * @param total the hosts of which percentages are taken
 * @throws CtrlExecError `denied`; `bad-request` for a limit by a tag that no host has
 */
export async function planRollout(
  controller: HostContext,
  caller: Caller,
  setting: RolloutSetting,
  targets: readonly ResolvedTarget[],
  total: number,
) {
  const { check } = setting;
  if (check !== "") {
    if (!isScriptName(check)) {
      throw new CtrlExecError(
        "bad-request",
        `Cannot check with "${check}": no host has such a script`,
        {
          hint: `As in scripts.conf, ${SCRIPT_NAME_RULE}.`,
        },
      );
    }
    runBody(controller, caller, { script: check, args: [] });
    await authorizeBatch(controller, caller, { action: "run", script: check, args: [] }, targets);
  }
  const value = await tagReader(controller, setting);
  for (const key of Object.keys(setting.per_tag)) {
    if (targets.every((target) => value(target, key) === undefined))
      throw nobodyHas(controller, key);
  }
  const batches = planBatches(targets, setting, total, value);
  const { batch, max_failures, pause, per_tag } = setting;
  const waiting = batches.flatMap((each) => each.map(({ label }) => label));
  const facts = { batch, max_failures, pause, per_tag, check, waiting, begun: 0 };
  const keys = Object.keys(per_tag);
  /** What limits the batches in which a host may be; undefined without such a limit. */
  const limits = (target: ResolvedTarget) =>
    keys.length === 0
      ? undefined
      : Object.fromEntries(keys.map((key) => [key, value(target, key) ?? null]));
  return { batches, facts, limits };
}

/** Each host by its position among all hosts of the run. */
export function placesOf(
  batches: readonly (readonly ResolvedTarget[])[],
  hosts: readonly string[],
): readonly (readonly number[])[] {
  const places = new Map(hosts.map((host, place) => [host, place]));
  return batches.map((batch) => batch.flatMap(({ label }) => places.get(label) ?? []));
}

/** The tags as they are known before any host is asked: a host's own tags win over what its agent claims. */
async function tagReader(
  { config, store }: HostContext,
  { per_tag }: RolloutSetting,
): Promise<TagValue<ResolvedTarget>> {
  if (Object.keys(per_tag).length === 0) return () => undefined;
  const known = await store.learned.known();
  return (target, key) => usedTags(config, target.record, known.get(hostOf(target))).tag(key);
}

export async function authorizeBatch(
  controller: HostContext,
  caller: Caller,
  action: Omit<AuthRequest, "hosts">,
  batch: readonly ResolvedTarget[],
): Promise<void> {
  await authorize(controller, caller, { ...action, hosts: [...new Set(batch.map(hostOf))] });
}

/** A slip in the tag: each batch would have one host, and a person would wonder why. */
function nobodyHas({ config }: HostContext, key: string): CtrlExecError {
  const message = `Cannot limit batches by ${tagText(key)}: none of the hosts has that tag`;
  return new CtrlExecError("bad-request", message, {
    hint: `See: ctrl-exec list-agents --wide${configArgument(config.file)}`,
    remoteHint: "GET /discovery shows the tags that hosts claim.",
  });
}
