/** Aligned columns. Cells may hold text from another host, so none can draw a row of its own (T29). */
import { forOneLine, isPrintableAscii } from "../../core/text.ts";

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
  return cells.join("  ").trimEnd();
}
