/** scripts.conf: the names a controller may run, and the file each stands for. */
import type { ConfigWarning } from "./config-file.ts";

export const DEFAULT_ALLOWLIST_NAME = "scripts.conf";

export interface AllowedScript {
  readonly name: string;
  /** Absolute. */
  readonly path: string;
}

export interface Allowlist {
  readonly scripts: ReadonlyMap<string, AllowedScript>;
  readonly warnings: readonly ConfigWarning[];
}

const SCRIPT_NAME = /^[A-Za-z0-9_-]{1,128}$/;

export function isScriptName(name: string): boolean {
  return SCRIPT_NAME.test(name);
}

/** A bad line is skipped with a warning: one slip must not close the other scripts (PROTOCOL 4). */
export function parseAllowlist(text: string): Allowlist {
  const scripts = new Map<string, AllowedScript>();
  const warnings: ConfigWarning[] = [];
  for (const [index, rawLine] of text
    .replace(/^\ufeff/, "")
    .split(/\r?\n/)
    .entries()) {
    const line = rawLine.trim();
    if (line === "" || line.startsWith("#")) continue;
    const problem = addScript(scripts, line);
    if (problem !== undefined) {
      warnings.push({ key: line.slice(0, 60), message: `line ${index + 1} skipped: ${problem}` });
    }
  }
  return { scripts, warnings };
}

/** Returns what is wrong with the line, if anything is. */
function addScript(scripts: Map<string, AllowedScript>, line: string): string | undefined {
  const equals = line.indexOf("=");
  if (equals < 0) return `expected "name = /absolute/path"`;
  const name = line.slice(0, equals).trim();
  const path = line.slice(equals + 1).trim();
  if (!isScriptName(name)) return "a name holds letters, digits, _ and - only";
  if (!path.startsWith("/") || path.includes("\0")) return "expected an absolute path";
  if (scripts.has(name)) return `${name} is already listed above`;
  scripts.set(name, { name, path });
  return undefined;
}
