/** Shows which agents were told, host by host. */

import type { RotationReport } from "../../controller/upkeep/rotate-now.ts";
import { configArgument, type OwnSetting } from "../../core/config/controller-config.ts";
import { withNextStep } from "../../core/refusal-steps.ts";
import { forOneLine } from "../../core/text.ts";
import type { Io } from "../command/io.ts";
import { paint } from "../render/colour.ts";
import { renderProblem } from "./problem-text.ts";

export function renderBroadcast(io: Io, report: RotationReport, own: OwnSetting): void {
  const { confirmed, pending, agents, problems } = report;
  for (const host of confirmed) io.out(`${host}: ${paint(io, "green", "confirmed")}\n`);
  for (const { host, error } of pending) {
    io.out(
      `${host}: ${paint(io, "yellow", "pending")} (${forOneLine(withNextStep(error, own))})\n`,
    );
  }
  io.out(`Agents that know the new serial: ${confirmed.length} of ${agents}\n`);
  for (const problem of problems) renderProblem(io, problem);
  if (pending.length === 0) return;
  io.err(
    "Pending agents are called under the old serial until pairing-mode, ctrl-exec-api or " +
      `ctrl-exec maintain${configArgument(own.file)} (a timer may call it) finds them there and tells them.\n`,
  );
}
