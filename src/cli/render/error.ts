/** Shows a refusal to a person or a program. */
import { type CtrlExecError, DeniedError, LockedError } from "../../core/errors.ts";
import { forOneLine } from "../../core/text.ts";
import type { Io } from "../command/io.ts";
import { writeJson } from "./json.ts";

/**
 * With --json every error is data: one line on stdout (docs/PROTOCOL.md, section 5). A wrong command line is
 * also reported to the person who typed it.
 */
export function showError(io: Io, program: string, error: CtrlExecError, json: boolean): void {
  if (json) {
    const { hint } = error;
    writeJson(io, { ...refusalJson(error), ...(hint === undefined ? {} : { hint }) });
    if (error.code !== "usage") return;
  }
  // docs/PROTOCOL.md, section 5 fixes these two texts without the program's name before them.
  const prefix = error.code === "denied" || error.code === "locked" ? "" : `${program}: `;
  io.err(`${prefix}${forOneLine(error.message)}\n`);
  if (error.hint !== undefined) io.err(`${error.hint}\n`);
}

function refusalJson(error: CtrlExecError): Record<string, unknown> {
  if (error instanceof DeniedError) return { ok: 0, error: error.reason, code: error.hookCode };
  if (error instanceof LockedError) {
    return { ok: 0, error: "locked", code: 4, conflicts: error.conflicts };
  }
  return { ok: 0, error: error.message, code: 1 };
}
