/** `rotate-cert`: a rotation at somebody's request. */
import { CtrlExecError } from "../../core/errors.ts";
import type { Controller } from "../control-host.ts";
import type { HostProblem } from "../fleet/fan-out.ts";
import { broadcastSerial } from "./broadcast.ts";
import { type Rotated, rotate } from "./rotation.ts";

export interface RotationReport extends Rotated {
  readonly confirmed: readonly string[];
  readonly pending: readonly HostProblem[];
  /** Records of agents that could not be told, and a rotation.json that this one has replaced. */
  readonly problems: readonly CtrlExecError[];
}

/**
 * `rotate-cert`: rotates now and tells the agents.
 *
 * @param force goes on when other hosts' clocks disagree with this one's
 * @throws CtrlExecError when nothing was rotated
 */
export async function rotateNow(controller: Controller, force = false): Promise<RotationReport> {
  const { store } = controller;
  return await store.upkeep(async () => {
    const replaced = (await store.rotation.problems()).map(
      ({ code, message }) => new CtrlExecError(code, message, { hint: "It is written again." }),
    );
    const rotated = await rotate(controller, force);
    const { confirmed, pending } = await broadcastSerial(controller);
    const broken = (await store.registry.read()).broken.map(({ problem }) => problem);
    return { ...rotated, confirmed, pending, problems: [...replaced, ...broken] };
  });
}
