/**
 * Which hosts do not list a script in scripts.conf, as far as they have reported: a slip in its name is then noticed
 * before anything runs. It decides nothing, because it may have been listed since.
 */
import type { UnlistedScript } from "../../core/dry-run.ts";
import { isReservedScript } from "../../core/reserved-script.ts";
import { nearestMatch } from "../../core/text.ts";
import { isoSeconds } from "../../core/time.ts";
import { hostOf, ownPort, type ResolvedTarget } from "../fleet/targets.ts";
import type { HostContext } from "../store/host.ts";
import type { Learned } from "../store/ports/learned.ts";

/**
 * For a caller whom the hook lets run the script on these hosts (T76).
 *
 * @returns undefined if each host may have it: one that has never reported its scripts may
 */
export async function unlistedScript(
  { store }: HostContext,
  script: string,
  targets: readonly ResolvedTarget[],
): Promise<UnlistedScript | undefined> {
  // At another port, another agent may answer.
  const known = targets.filter(
    (target) => target.record !== undefined && ownPort(target) === undefined,
  );
  const reports = await store.learned
    .scripts(known.map(hostOf))
    // It may be lost at any time.
    .catch((): ReadonlyMap<string, Learned<readonly string[]>> => new Map());
  const without = known.flatMap((target) => {
    const report = reports.get(hostOf(target));
    return report === undefined || report.value.includes(script) ? [] : [{ target, report }];
  });
  const [oldest] = without.map(({ report }) => report.at).sort((a, b) => a.getTime() - b.getTime());
  if (oldest === undefined) return undefined;
  const others = new Set(without.flatMap(({ report }) => report.value));
  const near = nearestMatch(script, [...others].filter((name) => !isReservedScript(name)).sort());
  return {
    script,
    hosts: without.map(({ target }) => target.label),
    reported: isoSeconds(oldest),
    ...(near === undefined ? {} : { near }),
  };
}
