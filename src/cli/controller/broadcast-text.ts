/** What became of telling the agents, host by host. */
import type { RotationReport } from "../../controller/maintenance.ts";
import { forOneLine } from "../../core/text.ts";
import type { Io } from "../io.ts";
import { paint } from "../render/colour.ts";
import { renderProblem } from "./problem-text.ts";

export function renderBroadcast(io: Io, report: RotationReport): void {
  const { confirmed, pending, agents, problems } = report;
  for (const host of confirmed) io.out(`${host}: ${paint(io, "green", "confirmed")}\n`);
  for (const { host, error } of pending) {
    io.out(`${host}: ${paint(io, "yellow", "pending")} (${forOneLine(error)})\n`);
  }
  io.out(`${confirmed.length} of ${agents} agent(s) know the new serial.\n`);
  for (const problem of problems) renderProblem(io, problem);
  if (pending.length === 0) return;
  io.err("Pending agents work as before; the check loop tells them when they are there.\n");
}
