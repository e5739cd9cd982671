import type { Contact } from "../../controller/fleet/contact-watch.ts";
import { waitFor } from "../../controller/runs/wait.ts";
import { configArgument, type OwnSetting } from "../../core/config/controller-config.ts";
import type { RunReportSoFar } from "../../core/run-report.ts";
import { type RunResult, runFailed } from "../../core/run-result.ts";
import { screenLine } from "../../core/text.ts";
import { Deadline } from "../../system/deadline.ts";
import { defineVerb } from "../command/command.ts";
import { numberOption } from "../command/numbers.ts";
import { firstSignal, STOP_SIGNALS } from "../command/stop-signals.ts";
import { ContactNotes } from "../render/contact-notes.ts";
import { writeLongJson } from "../render/json.ts";
import { mayHaveRun } from "../render/may-have-run.ts";
import { RunBlocks } from "../render/run-result.ts";
import { callerOptions, commonOptions, controllerOptions } from "./options.ts";
import { foundRun, runIdArgument } from "./run-id.ts";
import { cliCaller, openController } from "./setting.ts";

/** As timeout(1) ends when the time is up. */
const NOT_IN_TIME = 124;
const MAX_SECONDS = 2_000_000;

export const wait = defineVerb({
  positionals: "<reqid>",
  arity: [1, 1],
  options: {
    timeout: controllerOptions.timeout,
    json: controllerOptions.json,
    ...callerOptions,
    ...commonOptions,
  },
  details: [
    "Waits until a run has ended on every host, and shows each result as it arrives,",
    "as run does; of a run that has ended, all of them at once. Ctrl-C stops",
    "waiting; the run continues.",
    "",
    "Exit status: 0 when every host succeeded, 1 when any failed, 124 when some have",
    "not ended after --timeout seconds.",
  ].join("\n"),
  examples: ["ctrl-exec wait a1b2c3d4e5f60718", "ctrl-exec wait a1b2c3d4e5f60718 --timeout 600"],
  async run({ options, positionals: [typed = ""], io }) {
    const reqid = runIdArgument(typed, "ctrl-exec wait <reqid>");
    const { timeout } = options;
    const seconds =
      timeout === undefined ? undefined : numberOption("timeout", timeout, 0, MAX_SECONDS);
    const caller = await cliCaller(options, io);
    const controller = await openController(options);
    const blocks = new RunBlocks(io, controller.config, io.outIsTerminal);
    let shown = Promise.resolve();
    const show = (result: RunResult) => {
      if (!options.json) shown = shown.then(() => blocks.showAll(result));
      // Whoever has stopped reading is told of at the end.
      shown.catch(() => undefined);
    };
    const leave = new AbortController();
    const late =
      seconds === undefined ? undefined : new Deadline(seconds * 1000, () => leave.abort());
    const again = `ctrl-exec wait ${reqid}${configArgument(controller.config.file)}`;
    const contacts = new ContactNotes(again);
    const onContact = (host: string, contact: Contact) => {
      io.err(contacts.text(host, contact));
    };
    const onBegin = (run: RunReportSoFar) => {
      if (io.errIsTerminal) io.err(waitingFor(run, controller.config));
    };
    const order = { reqid, signal: leave.signal, onBegin, onContact };
    const waiting = foundRun(waitFor(controller, caller, order, show), controller.config);
    const signal = await firstSignal(STOP_SIGNALS, waiting);
    leave.abort();
    late?.stop();
    const { results, pending, complete } = await waiting;
    await shown;
    const hint = complete
      ? undefined
      : screenLine`Still running (or not answered): ${pending.join(", ")}. To wait again: ${again}`;
    const answer = { ok: 1, results, ...(hint === undefined ? {} : { hint }) };
    if (options.json) await writeLongJson(io, answer);
    io.err(mayHaveRun(results));
    if (hint !== undefined) io.err(`${hint}\n`);
    if (signal !== undefined) return signal;
    if (!complete) return NOT_IN_TIME;
    return results.some(runFailed) ? 1 : 0;
  },
});

/** What a person would otherwise wait for in silence. */
function waitingFor(
  { reqid, pending, started, complete }: RunReportSoFar,
  own: OwnSetting,
): string {
  if (complete) return "";
  const output = `ctrl-exec logs ${reqid}${configArgument(own.file)} --follow`;
  return screenLine`Waiting for ${pending.join(", ")} (started ${started}). Output: ${output}\n`;
}
