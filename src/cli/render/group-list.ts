/** The table of list-groups. */
import { basename } from "node:path";
import type { ShownGroup } from "../../controller/groups/list-groups.ts";
import { foldedHosts } from "../../core/hosts/fold.ts";
import { forOneLine } from "../../core/text.ts";
import { renderTable } from "./table.ts";
import { wrapped } from "./wrapped.ts";

/** Hosts stand beside the rest of their row if they have as many columns. */
const MIN_BESIDE = 24;
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
  const widest = [header, ...rows].map((row) =>
    row.slice(0, 3).map((cell) => Bun.stringWidth(cell)),
  );
  const before = [0, 1, 2].map((at) => Math.max(...widest.map((widths) => (widths[at] ?? 0) + 2)));
  const beside = columns - before.reduce((sum, width) => sum + width, 0);
  const isBeside = beside >= MIN_BESIDE;
  const all = folded.map((text) => wrapped(forOneLine(text), isBeside ? beside : columns - 2));
  const isCut = all.some((lines) => lines.length > MAX_LINES);
  const cut = all.map((lines) => shortened(lines));
  const text = isBeside ? tableBeside(header, rows, cut) : tableBelow(header, rows, cut);
  return { text, isCut };
}

function tableBeside(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  hosts: readonly (readonly string[])[],
): string {
  const lines = rows.flatMap((row, index) => {
    const [first = "", ...others] = hosts[index] ?? [];
    return [[...row, first], ...others.map((line) => ["", "", "", line])];
  });
  return renderTable(header, lines);
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
