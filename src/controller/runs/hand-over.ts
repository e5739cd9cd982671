/** Hands a rollout of the command line over to ctrl-exec-api, which carries it out. */
import { CtrlExecError } from "../../core/errors.ts";
import type { Caller } from "../access/authorize.ts";
import type { Controller } from "../control-host.ts";
import { acceptRollout, keepOrder, type NewRollout } from "./accept-rollout.ts";

/**
 * Resolves with its id when ctrl-exec-api has taken it: the hook has agreed, and its record can be read.
 *
 * @throws CtrlExecError as startRollout(), and `unreachable` if nobody takes it: then nothing of it is left but a
 * record that says so
 */
export async function handOver(
  controller: Controller,
  caller: Caller,
  order: NewRollout,
): Promise<string> {
  const { rollouts } = controller.store;
  if (!(await rollouts.isTaker())) throw notTaken(controller);
  const accepted = await acceptRollout(controller, caller, order);
  const { body, owned, record } = accepted;
  const { reqid } = body;
  await keepOrder(controller, caller, accepted);
  await record.leave();
  await owned.leave();
  try {
    await rollouts.offer(reqid, caller.token);
  } catch (thrown) {
    // If somebody has it all the same, it goes on.
    const again = await rollouts.own(reqid);
    if (again === undefined) return reqid;
    await again.end();
    throw thrown;
  }
  return reqid;
}

function notTaken({ config }: Controller): CtrlExecError {
  return new CtrlExecError("unreachable", "Cannot detach a rollout: ctrl-exec-api is not running", {
    hint: `It carries out what is detached, with the state_dir of ${config.file}. Start it, or leave --detach out.`,
  });
}
