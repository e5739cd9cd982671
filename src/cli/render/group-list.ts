/** The table of list-groups. */
import { basename } from "node:path";
import type { ShownGroup } from "../../controller/groups/list-groups.ts";
import { foldedHosts } from "../../core/hosts/fold.ts";
import { forOneLine } from "../../core/text.ts";
import { MIN_LAST, renderTable, roomForLast, tableOfLines } from "./table.ts";
import { wrapped } from "./wrapped.ts";

/** Lines of hosts that one group gets. */
const MAX_LINES = 3;

export interface GroupTable {
  readonly text: string;
  /** Whether a group has more hosts than are shown. */
  readonly isCut: boolean;
}

/** @param columns of the screen; undefined for a row in one line, however long */
export function groupTable(groups: readonly ShownGroup[], columns: number | undefined): GroupTable {
  const header = ["GROUP", "FROM", "COUNT", "HOSTS"];
  const rows = groups.map(({ name, where, hosts, problem }) => [
    name,
    columns === undefined ? where : basename(where),
    problem === undefined ? String(hosts.length) : `${hosts.length}?`,
  ]);
  const folded = groups.map(({ hosts }) => foldedHosts(hosts).join(","));
  if (columns === undefined) {
    const whole = rows.map((row, index) => [...row, folded[index] ?? ""]);
    return { text: renderTable(header, whole), isCut: false };
  }
  const beside = roomForLast(header, rows, columns);
  const isBeside = beside >= MIN_LAST;
  const all = folded.map((text) => wrapped(forOneLine(text), isBeside ? beside : columns - 2));
  const isCut = all.some((lines) => lines.length > MAX_LINES);
  const cut = all.map((lines) => shortened(lines));
  const text = isBeside ? tableOfLines(header, rows, cut) : tableBelow(header, rows, cut);
  return { text, isCut };
}

function tableBelow(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  hosts: readonly (readonly string[])[],
): string {
  const [head = "", rule = "", ...lines] = renderTable(header.slice(0, 3), rows).split("\n");
  const below = rows.flatMap((_, index) => [
    lines[index] ?? "",
    ...(hosts[index] ?? []).map((line) => `  ${line}`),
  ]);
  return [head, rule, ...below, ""].join("\n");
}

function shortened(lines: readonly string[]): readonly string[] {
  return lines.length <= MAX_LINES ? lines : [...lines.slice(0, MAX_LINES - 1), "..."];
}
