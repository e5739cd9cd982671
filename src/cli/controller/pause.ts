import type { Caller } from "../../controller/access/authorize.ts";
import type { Controller } from "../../controller/control-host.ts";
import { continueRollout, pauseRollout } from "../../controller/runs/pause.ts";
import type { RunReportSoFar } from "../../core/run-report.ts";
import { screenLine } from "../../core/text.ts";
import { defineVerb } from "../command/command.ts";
import { writeJson } from "../render/json.ts";
import { unattendedText } from "../render/rollout.ts";
import { callerOptions, commonOptions, controllerOptions } from "./options.ts";
import { foundRun, runIdArgument } from "./run-id.ts";
import { cliCaller, openRecords } from "./setting.ts";

const options = { json: controllerOptions.json, ...callerOptions, ...commonOptions };

export const pause = verb("pause", pauseRollout, "paused", [
  "Lets no further batch of a rollout begin, whoever carries it out: run in another",
  "terminal, or ctrl-exec-api. What has begun goes on. Then: continue, or cancel.",
]);

export const goOn = verb("continue", continueRollout, "goes on", [
  "Lets a paused rollout go on with its next batch.",
]);

function verb(
  name: string,
  work: (controller: Controller, caller: Caller, reqid: string) => Promise<RunReportSoFar>,
  state: string,
  details: readonly string[],
) {
  return defineVerb({
    positionals: "<reqid>",
    arity: [1, 1],
    options,
    details: details.join("\n"),
    examples: [`ctrl-exec ${name} a1b2c3d4e5f60718`],
    async run({ options: given, positionals: [typed = ""], io }) {
      const reqid = runIdArgument(typed, `ctrl-exec ${name} <reqid>`, given.config);
      const caller = await cliCaller(given, io);
      const controller = await openRecords(given);
      const run = await foundRun(work(controller, caller, reqid), controller.config);
      const { waits_for_api } = run;
      if (given.json) writeJson(io, { ok: 1, reqid, ...(waits_for_api && { waits_for_api }) });
      else io.out(screenLine`${reqid}: ${state}\n`);
      io.err(unattendedText(run, controller.config));
      return 0;
    },
  });
}
