/** Shows what is wrong on this host, besides the requested answer. */
import type { CtrlExecError } from "../../core/errors.ts";
import { forOneLine } from "../../core/text.ts";
import type { Io } from "../command/io.ts";

export function renderProblem(io: Io, { message, hint }: CtrlExecError): void {
  io.err(`ctrl-exec: ${forOneLine(message)}\n`);
  if (hint !== undefined) io.err(`${hint}\n`);
}
