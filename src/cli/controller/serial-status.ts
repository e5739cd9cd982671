import { serialReport } from "../../controller/trust/serial-report.ts";
import { inOneLine } from "../../core/errors.ts";
import { shortSerial } from "../../core/serial.ts";
import { isoSeconds } from "../../core/time.ts";
import { defineVerb } from "../command/command.ts";
import { writeJson } from "../render/json.ts";
import { staleLines } from "../render/stale.ts";
import { tableFor } from "../render/table.ts";
import { listedHosts, localHosts } from "./host-options.ts";
import { choiceOptions, commonOptions, controllerOptions } from "./options.ts";
import { renderProblem } from "./problem-text.ts";
import { openController } from "./setting.ts";

export const serialStatus = defineVerb({
  positionals: "[<host>...]",
  arity: [0, 100_000],
  options: { ...choiceOptions, json: controllerOptions.json, ...commonOptions },
  details: [
    "Shows the control host's serials, and for each agent, or those that you name:",
    "",
    "  current   it has confirmed the current serial",
    "  pending   it has yet to confirm it, and is called under the previous one",
    "  stale     it had not confirmed it when the overlap ended; pair it again",
    "  unknown   it has never confirmed a serial",
    "",
    "Hosts may be expressions, as in run: 'web-*', @stale.",
  ].join("\n"),
  examples: [
    "ctrl-exec serial-status",
    "ctrl-exec serial-status 'web-*'",
    "ctrl-exec serial-status --json",
  ],
  async run({ options, positionals, io }) {
    const more = await listedHosts(options, io);
    const controller = await openController(options);
    const only = await localHosts(controller, positionals, options, more, io);
    const { current, rotation, agents, problems } = await serialReport(controller, only);
    const time = (date: Date | undefined) => (date === undefined ? "" : isoSeconds(date));
    const summary = {
      current_serial: current,
      previous_serial: rotation?.previousSerial ?? "",
      rotated_at: time(rotation?.rotatedAt),
      overlap_expires: time(rotation?.overlapExpires),
    };
    if (options.json) {
      const json = { ok: 1, ...summary, agents, problems: problems.map(inOneLine) };
      writeJson(io, json);
    } else {
      const shown = (text: string) => (text === "" ? "none" : text);
      io.out(
        [
          `Current serial:   ${summary.current_serial}`,
          `Previous serial:  ${shown(summary.previous_serial)}`,
          `Rotated:          ${shown(summary.rotated_at)}`,
          `Overlap expires:  ${shown(summary.overlap_expires)}`,
          "",
          "",
        ].join("\n"),
      );
      const rows = agents.map(({ hostname, status, confirmed, serial }) => [
        hostname,
        status,
        confirmed,
        shortSerial(serial),
      ]);
      io.out(tableFor(io, ["HOSTNAME", "STATUS", "CONFIRMED", "SERIAL"], rows));
      const stale = agents.filter(({ status }) => status === "stale");
      for (const line of staleLines(
        stale.map(({ hostname }) => hostname),
        controller.config,
      ))
        io.err(`${line}\n`);
    }
    for (const problem of problems) renderProblem(io, problem);
    return problems.length === 0 ? 0 : 1;
  },
});
