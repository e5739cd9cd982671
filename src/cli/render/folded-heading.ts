/** The header of hosts that share a block: their folded names and how many they are, as far as they fit. */
import { foldHosts } from "../../core/hosts/fold.ts";
import { forOneLine } from "../../core/text.ts";
import { INDENT } from "./run-result.ts";

const HOSTS = `${INDENT}HOSTS: `;
const CUT = "...";

/** Lines are never made shorter than this, however narrow a terminal claims to be. */
const LEAST_WIDTH = 40;

/** This many lines of names are enough if nothing failed. */
const MAX_LINES = 5;

/**
 * `==> web-[01-20] (20)  [OK  exit:0  12-90ms  req:...]`; for one host as before. If that is too long for a line, the
 * request id and the time are omitted, and finally names: then all of them follow on lines of their own.
 *
 * @param columns what is in the brackets
 * @param width of the terminal; undefined for a pipe, which gets everything on one line
 * @param failed then every name is shown, however many lines that takes
 */
export function foldedHeading(
  hosts: readonly string[],
  columns: readonly string[],
  width: number | undefined,
  failed: boolean,
): string {
  const count = hosts.length === 1 ? "" : ` (${hosts.length})`;
  const names = forOneLine(foldHosts(hosts));
  const room = width === undefined ? Number.POSITIVE_INFINITY : Math.max(width, LEAST_WIDTH);
  const lineOf = (shown: string, so: number) =>
    `==> ${shown}${count}  [${columns.slice(0, so).join("  ")}]`;
  // The word is in every header, and the exit status if there is one.
  const least = columns[1]?.startsWith("exit:") ? 2 : 1;
  for (let so = columns.length; so >= least; so--) {
    const line = lineOf(names, so);
    if (Bun.stringWidth(line) <= room) return `${line}\n`;
  }
  const left = room - Bun.stringWidth(lineOf(CUT, least));
  const line = lineOf(beginning(names, left), least);
  const lines = wrapped(names, room - HOSTS.length);
  const shown = failed || lines.length <= MAX_LINES ? lines : lines.slice(0, MAX_LINES - 1);
  const rest = shown.length < lines.length ? [`${CUT} ${hosts.length} in all`] : [];
  return [line, ...[...shown, ...rest].map((text) => HOSTS + text), ""].join("\n");
}

/** Whole names, if one fits. */
function beginning(names: string, room: number): string {
  const text = Bun.sliceAnsi(names, 0, Math.max(0, room));
  return `${text.slice(0, text.lastIndexOf(",") + 1) || text}${CUT}`;
}

/** Lines that end after a comma, where there is one. */
function wrapped(names: string, room: number): string[] {
  const lines: string[] = [];
  for (let rest = names; rest !== ""; ) {
    const text = Bun.stringWidth(rest) <= room ? rest : Bun.sliceAnsi(rest, 0, room);
    const end = text === rest ? text.length : text.lastIndexOf(",") + 1 || text.length || 1;
    lines.push(rest.slice(0, end));
    rest = rest.slice(end);
  }
  return lines;
}
