/** Aligned columns. Cells may hold text from another host, so none can draw a row of its own (T29). */
import { forOneLine, isPrintableAscii } from "../../core/text.ts";
import type { Io } from "../command/io.ts";
import { wrapped } from "./wrapped.ts";

/** What every table of ordinary names fits: a terminal that has them gets a table, however long its names are. */
const USUAL_COLUMNS = 80;

/** With fewer columns, a list of several words would have too many lines. */
export const MIN_LAST = 24;

/** A header row, a rule, then a row each (docs/PROTOCOL.md, section 5). */
export function renderTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const cells = rows.map((row) => row.map(forOneLine));
  const widths = columnWidths([header, ...cells]);
  const rule = widths.map((width) => "-".repeat(width));
  return [header, rule, ...cells].map((row) => `${formatRow(row, widths)}\n`).join("");
}

export type TableScreen = Pick<Io, "outIsTerminal" | "columns">;

/**
 * The same, but for a terminal that would break its rows: there the last column has several lines, or, if a narrow
 * one has no room for that, each cell has a line.
 */
export function tableFor(
  io: TableScreen,
  header: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const table = renderTable(header, rows);
  if (!io.outIsTerminal || rows.length === 0) return table;
  const { columns } = io;
  if (isNoWider(table, columns)) return table;
  const folded = foldedTable(header, rows, columns);
  if (isNoWider(folded, columns)) return folded;
  if (columns >= USUAL_COLUMNS) return table;
  const heads = Math.max(...header.map(widthOf));
  const room = columns - heads - GAP.length;
  const blocks = rows.map((row) =>
    row.flatMap((cell, index) => {
      const lines = wrapped(forOneLine(cell), room);
      return lines.map((line, at) => {
        const head = at === 0 ? (header[index] ?? "") : "";
        return `${head.padEnd(heads)}${GAP}${line}\n`;
      });
    }),
  );
  return blocks.map((lines) => lines.join("")).join("\n");
}

function isNoWider(table: string, columns: number): boolean {
  return table.split("\n").every((line) => widthOf(line) <= columns);
}

function foldedTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  columns: number,
): string {
  const room = roomForLast(header, rows, columns);
  if (room < MIN_LAST) return renderTable(header, rows);
  const lasts = rows.map((row) => wrapped(forOneLine(row.at(-1) ?? ""), room));
  return tableOfLines(header, rows, lasts);
}

/** Columns that a screen has for the last one of a table. @param rows with or without it */
export function roomForLast(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  columns: number,
): number {
  const others = [header, ...rows].map((row) => row.slice(0, header.length - 1).map(forOneLine));
  return columnWidths(others).reduce((room, width) => room - width - GAP.length, columns);
}

/** A table whose last column has several lines. @param lasts those of each row */
export function tableOfLines(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  lasts: readonly (readonly string[])[],
): string {
  const before = header.length - 1;
  const lines = rows.flatMap((row, index) => {
    const [first = "", ...others] = lasts[index] ?? [];
    const none = Array.from({ length: before }, () => "");
    return [[...row.slice(0, before), first], ...others.map((line) => [...none, line])];
  });
  return renderTable(header, lines);
}

const GAP = "  ";

/** Indented columns without a header, for help texts; the last column may be long. */
export function renderColumns(rows: readonly (readonly string[])[]): string {
  const widths = columnWidths(rows);
  return rows.map((row) => `  ${formatRow(row, widths)}`).join("\n");
}

function columnWidths(rows: readonly (readonly string[])[]): number[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, index) => {
      widths[index] = Math.max(widths[index] ?? 0, widthOf(cell));
    });
  }
  return widths;
}

function widthOf(cell: string): number {
  return isPrintableAscii(cell) ? cell.length : Bun.stringWidth(cell);
}

function formatRow(row: readonly string[], widths: readonly number[]): string {
  const cells = row.map((cell, index) =>
    index === row.length - 1
      ? cell
      : cell.padEnd(cell.length + (widths[index] ?? 0) - widthOf(cell)),
  );
  return cells.join(GAP).trimEnd();
}
