/** The line that closes a run on several hosts. */
import { countOutcomes, outcomeOfResult } from "../../core/run-outcome.ts";
import type { RunResult } from "../../core/run-result.ts";
import type { Io } from "../command/io.ts";

/** In more lines on a narrow terminal. @param ms how long it took */
export function runSummary(
  { errIsTerminal, columns }: Io,
  reqid: string,
  results: readonly RunResult[],
  ms: number,
): string {
  const counts = countOutcomes(results.map(outcomeOfResult)).map(
    ([word, count]) => `${count} ${word}`,
  );
  const parts = [`${results.length} hosts: ${counts.join(", ")}`, duration(ms), `req:${reqid}`];
  const line = parts.join("; ");
  return errIsTerminal && line.length > columns ? `${parts.join(";\n")}\n` : `${line}\n`;
}

/** `42ms`, `4.2s`, `3m 5s`, `2h 0m`. */
function duration(ms: number): string {
  if (ms < 999.5) return `${Math.round(ms)}ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)}s`;
  const seconds = Math.round(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  return minutes < 60
    ? `${minutes}m ${seconds % 60}s`
    : `${Math.floor(minutes / 60)}h ${minutes % 60}m`;
}
