/**
 * Checks the agent's files. Anyone who can write the files that say what this agent does could decide in the
 * administrator's place; and the agent must be able to replace its own two files.
 *
 * A file that belongs to another user, or that everyone can write, is refused. Files that the group can write, and
 * all other faults here, are only reported by self-check and the log: 0.8 let the service's group write in the folder
 * of agent.conf, and that must not stop a running fleet.
 */
import { accessSync, constants, statSync } from "node:fs";
import { dirname } from "node:path";
import type { AgentConfig } from "../../core/config/agent-config.ts";
import type { ConfigWarning } from "../../core/config/config-file.ts";
import { fileToReplace } from "../../system/files/linked-file.ts";
import { describeWriters, judgePath } from "../../system/files/trusted-path.ts";

export interface FileFault {
  /** The key of agent.conf that names the file, or the file's own usual name. */
  readonly key: string;
  readonly path: string;
  readonly problem: string;
  readonly remedy: string;
}

/** It sets up folders, links, owners and modes as docs/SECURITY.md says. */
const INSTALL = "run install.sh --agent again";

/**
 * Empty if only root and the agent's user can write, and they can write what they must.
 *
 * @param onlooker whether the caller is neither of them: see onlooker.ts
 */
export function fileFaults(
  config: AgentConfig,
  allowlistPath: string,
  onlooker = false,
): FileFault[] {
  const { ca, cert, key, dispatcher_serial_path, revoked_serials } = config;
  const folder = dirname(config.file);
  const openFolder = judgeFolder(folder);
  const own = [judgeOwn("agent.conf", config.file), judgeOwn("scripts.conf", allowlistPath)].flat();
  // A fault of their folder affects both: report it once.
  const elsewhere = own.filter(({ problem }) => problem !== openFolder[0]?.problem);
  const written = Object.entries({ key, ca, dispatcher_serial_path, revoked_serials });
  const replaced = Object.entries({ cert, dispatcher_serial_path });
  return [
    ...openFolder,
    ...elsewhere,
    ...written.flatMap(([key, path]) => judgeMode(key, path)),
    ...replaced.flatMap(([key, path]) => judgePlace(key, path, folder, onlooker)),
  ];
}

export function warningsOf(faults: readonly FileFault[]): ConfigWarning[] {
  return faults.map(({ key, problem, remedy }) => ({ key, message: `${problem}; ${remedy}` }));
}

/** A remedy that only closes it by hand would also keep the agent from replacing its certificate. */
function judgeFolder(folder: string): FileFault[] {
  const [fault] = judgeOwn("agent.conf", folder);
  if (fault === undefined) return [];
  const [open] = judgeMode("agent.conf", folder);
  return [open?.problem === fault.problem ? { ...fault, remedy: INSTALL } : fault];
}

function judgeOwn(key: string, path: string): FileFault[] {
  const judged = judgePath(path);
  if (judged.kind !== "refused") return [];
  return [{ key, path, problem: judged.problem, remedy: judged.remedy }];
}

const GROUP_OR_OTHERS_WRITE = 0o022;

/** Pairing writes them as root, and later the service does: the owner may be either. */
function judgeMode(key: string, path: string): FileFault[] {
  const mode = modeOf(path) & 0o7777;
  if ((mode & GROUP_OR_OTHERS_WRITE) === 0) return [];
  const octal = mode.toString(8).padStart(4, "0");
  const problem = `${path} can be written by ${describeWriters(mode)} (mode ${octal})`;
  return [{ key, path, problem, remedy: `chmod go-w ${path}` }];
}

/** A file that cannot be inspected is reported where it is read. */
function modeOf(path: string): number {
  try {
    return statSync(path).mode;
  } catch {
    return 0;
  }
}

/** Renewal and rotation replace the file by a rename, so what matters is the folder. */
function judgePlace(
  key: string,
  path: string,
  configFolder: string,
  onlooker: boolean,
): FileFault[] {
  const folder = dirname(fileToReplace(path));
  if (agentWritesIn(folder, configFolder, onlooker)) return [];
  const problem = `the agent's user cannot replace ${path}: it may not write in ${folder}`;
  return [{ key, path, problem, remedy: INSTALL }];
}

const GROUP_WRITES_AND_ENTERS = 0o030;

function agentWritesIn(folder: string, configFolder: string, onlooker: boolean): boolean {
  try {
    if (!onlooker) accessSync(folder, constants.W_OK | constants.X_OK);
    // Root always may, and what an onlooker may does not matter; the agent itself is in the group that the
    // folder of agent.conf belongs to.
    const service = statSync(configFolder).gid;
    if ((process.geteuid?.() !== 0 && !onlooker) || service === 0) return true;
    const { gid, mode } = statSync(folder);
    return gid === service && (mode & GROUP_WRITES_AND_ENTERS) === GROUP_WRITES_AND_ENTERS;
  } catch {
    return onlooker;
  }
}
