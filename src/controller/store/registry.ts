/**
 * The registered agents: one JSON file each, `agents/<hostname>.json` (docs/PROTOCOL.md, section 4). 0.8 wrote the
 * name as the host spelled it, so a host's file is found without regard to case, and keeps its name, so that 0.8
 * still finds it after a downgrade.
 */
import { join } from "node:path";
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import { asCtrlExecError, CtrlExecError, systemCode } from "../../core/errors.ts";
import { isHostName, lowerAscii, sameHostName } from "../../core/net/host-name.ts";
import { ensureFolder, listFolder, removeIfPresent, writeWhole } from "../../system/files/files.ts";
import { type HeldLock, takeLock } from "../../system/files/lock.ts";
import { type AgentRecord, readRecord } from "./agent-record.ts";
import { lockPath } from "./lock-path.ts";
import { paths } from "./paths.ts";
import type { Registered } from "./ports/registry.ts";

/** Undefined when nothing is registered under the name. Reads no other record. */
export function findAgent(config: ControllerConfig, hostname: string): Registered | undefined {
  const host = lowerAscii(hostname);
  return readHost(host, recordFiles(config, new Set([host])).get(host) ?? []);
}

/**
 * The paths of each host's record, by lower-case name: several if names differ only in case.
 *
 * @param only these hosts, in lower case; all if it is undefined
 */
export function recordFiles(
  config: ControllerConfig,
  only?: ReadonlySet<string>,
): Map<string, string[]> {
  const folder = paths(config).agents;
  const files = new Map<string, string[]>();
  for (const name of listFolder(folder)) {
    if (!name.endsWith(".json") || name.startsWith(".")) continue;
    const host = lowerAscii(name.slice(0, -".json".length));
    if (only?.has(host) === false) continue;
    const file = `${folder}/${name}`;
    const others = files.get(host);
    if (others === undefined) files.set(host, [file]);
    else others.push(file);
  }
  return files;
}

/** Undefined if the file has gone since the folder was listed. */
export function readHost(host: string, [file, ...more]: readonly string[]): Registered | undefined {
  if (file === undefined) return undefined;
  try {
    if (more.length > 0) {
      const others = more.join(" and ");
      throw new CtrlExecError("config", `Cannot use ${file}: ${others} is for the same host`);
    }
    const record = readRecord(file);
    if (record === undefined) return undefined;
    if (sameHostName(record.hostname, host)) return { kind: "agent", record };
    throw new CtrlExecError("config", `Cannot use ${file}: it is the record of ${record.hostname}`);
  } catch (thrown) {
    const { code, message, cause } = asCtrlExecError(thrown);
    const hint = remedy(host, more.length > 0, systemCode(cause) !== "");
    const problem = new CtrlExecError(code, message, { hint, cause: thrown });
    return { kind: "broken", broken: { hostname: host, problem } };
  }
}

function remedy(host: string, several: boolean, unread: boolean): string {
  if (unread) return "Make sure that this user may read it.";
  if (!isHostName(host)) return "No host can have that name: rename the file or remove it.";
  return several
    ? `Remove the one that is out of date, or pair ${host} again.`
    : `Restore it from a backup, or pair ${host} again.`;
}

/**
 * Writes the record to the host's file, and removes any other file of the host. The caller holds the registry
 * lock.
 */
export function writeAgent(config: ControllerConfig, record: AgentRecord): void {
  ensureFolder(paths(config).agents, 0o750);
  const [file, ...others] = filesOf(config, record.hostname);
  writeRecord(file ?? join(paths(config).agents, `${lowerAscii(record.hostname)}.json`), record);
  for (const other of others) removeIfPresent(other);
}

function writeRecord(file: string, record: AgentRecord): void {
  writeWhole(file, `${JSON.stringify(record, undefined, 2)}\n`, 0o640);
}

/**
 * Changes records under the lock, each as it is at that moment (T30).
 *
 * @param change the new record, or undefined to leave it
 * @param hostnames only these hosts; all if it is undefined
 */
export async function changeAgents(
  config: ControllerConfig,
  change: (record: AgentRecord) => AgentRecord | undefined,
  hostnames?: Iterable<string>,
): Promise<void> {
  using _lock = await lockRegistry(config);
  const only = hostnames === undefined ? undefined : new Set([...hostnames].map(lowerAscii));
  // All changes are computed before one is written: a change that throws changes none.
  const changes = [...recordFiles(config, only)].flatMap(([host, files]) => {
    const found = readHost(host, files);
    const changed = found?.kind === "agent" ? change(found.record) : undefined;
    const [file] = files;
    return changed === undefined || file === undefined ? [] : [{ file, changed }];
  });
  for (const { file, changed } of changes) writeRecord(file, changed);
}

/** The caller holds the registry lock. Returns whether there was a record. */
export function removeAgent(config: ControllerConfig, hostname: string): boolean {
  return filesOf(config, hostname).filter(removeIfPresent).length > 0;
}

/** A host name is checked before it is part of a path (T06). */
function filesOf(config: ControllerConfig, hostname: string): readonly string[] {
  if (!isHostName(hostname)) {
    throw new CtrlExecError("bad-request", `Cannot use "${hostname}": not a host name`);
  }
  const host = lowerAscii(hostname);
  return recordFiles(config, new Set([host])).get(host) ?? [];
}

/** One writer at a time, across processes, for the registry and the pairing queue (T30). */
export async function lockRegistry(config: ControllerConfig): Promise<HeldLock> {
  return await takeLock(lockPath(config, "registry"));
}
