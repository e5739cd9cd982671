/** The locks of a batch: a host where the script is already running is left out, and the others are locked. */
import { LockedError } from "../../core/errors.ts";
import { runsAs } from "../../core/refusal-steps.ts";
import type { ResolvedTarget } from "../fleet/targets.ts";
import type { HostContext } from "../store/host.ts";
import { type LockOrder, type RunLocks, takeRunLocks } from "./locks.ts";

export interface BatchLocks {
  readonly locks: RunLocks;
  /** Those whose locks are held. */
  readonly free: readonly ResolvedTarget[];
  /** Why the others are not asked. */
  readonly taken: ReadonlyMap<ResolvedTarget, string>;
}

/** @throws CtrlExecError `busy` if this process cannot hold that many */
export async function takeBatchLocks(host: HostContext, order: LockOrder): Promise<BatchLocks> {
  const taken = new Map<ResolvedTarget, string>();
  for (;;) {
    const free = order.targets.filter((target) => !taken.has(target));
    try {
      return { locks: await takeRunLocks(host, { ...order, targets: free }), free, taken };
    } catch (thrown) {
      if (!(thrown instanceof LockedError)) throw thrown;
      const { conflicts, runs, message } = thrown;
      const held = new Set(conflicts);
      const these = free.filter(({ label }) => held.has(`${label}:${order.script}`));
      if (these.length === 0) throw thrown;
      const [other, ...others] = runs;
      const why = other !== undefined && others.length === 0 ? runsAs(other) : message;
      for (const target of these) taken.set(target, why);
    }
  }
}
