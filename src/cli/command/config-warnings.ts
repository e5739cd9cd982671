/** Settings in a configuration file that have no effect: the person at the command line is told about them. */
import type { ConfigWarning } from "../../core/config/config-file.ts";
import { forOneLine } from "../../core/text.ts";
import { writeStderr } from "../../system/log/stderr.ts";

/** @param log the value of --log: lines that go to standard error say the same */
export function tellWarnings(
  file: string,
  warnings: readonly ConfigWarning[],
  log: string | undefined,
): void {
  if (log === "stderr") return;
  for (const warning of warnings) writeStderr(`${warningLine(file, warning)}\n`);
}

/** Characters that fit a screen. */
export function warningLine(file: string, { key, message }: ConfigWarning): string {
  return forOneLine(`Note: ${file}: ${key}: ${message}`);
}
