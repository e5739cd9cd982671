/** What is wrong on this host beside the answer that was asked for. */
import type { CtrlExecError } from "../../core/errors.ts";
import { forOneLine } from "../../core/text.ts";
import type { Io } from "../command/io.ts";

export function renderProblem(io: Io, { message, hint }: CtrlExecError): void {
  io.err(`ctrl-exec: ${forOneLine(message)}\n`);
  if (hint !== undefined) io.err(`${hint}\n`);
}
