/**
 * Who can write the files that say what this agent does, could say it in their administrator's place:
 * told by self-check and in the log, since a running fleet must not end over it.
 */
import { statSync } from "node:fs";
import { dirname } from "node:path";
import type { AgentConfig } from "../core/agent-config.ts";
import type { ConfigWarning } from "../core/config-file.ts";
import { judgePath, ownRule } from "../system/trusted-path.ts";

export interface FileFault {
  /** The key of agent.conf that names the file, or the file's own usual name. */
  readonly key: string;
  readonly path: string;
  readonly problem: string;
  readonly remedy: string;
}

/** None is there when root alone, and the agent's own user, can write them. */
export function openFiles(config: AgentConfig, allowlistPath: string): FileFault[] {
  const own = { "agent.conf": config.file, "scripts.conf": allowlistPath };
  const { ca, dispatcher_serial_path, revoked_serials } = config;
  const written = { ca, dispatcher_serial_path, revoked_serials };
  return [
    ...Object.entries(own).flatMap(([key, path]) => judgeOwn(key, path, config.file)),
    ...Object.entries(written).flatMap(([key, path]) => judgeMode(key, path)),
  ];
}

export function warningsOf(faults: readonly FileFault[]): ConfigWarning[] {
  return faults.map(({ key, problem, remedy }) => ({ key, message: `${problem}; ${remedy}` }));
}

/** The folder of agent.conf is open to the service's group by design (docs/SECURITY.md). */
function judgeOwn(key: string, path: string, configFile: string): FileFault[] {
  const judged = judgePath(path, ownRule(dirname(configFile)));
  if (judged.kind !== "refused") return [];
  return [{ key, path, problem: judged.problem, remedy: judged.remedy }];
}

const GROUP_OR_OTHERS_WRITE = 0o022;

/** Pairing writes them as root, the service later as itself: their owner may be either. */
function judgeMode(key: string, path: string): FileFault[] {
  const mode = modeOf(path) & 0o7777;
  if ((mode & GROUP_OR_OTHERS_WRITE) === 0) return [];
  const problem = `${path} can be written by others (mode ${mode.toString(8).padStart(4, "0")})`;
  return [{ key, path, problem, remedy: `chmod go-w ${path}` }];
}

/** What cannot be looked at is told where it is read. */
function modeOf(path: string): number {
  try {
    return statSync(path).mode;
  } catch {
    return 0;
  }
}
