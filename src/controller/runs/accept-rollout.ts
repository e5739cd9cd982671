/**
 * Accepts a rollout, either a new one or one that has stopped and is resumed: it is authorised, owned and recorded.
 */
import type { UnlistedScript } from "../../core/dry-run.ts";
import { CtrlExecError, messageOf } from "../../core/errors.ts";
import { allowedFailures, PLAIN_ROLLOUT, type RolloutSetting } from "../../core/rollout.ts";
import { isoSeconds } from "../../core/time.ts";
import type { Caller } from "../access/authorize.ts";
import { authorizedHosts } from "../access/authorized-hosts.ts";
import { type Controller, openDialler, openReplies } from "../control-host.ts";
import type { FleetDialler } from "../fleet/fan-out.ts";
import type { ResolvedTarget } from "../fleet/targets.ts";
import { unlistedScript } from "../inventory/unlisted-script.ts";
import type { HostContext } from "../store/host.ts";
import type { RolloutOrder as KeptOrder, OwnedRollout } from "../store/ports/rollouts.ts";
import type { RolloutFacts, RunRecord } from "../store/ports/runs.ts";
import { placesOf, planRollout } from "./plan-rollout.ts";
import { registeredOf } from "./registered-hosts.ts";
import { nothingLeft, restOfRollout } from "./rest-of-rollout.ts";
import type { RolloutParts } from "./rollout-parts.ts";
import { recordedFacts, runBody, runFacts } from "./run-body.ts";
import type { RunOrder } from "./start-run.ts";

/** What is to be done, without anything about who listens to it. */
export interface NewRollout
  extends Omit<RunOrder, "checkOf" | "detach" | "mustBeRecorded" | "watch"> {
  /** Anything that is left out is as in PLAIN_ROLLOUT, or as it was in the rollout that is resumed. */
  readonly rollout: Partial<RolloutSetting>;
  /** The rollout to resume; then it says which hosts. */
  readonly resume?: string | undefined;
  /** Called when the hook has agreed and before anything runs, if its check may be missing on some of its hosts. */
  readonly onUnlisted?: ((check: UnlistedScript) => void) | undefined;
}

/** A rollout whose record is written, and that this process owns. */
export interface AcceptedRollout
  extends Pick<
    RolloutParts,
    "body" | "targets" | "batches" | "before" | "isResumed" | "owned" | "record"
  > {
  readonly setting: RolloutSetting;
  readonly mayFail: number;
  /** Those of its hosts that were registered when it was accepted. */
  readonly registered: ReadonlySet<string>;
  /** One for all batches. */
  readonly budget: FleetDialler["budget"];
}

/** What another process needs to go on with it. The token is not included. */
export function orderOf(
  { face, username, token, sourceIp, route }: Caller,
  { body, registered, mayFail }: AcceptedRollout,
): KeptOrder {
  const { args, timeout } = body;
  const who = { face, username, sourceIp, ...(route === undefined ? {} : { route }) };
  const hasToken = token !== "";
  return { args, timeout, ...who, hasToken, registered: [...registered], mayFail };
}

/** How many people who resumed it are named in its record. */
const MOST_RESUMES = 50;

/** How it is accepted. */
export interface Acceptance {
  /** What is read of a rollout that is resumed counts until then. */
  readonly needed?: Promise<unknown>;
  /** Called when the hook has agreed, and before anything is owned or recorded. @throws to refuse it */
  readonly admit?: () => void;
}

/** @throws as startRollout(), and what `admit` throws */
export async function acceptRollout(
  controller: Controller,
  caller: Caller,
  order: NewRollout,
  acceptance: Acceptance = {},
): Promise<AcceptedRollout> {
  return order.resume === undefined
    ? await begun(controller, caller, order, acceptance)
    : await resumed(controller, caller, order, order.resume, acceptance);
}

async function begun(
  controller: Controller,
  caller: Caller,
  order: NewRollout,
  { admit }: Acceptance,
): Promise<AcceptedRollout> {
  const { script, args } = order;
  const body = runBody(controller, caller, order);
  const setting = { ...PLAIN_ROLLOUT, ...order.rollout };
  const action = { action: "run", script, args } as const;
  const targets = await authorizedHosts(controller, caller, action, order);
  const total = targets.length;
  const { batches, facts } = await planRollout(controller, caller, setting, targets, total);
  admit?.();
  await tellUnlisted(controller, order, setting, targets);
  const { budget } = await openDialler(controller);
  const head = runFacts(body, targets);
  const rollout = {
    ...facts,
    unregistered: unregisteredIn(targets),
    batches: placesOf(batches, head.hosts),
  };
  const owned = await ownRollout(controller, body.reqid);
  return await orElse(owned.end, async () => {
    const record = await controller.store.runs.begin({ ...head, rollout }, true);
    await mustBeStored(record);
    const mayFail = allowedFailures(setting.max_failures, total);
    const registered = registeredOf(targets);
    return { body, setting, targets, batches, mayFail, registered, budget, owned, record };
  });
}

async function tellUnlisted(
  controller: HostContext,
  { onUnlisted }: NewRollout,
  { check }: RolloutSetting,
  targets: readonly ResolvedTarget[],
): Promise<void> {
  if (check === "" || onUnlisted === undefined) return;
  const unlisted = await unlistedScript(controller, check, targets);
  if (unlisted !== undefined) onUnlisted(unlisted);
}

function unregisteredIn(targets: readonly ResolvedTarget[]): RolloutFacts["unregistered"] {
  const places = targets.flatMap(({ record }, place) => (record === undefined ? place : []));
  return places.length === 0 ? undefined : places;
}

async function resumed(
  controller: Controller,
  caller: Caller,
  order: NewRollout,
  reqid: string,
  { needed, admit }: Acceptance,
): Promise<AcceptedRollout> {
  const { runs } = controller.store;
  const account = openReplies(controller);
  try {
    const rest = await restOfRollout(controller, caller, order, reqid, account);
    const { found, before, body, setting, targets, batches, facts, total } = rest;
    admit?.();
    await tellUnlisted(controller, order, setting, targets);
    const { budget } = await openDialler(controller);
    const owned = await ownRollout(controller, reqid);
    return await orElse(owned.leave, async () => {
      const hand = { by: caller.username, since: isoSeconds(controller.now()) };
      const resumed_by = [...(before.resumed_by ?? []), hand].slice(-MOST_RESUMES);
      const rollout = {
        ...facts,
        unregistered: before.unregistered,
        batches: placesOf(batches, found.report.hosts),
        resumed_by,
      };
      const record = await runs.goOn({ ...recordedFacts(found, caller.token), rollout }, account);
      if (record === undefined) throw nothingLeft(controller, reqid, true);
      await mustBeStored(record);
      await owned.renew();
      controller.log({
        event: "rollout-resume",
        reqid,
        script: order.script,
        user: caller.username,
      });
      const mayFail = allowedFailures(setting.max_failures, total);
      const registered = registeredOf(targets);
      const isResumed = targets.length < total;
      const accepted = { body, setting, targets, batches, mayFail, registered, budget, owned };
      return { ...accepted, record, isResumed };
    });
  } finally {
    if (needed === undefined) account.close();
    else void needed.finally(() => account.close());
  }
}

/** @throws CtrlExecError `bad-request` while another process carries it out */
async function ownRollout(controller: Controller, reqid: string): Promise<OwnedRollout> {
  const owned = await controller.store.rollouts.own(reqid);
  if (owned === undefined) throw nothingLeft(controller, reqid, true);
  return owned;
}

/** @param letGo releases what was not accepted */
async function orElse<Value>(
  letGo: () => Promise<void>,
  work: () => Promise<Value>,
): Promise<Value> {
  try {
    return await work();
  } catch (thrown) {
    await letGo();
    throw thrown;
  }
}

/**
 * Keeps what another process needs to go on with it.
 *
 * @throws CtrlExecError `unrecorded`: then nothing is left of it except a record that says that no host was asked
 */
export async function keepOrder(
  { log }: HostContext,
  caller: Caller,
  accepted: AcceptedRollout,
  keep: "keep" | "keepToOffer" = "keep",
): Promise<void> {
  const { body, owned, record } = accepted;
  try {
    await owned[keep](orderOf(caller, accepted));
  } catch (thrown) {
    log({ event: "run-store-fail", error: messageOf(thrown), reqid: body.reqid });
    await record.leave();
    await owned.end();
    throw notRecorded();
  }
}

async function mustBeStored(record: RunRecord): Promise<void> {
  if (await record.stored) return;
  record.discard();
  throw notRecorded();
}

function notRecorded(): CtrlExecError {
  return new CtrlExecError("unrecorded", "Cannot start the run: its record cannot be written", {
    hint: "Nothing was sent to any host. The log of the control host says what is wrong: ACTION=run-store-fail.",
  });
}
