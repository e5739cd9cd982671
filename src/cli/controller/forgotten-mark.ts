/**
 * A hint about a forgotten `--`: `run web-01 deploy extra` asks the hosts web-01 and deploy for the script
 * extra. It is shown only after a failure and changes nothing; records are used for it only after the hook has
 * agreed (T67).
 */
import type { Controller } from "../../controller/control-host.ts";
import { parseTarget } from "../../core/net/host-name.ts";
import type { RunResult } from "../../core/run-result.ts";
import { isScriptName } from "../../core/script-name.ts";
import { shellWord } from "../../core/shell-word.ts";
import { forOneLine } from "../../core/text.ts";
import { NOT_PERMITTED } from "../../core/wire/messages/refusal.ts";

/** The words of a `run` without `--`, as parsed. */
export interface RunWords {
  readonly hosts: readonly string[];
  readonly script: string;
}

export interface Known {
  isHost(name: string): Promise<boolean>;
  /** Whether the script has run on one of the hosts. */
  hasRun(script: string, hosts: readonly string[]): Promise<boolean>;
}

/** A slip in a port: a host, and after the last colon digits, or something as short as a port. */
function isPortSlip(word: string): boolean {
  const [, host, port] = /^(.*):(\d*|\w{1,5})$/.exec(word) ?? [];
  if (host === undefined || port === undefined) return false;
  return /^\d*$/.test(port) || parseTarget(host) !== undefined;
}

/** For words that were refused before any host was asked: one of them cannot be a host. */
export function hintOnWords(words: RunWords): string | undefined {
  const { hosts } = words;
  const bad = hosts.findIndex((word) => parseTarget(word) === undefined);
  if (isPortSlip(hosts[bad] ?? "")) return undefined;
  return hintAt(words, isScriptName(hosts[bad] ?? "") ? bad : bad - 1);
}

/** For a run that has ended. @param results of each host, in order */
export async function hintOnResults(
  words: RunWords,
  results: readonly RunResult[],
  known: Known,
): Promise<string | undefined> {
  const { hosts } = words;
  const at = await firstStranger(hosts, results, known);
  const meant = hosts[at];
  if (meant === undefined) return undefined;
  const isRefused = results.slice(0, at).some(({ error }) => error === NOT_PERMITTED);
  const isMeant = isRefused || (await known.hasRun(meant, hosts.slice(0, at)));
  return isMeant ? hintAt(words, at) : undefined;
}

/**
 * The index of the first word that never ran, could be a script, and is not a registered host; -1 if there is
 * none.
 */
async function firstStranger(
  hosts: readonly string[],
  results: readonly RunResult[],
  known: Known,
): Promise<number> {
  for (const [index, word] of hosts.entries()) {
    const neverRan = index > 0 && results[index]?.state === "never-ran";
    if (neverRan && isScriptName(word) && !(await known.isHost(word))) return index;
  }
  return -1;
}

/** What this control host has recorded. */
export function recorded({ store }: Controller): Known {
  return {
    isHost: async (name) => (await store.registry.find(name)) !== undefined,
    hasRun: async (script, hosts) => (await store.runs.scriptsSeen(hosts)).includes(script),
  };
}

/** @param at the word among the hosts that may be the script; it needs a host before it */
function hintAt({ hosts, script }: RunWords, at: number): string | undefined {
  const meant = hosts[at];
  if (at < 1 || meant === undefined || !isScriptName(meant)) return undefined;
  const words = [
    "ctrl-exec",
    "run",
    ...hosts.slice(0, at + 1),
    "--",
    ...hosts.slice(at + 1),
    script,
  ];
  const line = words.map(shellWord).join(" ");
  // If a screen cannot show the line exactly, it would be a different command.
  const next = forOneLine(line) === line ? line : "see ctrl-exec run --help";
  return `${meant} was read as a host. If it is the script, its arguments go after --: ${next}`;
}
