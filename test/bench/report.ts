/** The figures as text: a table on the screen, and docs/PERFORMANCE.md. */
import { cpus, release, totalmem } from "node:os";
import { number } from "./figures.ts";
import type { Aim, SectionResult, Table } from "./result.ts";

export interface Measured {
  readonly title: string;
  readonly result: SectionResult;
}

/** Everything below this heading is written by people, and stays when the bench writes the rest. */
const NOTES = "## What the profiles say";

export function forScreen({ title, result }: Measured): string {
  return [
    `\n== ${title}\n`,
    ...result.tables.map((table) => `${table.title}\n${aligned([table.header, ...table.rows])}\n`),
    ...result.aims.map(aimLine),
    ...result.notMeasured.map((why) => `not measured: ${why}`),
  ].join("\n");
}

function aimLine({ what, wanted, got, met }: Aim): string {
  return `${met ? "met    " : "NOT MET"} ${what}: ${got} (aim: ${wanted})`;
}

function aligned(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? "").length)),
  );
  return rows
    .map((row) => row.map((cell, column) => cell.padEnd(widths?.[column] ?? 0)).join("  "))
    .map((line) => `  ${line.trimEnd()}`)
    .join("\n");
}

export interface Occasion {
  readonly date: string;
  readonly commit: string;
  /** Lines that say what it ran on. */
  readonly machine: readonly string[];
}

/** @param old the page as it is; its notes are kept */
export function page(occasion: Occasion, measured: readonly Measured[], old: string): string {
  const notes = old.includes(NOTES) ? old.slice(old.indexOf(NOTES)) : `${NOTES}\n`;
  const aims = measured.flatMap(({ result }) => result.aims);
  return [
    "# Performance",
    "",
    "Written by `make bench`, which measures everything in one go. A figure is the median, with the quartiles in",
    "brackets. What it is compared with was measured in the same run, alternating with it, so the ratios hold",
    "even where the milliseconds differ from machine to machine.",
    "",
    `- Date: ${occasion.date}`,
    `- Commit: ${occasion.commit}`,
    ...occasion.machine.map((line) => `- ${line}`),
    "",
    "## Aims",
    "",
    ...markdown({
      title: "",
      header: ["ratio", "aim", "measured", ""],
      rows: aims.map(({ what, wanted, got, met }) => [
        what,
        wanted,
        got,
        met ? "met" : "**not met**",
      ]),
    }),
    ...measured.flatMap(sectionLines),
    notes,
  ].join("\n");
}

function sectionLines({ title, result }: Measured): string[] {
  return [
    `## ${title}`,
    "",
    result.text,
    "",
    ...result.tables.flatMap(markdown),
    ...(result.growth === undefined
      ? []
      : ["![Time per host and memory as the fleet grows](performance.svg)", ""]),
    ...result.notMeasured.map((why) => `- Not measured: ${why}`),
    ...(result.notMeasured.length > 0 ? [""] : []),
  ];
}

function markdown({ title, header, rows }: Table): string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [
    ...(title === "" ? [] : [`### ${title}`, ""]),
    line(header),
    line(header.map(() => "---")),
    ...rows.map(line),
    "",
  ];
}

/** Kind and size, never a name or a path. @param versions of the programs compared with */
export function machineLines(versions: readonly string[], load: number): string[] {
  const [processor] = cpus();
  return [
    `Machine: ${cpus().length} cores (${processor?.model.trim() ?? "unknown"}), ${number(totalmem() / 2 ** 30)} GiB, ${process.platform} ${release().split("-")[0]} ${process.arch}`,
    `Load before the start: ${load.toFixed(2)}`,
    `Bun ${Bun.version}; ${versions.join("; ")}`,
  ];
}
