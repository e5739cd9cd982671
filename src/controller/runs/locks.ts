/** One run of a script on a host at a time: a run locks all of its hosts or none, without waiting. */
import { configArgument } from "../../core/config/controller-config.ts";
import { LockedError } from "../../core/errors.ts";
import { isIp } from "../../core/net/ip-address.ts";
import { DEFAULT_AGENT_PORT } from "../../core/net/socket-address.ts";
import { isoSeconds } from "../../core/time.ts";
import { dialProblem } from "../fleet/peer-identity.ts";
import { hostOf, labelsOf, type ResolvedTarget, targetKey } from "../fleet/targets.ts";
import type { HostContext } from "../store/host.ts";
import type {
  HeldRunLock,
  HolderFound,
  RunLockHolder,
  RunLockKey,
  WantedRunLock,
} from "../store/ports/locks.ts";

export interface LockOrder {
  readonly targets: readonly ResolvedTarget[];
  readonly script: string;
  readonly reqid: string;
  readonly username: string;
}

export interface RunLocks {
  /** Called when the host's result has arrived. */
  release(target: ResolvedTarget): void;
  /** Releases what is still held. */
  releaseAll(): void;
}

/** A lock, with the targets that share it and have not answered yet. */
interface Shared {
  readonly wanted: WantedRunLock;
  lock: HeldRunLock | undefined;
  out: readonly ResolvedTarget[];
}

/** @throws LockedError if any pair is held; then nothing is locked */
export async function takeRunLocks(host: HostContext, order: LockOrder): Promise<RunLocks> {
  const { config, log, store } = host;
  const { script } = order;
  // A host that is not dialled runs nothing.
  const targets = order.targets.filter((target) => dialProblem(target, config) === undefined);
  const shared = new Map<string, Shared>();
  for (const target of targets) {
    const key = lockKey(target, script);
    const wanted = { key, holder: holderOf(host, order, target) };
    const out = [...(shared.get(nameOf(key))?.out ?? []), target];
    shared.set(nameOf(key), { wanted, lock: undefined, out });
  }
  const taken = await store.locks.take([...shared.values()].map(({ wanted }) => wanted));
  if (taken.kind === "conflict") {
    const conflicts = taken.conflicts.flatMap((key) =>
      (shared.get(nameOf(key))?.out ?? []).map(({ label }) => `${label}:${script}`),
    );
    log({ event: "lock-conflict", conflicts });
    const option = configArgument(config.file);
    const waysAround = taken.runs.map(
      (run) =>
        `Run ${run} is in the way. To wait for it: ctrl-exec wait ${run}${option}; to end it: ctrl-exec cancel ${run}${option}`,
    );
    throw new LockedError(conflicts, `ctrl-exec list-locks${option}`, taken.runs, waysAround);
  }
  [...shared.values()].forEach((each, at) => {
    each.lock = taken.held[at];
  });
  for (const { label } of targets) log({ event: "lock-acquire", host: label, script });
  const release = (target: ResolvedTarget) => {
    const held = shared.get(nameOf(lockKey(target, script)));
    if (held === undefined) return;
    held.out = held.out.filter((other) => targetKey(other) !== targetKey(target));
    if (held.lock === undefined || held.out.length > 0) return;
    void held.lock.release();
    held.lock = undefined;
    log({ event: "lock-release", hosts: [target.label], script });
  };
  return { release, releaseAll: () => targets.forEach(release) };
}

/**
 * A name has one lock, however it was typed. At an address where no host is registered, each port may lead to another
 * host (NAT, port forwarding), and has its own lock.
 */
function lockKey(target: ResolvedTarget, script: string): RunLockKey {
  const { name, port, record } = target;
  const isOneOfMany = record === undefined && isIp(name) && port !== DEFAULT_AGENT_PORT;
  return { host: hostOf(target), port: isOneOfMany ? port : undefined, script };
}

/** Unique for each key of a script, since a host has no space. */
function nameOf({ host, port }: RunLockKey): string {
  return `${host} ${port ?? ""}`;
}

function holderOf(
  { now }: HostContext,
  { script, reqid, username }: LockOrder,
  { name, port }: ResolvedTarget,
): RunLockHolder {
  const since = isoSeconds(now());
  return { host: name, port, script, pid: process.pid, user: username, since, reqid };
}

/** Who holds which lock; hosts as typed, with the port if two would look the same. */
export async function listRunLocks({ store }: HostContext): Promise<Omit<HolderFound, "port">[]> {
  const holders = await store.locks.holders();
  const labels = labelsOf(holders.map(({ host, port }) => ({ name: host, port })));
  return holders.map(({ port: _, ...holder }, position) => {
    return { ...holder, host: labels[position] ?? holder.host };
  });
}
