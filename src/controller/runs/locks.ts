/**
 * One run of a script on a host at a time: an flock on each host:script pair, all of them or none,
 * never waited for. The kernel releases them when the process dies (docs/PROTOCOL.md, section 4).
 */
import { join } from "node:path";
import * as z from "zod/mini";
import { CtrlExecError, LockedError } from "../../core/errors.ts";
import { readJsonAs } from "../../core/json.ts";
import { isIp } from "../../core/net/ip-address.ts";
import { addDays, isoSeconds } from "../../core/time.ts";
import { ensureFolder, listFiles, readTextIfPresent } from "../../system/files/files.ts";
import { type HeldLock, isHeld, removeUnusedLock, tryLock } from "../../system/files/lock.ts";
import { descriptorLimit, workDescriptors } from "../../system/process/descriptors.ts";
import { dialProblem } from "../fleet/peer-identity.ts";
import {
  DEFAULT_AGENT_PORT,
  hostOf,
  labelsOf,
  type ResolvedTarget,
  targetKey,
} from "../fleet/targets.ts";
import type { HostContext } from "../store/host.ts";
import { lockFileName } from "../store/lock-file-name.ts";
import { paths } from "../store/paths.ts";

export interface LockOrder {
  readonly targets: readonly ResolvedTarget[];
  readonly script: string;
  readonly reqid: string;
  readonly username: string;
}

export interface RunLocks {
  /** The host's result is in. */
  release(target: ResolvedTarget): void;
  /** Releases what is still held. */
  releaseAll(): void;
}

/** @throws LockedError when any pair is held; nothing is locked then */
export function takeRunLocks(controller: HostContext, order: LockOrder): RunLocks {
  const { config, log } = controller;
  const { script } = order;
  // A host that is not dialled runs nothing.
  const targets = order.targets.filter(
    (target) => dialProblem(target, config.verify_agent_identity) === undefined,
  );
  ensureFolder(paths(config).locks, 0o750);
  const files = Map.groupBy(targets, (target) => lockFile(target, script));
  takeDescriptors(files.size);
  const held = new Map<string, HeldLock>();
  const conflicts: string[] = [];
  const giveUp = () => {
    for (const lock of held.values()) lock.release();
    workDescriptors().giveBack(files.size);
  };
  try {
    for (const [file, sharing] of files) {
      const lock = tryLock(join(paths(config).locks, file));
      if (lock === undefined) conflicts.push(...sharing.map(({ label }) => `${label}:${script}`));
      else held.set(file, lock);
    }
  } catch (thrown) {
    giveUp();
    throw thrown;
  }
  if (conflicts.length > 0) {
    giveUp();
    log({ event: "lock-conflict", conflicts });
    throw new LockedError(conflicts);
  }
  for (const target of targets) {
    held.get(lockFile(target, script))?.describe(`${holderText(controller, order, target)}\n`);
    log({ event: "lock-acquire", host: target.label, script });
  }
  const release = (target: ResolvedTarget) => {
    const file = lockFile(target, script);
    const lock = held.get(file);
    const done = targetKey(target);
    const stillOut = files.get(file)?.filter((other) => targetKey(other) !== done) ?? [];
    files.set(file, stillOut);
    if (lock === undefined || stillOut.length > 0) return;
    held.delete(file);
    lock.release();
    workDescriptors().giveBack(1);
    log({ event: "lock-release", hosts: [target.label], script });
  };
  return { release, releaseAll: () => targets.forEach(release) };
}

/** A run that holds its locks needs some more to call its hosts. */
const MIN_CONNECTIONS = 4;

/**
 * Each lock is an open file: a run that asks for more than there are is refused before it holds any.
 *
 * @throws CtrlExecError `busy`
 */
function takeDescriptors(count: number): void {
  const descriptors = workDescriptors();
  if (descriptors.hasFree(count + MIN_CONNECTIONS) && descriptors.take(count)) return;
  throw new CtrlExecError(
    "busy",
    `Cannot lock ${count} hosts at once: this process may open ${descriptorLimit()} files (ulimit -n), and ${descriptors.free} of them are left for it`,
    {
      hint: "Raise the limit (ulimit -n, or LimitNOFILE= of the service), or name fewer hosts at once.",
    },
  );
}

/**
 * A name has one lock, however it was typed. At an address where nobody is registered each port may lead to
 * another host (NAT, port forwarding), and has its own.
 */
function lockFile(target: ResolvedTarget, script: string): string {
  const { name, port, record } = target;
  const isOneOfMany = record === undefined && isIp(name) && port !== DEFAULT_AGENT_PORT;
  return lockFileName(hostOf(target), script, isOneOfMany ? port : undefined);
}

function holderText(
  { now }: HostContext,
  { script, reqid, username }: LockOrder,
  { name, port }: ResolvedTarget,
): string {
  const since = isoSeconds(now());
  const { pid } = process;
  return JSON.stringify({ host: name, port, script, pid, user: username, since, reqid });
}

const lockHolder = z.object({
  host: z.string(),
  /** Not in the locks of earlier versions. */
  port: z.optional(z.number()),
  script: z.string(),
  pid: z.int(),
  user: z.string(),
  /** ISO 8601. */
  since: z.string(),
  reqid: z.string(),
});
type LockHolder = Omit<z.output<typeof lockHolder>, "port">;

/** Each host and script leaves a file: those that nobody has used for a day go. Returns how many. */
export function dropUnusedLocks({ config, now }: HostContext): number {
  const folder = paths(config).locks;
  const before = addDays(now(), -1);
  return listFiles(folder).filter(
    (name) => name.endsWith(".lock") && removeUnusedLock(join(folder, name), before),
  ).length;
}

/** Who holds what; a host as it was typed, with its port where two would read the same. */
export function listRunLocks({ config }: HostContext): LockHolder[] {
  const folder = paths(config).locks;
  const holders = listFiles(folder).flatMap((name) => {
    const file = join(folder, name);
    // A free lock's file is empty, unless its holder was killed.
    if (!name.endsWith(".lock") || (readTextIfPresent(file) ?? "") === "") return [];
    if (!isHeld(file)) return [];
    return readJsonAs(lockHolder, readTextIfPresent(file) ?? "") ?? [];
  });
  const labels = labelsOf(holders.map(({ host, port }) => ({ name: host, port })));
  return holders.map(({ port: _, ...holder }, position) => {
    return { ...holder, host: labels[position] ?? holder.host };
  });
}
