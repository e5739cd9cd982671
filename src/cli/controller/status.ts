import { showRun } from "../../controller/runs/status.ts";
import type { RunReportSoFar } from "../../core/run-report.ts";
import { runFailed } from "../../core/run-result.ts";
import type { RunState } from "../../core/run-state.ts";
import { forOneLine } from "../../core/text.ts";
import { defineVerb } from "../command/command.ts";
import { writeLongJson } from "../render/json.ts";
import { mayHaveRun } from "../render/may-have-run.ts";
import { pendingStates } from "../render/pending.ts";
import { checkOfText, leftText, resumedText, rolloutNotes, whereText } from "../render/rollout.ts";
import { showResults } from "../render/shown-results.ts";
import { recordedOptions } from "./options.ts";
import { openOutput } from "./output-files.ts";
import { foundRun, runIdArgument } from "./run-id.ts";
import { cliCaller, openRecords } from "./setting.ts";
import { shownAs } from "./shown-options.ts";

export const status = defineVerb({
  positionals: "<reqid>",
  arity: [1, 1],
  options: recordedOptions,
  details: [
    "Shows the results of a run by its request id, which run, ctrl-exec-api and the",
    "log show. Records are kept for run_retention seconds (default 86400, a day), or",
    "for less once they take run_records_max of disk space.",
    "",
    "Exit status: 0 when every host succeeded, 1 when any failed or has not answered",
    "yet, and when a rollout has stopped or goes on.",
  ].join("\n"),
  examples: ["ctrl-exec status a1b2c3d4e5f60718", "ctrl-exec status a1b2c3d4e5f60718 --json"],
  async run({ options, positionals: [typed = ""], io }) {
    const reqid = runIdArgument(typed, "ctrl-exec status <reqid>", options.config);
    const as = shownAs(options, "status");
    const caller = await cliCaller(options, io);
    const controller = await openRecords(options);
    const run = await foundRun(
      showRun(controller, caller, { reqid, live: true }),
      controller.config,
    );
    using files = openOutput(options.output);
    for (const result of run.results) files?.keep(result);
    if (options.json) await writeLongJson(io, { ok: 1, ...run });
    else {
      await showResults(io, controller.config, run.results, { ...as, times: true });
      io.err(`${forOneLine(summary(run))}\n`);
      if (run.check_of !== undefined) io.err(checkOfText(run.check_of, controller.config));
      io.err(whereText(run, controller.config));
      if (run.resumed_by !== undefined) io.err(resumedText(run.resumed_by));
      rolloutNotes(controller.config, (text) => io.err(text))(run);
      io.err(leftText(run, controller.config));
    }
    io.err(mayHaveRun(run.results));
    const unwritten = (await files?.end()) ?? "";
    io.err(unwritten);
    const failed = run.results.some(runFailed) || run.rollout?.stopped !== undefined;
    return run.complete && !failed && unwritten === "" ? 0 : 1;
  },
});

function summary(run: RunReportSoFar): string {
  const { script, hosts, results, pending, complete, completed, started } = run;
  const countOf = (wanted: RunState) => results.filter(({ state }) => state === wanted).length;
  const [unknown, left] = [countOf("unknown"), countOf("not-started")];
  const done = hosts.length - pending.length - unknown - left;
  const counts = [
    `${done} of ${hosts.length} hosts done`,
    ...(unknown === 0 ? [] : [`${unknown} unknown`]),
    ...(left === 0 ? [] : [`${left} not started`]),
  ];
  const text = `${script}: ${counts.join(", ")}`;
  const parts = complete ? [`${text} at ${completed}`] : [text, ...pendingStates(run)];
  return [...parts, ...(started === "" ? [] : [`started at ${started}`])].join("; ");
}
