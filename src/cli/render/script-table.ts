/** Which scripts are where: a row for each script, with its hosts folded and wrapped to the terminal. */
import { compareHosts, foldHosts } from "../../core/hosts/fold.ts";
import type { DiscoveredHost } from "../../core/results.ts";
import { forOneLine } from "../../core/text.ts";
import { wrapped } from "./wrapped.ts";

interface Row {
  /** Empty for more of the script above. */
  readonly script: string;
  readonly count: number;
  readonly where: string;
}

const HEADER = ["SCRIPT", "HOSTS", "WHERE"] as const;
const GAP = "  ";

/**
 * @param found hosts that have answered
 * @param columns of the terminal; infinite for a pipe, where a row is a line
 */
export function scriptTable(found: readonly DiscoveredHost[], columns: number): string {
  const rows = rowsOf(found);
  const longest = Math.max(HEADER[0].length, ...rows.map(({ script }) => script.length));
  const first = Math.min(longest, Math.max(HEADER[0].length, Math.floor(columns / 3)));
  const second = Math.max(HEADER[1].length, ...rows.map(({ count }) => `${count}`.length));
  const room = columns - first - second - 2 * GAP.length;
  const line = (script: string, count: string, where: string) =>
    [script.padEnd(first), count.padStart(second), where].join(GAP).trimEnd();
  const lines = rows.flatMap(({ script, count, where }) => {
    const [begin = "", ...more] = wrapped(where, room);
    const own = script.length > first ? [script, line("", `${count}`, begin)] : undefined;
    const rest = more.map((part) => line("", "", part));
    return [...(own ?? [line(script, `${count}`, begin)]), ...rest];
  });
  const rule = line("-".repeat(first), "-".repeat(second), "-".repeat(HEADER[2].length));
  return [line(...HEADER), rule, ...lines].map((text) => `${text}\n`).join("");
}

/** By the names of the scripts; then the hosts that have none. */
function rowsOf(found: readonly DiscoveredHost[]): Row[] {
  const names = new Set(found.flatMap(({ scripts }) => scripts.map(({ name }) => name)));
  const rows = [...names].sort(compareHosts).flatMap((name): Row[] => {
    const having = found.flatMap(({ host, scripts }) => {
      const script = scripts.find((each) => each.name === name);
      return script === undefined ? [] : [{ host, executable: script.executable }];
    });
    const hosts = (executable: boolean) =>
      having.filter((each) => each.executable === executable).map(({ host }) => host);
    const whole = rowOf("", hosts(true));
    const broken = rowOf("not executable: ", hosts(false));
    const [head, ...more] = [...whole, ...broken];
    return head === undefined ? [] : [{ ...head, script: forOneLine(name) }, ...more];
  });
  const bare = found.filter(({ scripts }) => scripts.length === 0).map(({ host }) => host);
  return [...rows, ...rowOf("", bare).map((row) => ({ ...row, script: "(none)" }))];
}

function rowOf(mark: string, hosts: readonly string[]): Row[] {
  if (hosts.length === 0) return [];
  return [{ script: "", count: hosts.length, where: forOneLine(mark + foldHosts(hosts)) }];
}
