/** Hands a rollout of the command line over to ctrl-exec-api, which carries it out. */
import { CtrlExecError } from "../../core/errors.ts";
import type { Caller } from "../access/authorize.ts";
import type { Controller } from "../control-host.ts";
import type { HostContext } from "../store/host.ts";
import {
  type AcceptedRollout,
  acceptRollout,
  keepOrder,
  type NewRollout,
} from "./accept-rollout.ts";

export interface HandedOver<Signal> {
  readonly reqid: string;
  /** What ended the wait. */
  readonly signal: Signal | undefined;
  /** Otherwise it was taken back, and has ended. */
  readonly isTaken: boolean;
}

/**
 * Resolves when ctrl-exec-api has taken it: the hook has agreed, and its record can be read. Or when a signal has
 * come before that.
 *
 * @param signalDuring resolves with the signal that comes during the work, or with undefined if none does
 * @throws CtrlExecError as startRollout(), and `unreachable` if nobody takes it: then nothing is left of it except a
 * record that says so
 */
export async function handOver<Signal>(
  controller: Controller,
  caller: Caller,
  order: NewRollout,
  signalDuring: (work: Promise<unknown>) => Promise<Signal | undefined> = async () => undefined,
): Promise<HandedOver<Signal>> {
  const { rollouts } = controller.store;
  if (!(await rollouts.isTaker())) throw notTaken(controller);
  const accepted = await acceptRollout(controller, caller, order);
  const { reqid } = accepted.body;
  // A signal is heeded before there is anything to take back.
  const { promise: isOffered, resolve: onOffer } = Promise.withResolvers<void>();
  const offering = Promise.resolve().then(() => offer(controller, caller, accepted, onOffer));
  const signal = await signalDuring(offering);
  // While it is this process's own, it looks as if somebody had taken it.
  if (signal !== undefined) await Promise.race([isOffered, offering.catch(() => undefined)]);
  if (signal !== undefined && (await takeBack(controller, reqid))) {
    offering.catch(() => undefined);
    return { reqid, signal, isTaken: false };
  }
  try {
    await offering;
  } catch (thrown) {
    // If somebody has it all the same, it goes on.
    if (await takeBack(controller, reqid)) throw thrown;
  }
  return { reqid, signal, isTaken: true };
}

async function offer(
  controller: HostContext,
  caller: Caller,
  accepted: AcceptedRollout,
  onOffer: () => void,
): Promise<void> {
  const { body, owned, record } = accepted;
  await keepOrder(controller, caller, accepted, "keepToOffer");
  await record.leave();
  await owned.leave();
  onOffer();
  await controller.store.rollouts.offer(body.reqid, caller.token);
}

/** Resolves with whether it has ended: nobody has taken it. */
async function takeBack({ store }: HostContext, reqid: string): Promise<boolean> {
  const again = await store.rollouts.own(reqid);
  await again?.end();
  return again !== undefined;
}

function notTaken({ config }: HostContext): CtrlExecError {
  return new CtrlExecError("unreachable", "Cannot detach a rollout: ctrl-exec-api is not running", {
    hint: `It carries out detached rollouts, with the state_dir of ${config.file}. Start it, or leave out --detach.`,
  });
}
