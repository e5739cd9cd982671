/** A check on the screen, one line. */
import type { Check } from "../../core/check.ts";
import { forOneLine } from "../../core/text.ts";
import type { Io } from "../command/io.ts";
import { paint } from "./colour.ts";

/** As `OK    agent.crt: web-01, expires ...` */
export function checkLine(io: Io, check: Check): string {
  return lineOf(io, check, paint(io, "green", "OK  "));
}

/** What was done about a check: `DONE  leftovers: removed 2 files of killed writes` */
export function mendedLine(io: Io, check: Check): string {
  return lineOf(io, check, paint(io, "yellow", "DONE"));
}

function lineOf(io: Io, { name, ok, detail, remedy }: Check, good: string): string {
  const word = ok ? good : paint(io, "red", "FAIL");
  return `${word}  ${forOneLine(`${name}: ${withoutName(detail, name)}${advice(remedy)}`)}\n`;
}

/** Removes a path that the check's name already has. */
function withoutName(detail: string, name: string): string {
  if (detail.startsWith(`${name} `)) return `it${detail.slice(name.length)}`;
  for (const before of [`Cannot use ${name}: `, `Cannot read ${name}: `]) {
    if (detail.startsWith(before)) return detail.slice(before.length);
  }
  return detail;
}

/** Some remedies are commands, and some are sentences. */
function advice(remedy: string | undefined): string {
  if (remedy === undefined) return "";
  return /^[A-Z]/.test(remedy) ? `. ${remedy}` : `; ${remedy}`;
}
