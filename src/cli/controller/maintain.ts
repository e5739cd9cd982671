import type { Controller } from "../../controller/control-host.ts";
import type { HostProblem } from "../../controller/fleet/fan-out.ts";
import { deliverWaiting } from "../../controller/notices/delivery.ts";
import { lookForNotices } from "../../controller/notices/look.ts";
import { type MaintenanceReport, maintainOnce } from "../../controller/upkeep/maintenance.ts";
import { judgeClock } from "../../core/clock.ts";
import type { OwnSetting } from "../../core/config/controller-config.ts";
import { ERROR_FACTS } from "../../core/errors.ts";
import { namedHosts } from "../../core/hosts/fold.ts";
import { withNextStep } from "../../core/refusal-steps.ts";
import { forOneLine } from "../../core/text.ts";
import { defineVerb } from "../command/command.ts";
import type { Io } from "../command/io.ts";
import { renderClocks } from "../render/clock.ts";
import { writeJson } from "../render/json.ts";
import { staleLines } from "../render/stale.ts";
import { upkeepOptions } from "./options.ts";
import { openController } from "./setting.ts";

export const maintain = defineVerb({
  positionals: "",
  arity: [0, 0],
  options: upkeepOptions,
  details: [
    "Replaces this host's certificate when it is due, tells agents that were away",
    "about it, renews agents' certificates, and removes expired pairing requests, run",
    "records and lock files, and what killed commands left half written. Certificates",
    "of this host that are not valid now, because its clock was wrong when they were",
    "made, are signed again under their serials. While most other hosts' clocks",
    "disagree with this one's, it signs nothing and marks no host as stale.",
    "",
    "pairing-mode and ctrl-exec-api do this by themselves; without them, call",
    "maintain from a timer or cron. Notices that wait (notify.d) are sent by maintain",
    "too, but not while ctrl-exec-api is there to send them.",
    "",
    "Exit status: 0 when everything due was done or waits for agents that are away, 1",
    "when something on this host is wrong, 78 when its configuration is wrong or may",
    "not be read.",
  ].join("\n"),
  examples: ["ctrl-exec maintain", "ctrl-exec maintain --json"],
  async run({ options, io }) {
    const controller = await openController(options);
    const report = await maintainOnce(controller, options.force);
    if (options.json) writeJson(io, reportJson(report));
    else io.out(`${describe(report, controller.config).join("\n")}\n`);
    for (const problem of report.problems) io.err(`ctrl-exec: ${forOneLine(problem)}\n`);
    // A wrong clock may be the reason why nothing was due.
    if (report.problems.length === 0) await warnOfClock(io, controller);
    await controller.notices.tell();
    await lookForNotices(controller);
    await deliverWaiting(controller);
    if (report.misconfigured) return ERROR_FACTS.config.exit;
    return report.problems.length === 0 ? 0 : 1;
  },
});

async function warnOfClock(io: Io, { now, store }: Controller): Promise<void> {
  const { agents } = await store.registry.read();
  const clocks = judgeClock(await store.clocks.known(agents), now());
  if (clocks.kind === "wrong") renderClocks(io, clocks);
}

function reportJson(report: MaintenanceReport): Record<string, unknown> {
  const {
    replacedBy,
    rotated,
    notRenewed,
    expiredRequests,
    expiredRuns,
    misconfigured: _,
    ...rest
  } = report;
  return {
    ok: 1,
    ...rest,
    replaced_by: replacedBy ?? null,
    rotated: rotated ?? null,
    not_renewed: notRenewed,
    expired_requests: expiredRequests,
    expired_runs: expiredRuns,
  };
}

function named({ host, error }: HostProblem, own: OwnSetting): string {
  return `${host} (${forOneLine(withNextStep(error, own))})`;
}

function describe(report: MaintenanceReport, own: OwnSetting): string[] {
  if (report.busy) return ["Another pass is under way; nothing was done here."];
  const lines: string[] = [];
  const list = (what: string, hosts: readonly string[]) => {
    if (hosts.length > 0) lines.push(`${what}: ${namedHosts(hosts)}`);
  };
  const each = (what: string, problems: readonly HostProblem[]) => {
    if (problems.length === 0) return;
    lines.push(`${what}: ${problems.map((problem) => named(problem, own)).join(", ")}`);
  };
  list("Signed again, since they were not valid now", report.mended);
  if (report.replacedBy !== undefined) {
    lines.push(
      `Put this host's certificate back: somebody had replaced it, serial ${report.replacedBy}`,
    );
  }
  if (report.rotated !== undefined) lines.push(`New certificate, serial ${report.rotated}`);
  list("Confirmed the present serial", report.confirmed);
  each("Still to be told", report.pending);
  lines.push(...staleLines(report.stale, own));
  list("Renewed", report.renewed);
  each("Not renewed", report.notRenewed);
  if (report.expiredRequests > 0) lines.push(`Pairing requests dropped: ${report.expiredRequests}`);
  if (report.expiredRuns > 0) lines.push(`Run records dropped: ${report.expiredRuns}`);
  if (lines.length > 0) return lines;
  return [report.problems.length === 0 ? "Nothing was due." : "Nothing was done."];
}
