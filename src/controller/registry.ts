/** The registered agents: one JSON file each, `agents/<hostname>.json` (PROTOCOL section 4). */
import { join } from "node:path";
import * as z from "zod/mini";
import type { ControllerConfig } from "../core/controller-config.ts";
import { CtrlExecError, messageOf } from "../core/errors.ts";
import { isHostName, sameHostName } from "../core/host-name.ts";
import { SERIAL_STATUSES } from "../core/rotation.ts";
import {
  ensureFolder,
  listFolder,
  readTextIfPresent,
  removeIfPresent,
  writeWhole,
} from "../system/files.ts";
import { type HeldLock, takeLock } from "../system/lock.ts";
import { paths } from "./controller.ts";

const text = z.pipe(
  z.nullish(z.string()),
  z.transform((value) => value ?? ""),
);

const agentRecord = z.looseObject({
  hostname: z.string().check(z.refine(isHostName, { error: "expected a host name" })),
  ip: text,
  /** ISO 8601. */
  paired: text,
  /** OpenSSL's text form. */
  expiry: text,
  reqid: text,
  dispatcher_serial: text,
  serial_status: z.catch(z.enum(SERIAL_STATUSES), "unknown"),
  serial_broadcast: text,
  serial_confirmed: text,
  /** New: the agent's own certificate serial, lower hex. */
  serial: text,
  /** New: when its present certificate was made, ISO 8601; empty when that was at pairing. */
  renewed: text,
  /** New: the port it serves on. */
  port: z.optional(z.int().check(z.gte(1), z.lte(65_535))),
  /** New: how it is dialled. */
  lookup_by: z.optional(z.enum(["hostname", "ip"])),
});
export type AgentRecord = z.output<typeof agentRecord>;

/** A record that cannot be used, named so that someone can mend it; it never hides the others. */
export interface BrokenRecord {
  readonly file: string;
  readonly problem: string;
}

export interface Registry {
  /** By lower-case host name. */
  readonly agents: ReadonlyMap<string, AgentRecord>;
  readonly broken: readonly BrokenRecord[];
}

export function readRegistry(config: ControllerConfig): Registry {
  const folder = paths(config).agents;
  const agents = new Map<string, AgentRecord>();
  const broken: BrokenRecord[] = [];
  for (const name of listRecords(folder)) {
    const file = join(folder, name);
    try {
      const record = readRecord(file);
      if (record !== undefined) agents.set(record.hostname.toLowerCase(), record);
    } catch (thrown) {
      broken.push({ file, problem: messageOf(thrown) });
    }
  }
  return { agents, broken };
}

/** Finds the record of a registered host; undefined when there is none. */
export type FindAgent = (hostname: string) => AgentRecord | undefined;

/**
 * Reads no record but those it is asked for: one host of thousands costs what one of ten does. It
 * throws CtrlExecError `config` for a record that cannot be used: its host must not pass as one that
 * is not registered, whose name nobody checks (T05).
 */
export function agentFinder(config: ControllerConfig): FindAgent {
  const folder = paths(config).agents;
  const files = new Map(
    listRecords(folder).map((name) => [name.slice(0, -".json".length).toLowerCase(), name]),
  );
  return (hostname) => {
    const name = files.get(hostname.toLowerCase());
    if (name === undefined) return undefined;
    const file = join(folder, name);
    const record = readRecord(file);
    if (record === undefined || sameHostName(record.hostname, hostname)) return record;
    throw new CtrlExecError("config", `Cannot use ${file}: it is the record of ${record.hostname}`);
  };
}

/** For who has read all of it. */
export function finderOf({ agents }: Registry): FindAgent {
  return (hostname) => agents.get(hostname.toLowerCase());
}

function listRecords(folder: string): string[] {
  return listFolder(folder).filter((name) => name.endsWith(".json") && !name.startsWith("."));
}

/** Undefined when the file has gone. @throws CtrlExecError `config` when it cannot be used */
function readRecord(file: string): AgentRecord | undefined {
  const content = readTextIfPresent(file);
  if (content === undefined) return undefined;
  const parsed = agentRecord.safeParse(parseJson(content, file));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new CtrlExecError(
    "config",
    `Cannot use ${file}: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? "wrong shape"}`,
  );
}

function parseJson(content: string, file: string): unknown {
  try {
    return JSON.parse(content);
  } catch (cause) {
    throw new CtrlExecError("config", `Cannot use ${file}: not JSON`, { cause });
  }
}

export function findAgent(config: ControllerConfig, hostname: string): AgentRecord | undefined {
  return isHostName(hostname) ? readRecord(recordFile(config, hostname)) : undefined;
}

/** The caller holds the registry lock. */
export function writeAgent(config: ControllerConfig, record: AgentRecord): void {
  ensureFolder(paths(config).agents, 0o750);
  writeWhole(
    recordFile(config, record.hostname),
    `${JSON.stringify(record, undefined, 2)}\n`,
    0o640,
  );
}

/**
 * Changes records under the lock, each as it stands at that moment (T30).
 * @param change the new record, or undefined to leave it
 */
export async function changeAgents(
  config: ControllerConfig,
  change: (record: AgentRecord) => AgentRecord | undefined,
): Promise<void> {
  const lock = await lockRegistry(config);
  try {
    for (const record of readRegistry(config).agents.values()) {
      const changed = change(record);
      if (changed !== undefined) writeAgent(config, changed);
    }
  } finally {
    lock.release();
  }
}

/** The caller holds the registry lock. Returns whether there was such a record. */
export function removeAgent(config: ControllerConfig, hostname: string): boolean {
  return removeIfPresent(recordFile(config, hostname));
}

/** A host name is checked before it is part of a path (T06); records are stored in lower case. */
function recordFile(config: ControllerConfig, hostname: string): string {
  if (!isHostName(hostname)) {
    throw new CtrlExecError("bad-request", `Cannot use "${hostname}": not a host name`);
  }
  return join(paths(config).agents, `${hostname.toLowerCase()}.json`);
}

/** One writer at a time, across processes, for the registry and the pairing queue (T30). */
export async function lockRegistry(config: ControllerConfig): Promise<HeldLock> {
  const { locks } = paths(config);
  ensureFolder(locks, 0o750);
  return await takeLock(join(locks, ".registry"));
}
