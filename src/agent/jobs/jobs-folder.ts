/** Where an agent keeps its jobs: a folder in its state that nobody else can read or write (T71). */
import { lstatSync, mkdirSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import type { AgentConfig } from "../../core/config/agent-config.ts";
import { systemCode } from "../../core/errors.ts";
import { fileToReplace } from "../../system/files/linked-file.ts";

/**
 * The service may write in the folder to which the link to its certificate leads; without a link, that is the folder
 * of agent.conf.
 */
export function jobsFolderOf({ cert }: Pick<AgentConfig, "cert">): string {
  return join(dirname(fileToReplace(cert)), "jobs");
}

const REMEDY = "; chmod 700 makes it this agent's alone";

/** Creates it if it is missing. @throws an error that says what is wrong with it */
export function openJobsFolder(path: string): void {
  try {
    mkdirSync(path, 0o700);
  } catch (thrown) {
    if (systemCode(thrown) !== "EEXIST") throw thrown;
  }
  const facts = lstatSync(path);
  if (!facts.isDirectory()) throw new Error("it is not a folder");
  if (facts.uid !== process.geteuid?.()) throw new Error("it belongs to another user");
  if ((facts.mode & 0o077) !== 0) throw new Error(`others may open it${REMEDY}`);
  if ((facts.mode & 0o700) !== 0o700) throw new Error(`its owner may not write in it${REMEDY}`);
}

/** The names of the jobs in it; none if it cannot be used. */
export function jobNamesIn(path: string): string[] {
  try {
    return readdirSync(path).filter((name) => /^[0-9a-f]{32}$/.test(name));
  } catch {
    return [];
  }
}

export function newJobName(): string {
  return crypto.getRandomValues(new Uint8Array(16)).toHex();
}
