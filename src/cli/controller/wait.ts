import type { Contact } from "../../controller/fleet/contact-watch.ts";
import { waitFor } from "../../controller/runs/wait.ts";
import { configArgument, type OwnSetting } from "../../core/config/controller-config.ts";
import { MAX_TYPED_SECONDS } from "../../core/duration.ts";
import { outcomeOfResult } from "../../core/run-outcome.ts";
import type { RunReportSoFar } from "../../core/run-report.ts";
import { type RunResult, runFailed } from "../../core/run-result.ts";
import { goesOn } from "../../core/run-state.ts";
import { screenLine } from "../../core/text.ts";
import { Deadline } from "../../system/deadline.ts";
import { defineVerb } from "../command/command.ts";
import { durationOption } from "../command/numbers.ts";
import { firstSignal, STOP_SIGNALS } from "../command/stop-signals.ts";
import { ContactNotes } from "../render/contact-notes.ts";
import { writeLongJson } from "../render/json.ts";
import { mayHaveRun } from "../render/may-have-run.ts";
import { outAndQueued, outOf, stillOut } from "../render/pending.ts";
import { Progress } from "../render/progress.ts";
import { batchOf, rolloutNotes, whereText } from "../render/rollout.ts";
import { RunBlocks } from "../render/run-result.ts";
import { isChosen, isFolded, leftOut, showBlock, showResults } from "../render/shown-results.ts";
import { controllerOptions, recordedOptions } from "./options.ts";
import { openOutput } from "./output-files.ts";
import { foundRun, runIdArgument } from "./run-id.ts";
import { cliCaller, openRecords } from "./setting.ts";
import { shownAs } from "./shown-options.ts";

/** As timeout(1) ends when the time is up. */
const NOT_IN_TIME = 124;

export const wait = defineVerb({
  positionals: "<reqid>",
  arity: [1, 1],
  options: {
    timeout: controllerOptions.timeout,
    ...recordedOptions,
  },
  details: [
    "Waits until a run has ended on every host, a rollout with its last check, and",
    "shows each result as it arrives, as run does; if the run has ended already, all",
    "of them. Ctrl-C stops waiting; the run continues. If a rollout is paused, or no",
    "ctrl-exec-api carries it out, stderr says so, and wait goes on waiting.",
    "",
    "Exit status: 0 when every host succeeded, 1 when any failed or a rollout has",
    "stopped, 124 when some have not ended after --timeout.",
  ].join("\n"),
  examples: ["ctrl-exec wait a1b2c3d4e5f60718", "ctrl-exec wait a1b2c3d4e5f60718 --timeout 10m"],
  async run({ options, positionals: [typed = ""], io }) {
    const reqid = runIdArgument(typed, "ctrl-exec wait <reqid>", options.config);
    const as = shownAs(options, "wait");
    const { timeout } = options;
    const seconds =
      timeout === undefined ? undefined : durationOption("timeout", timeout, 0, MAX_TYPED_SECONDS);
    const caller = await cliCaller(options, io);
    const controller = await openRecords(options);
    using files = openOutput(options.output);
    const blocks = new RunBlocks(io, controller.config, io.outIsTerminal);
    let shown = Promise.resolve();
    /** Undefined if results are shown as they arrive. */
    let progress: Progress | undefined;
    const show = (result: RunResult) => {
      files?.keep(result);
      progress?.step(() => undefined, { host: result.host, outcome: outcomeOfResult(result) });
      const isNow = !options.json && progress === undefined && isChosen(result, as);
      if (isNow) shown = shown.then(() => showBlock(blocks, result, as));
      // A reader who has stopped reading is reported at the end.
      shown.catch(() => undefined);
    };
    const leave = new AbortController();
    const late =
      seconds === undefined ? undefined : new Deadline(seconds * 1000, () => leave.abort());
    const again = `ctrl-exec wait ${reqid}${configArgument(controller.config.file)}`;
    const contacts = new ContactNotes(again);
    const say = (text: string) => {
      if (progress === undefined) io.err(text);
      else progress.during(() => io.err(text));
    };
    const onContact = (host: string, contact: Contact) => say(contacts.text(host, contact));
    const onBegin = (run: RunReportSoFar) => {
      if (io.errIsTerminal) io.err(waitingFor(run, controller.config));
      const { hosts } = run;
      if (!options.json && isFolded(io, hosts.length, as)) {
        progress = new Progress(io, hosts.length, hosts);
      }
    };
    const notes = rolloutNotes(controller.config, say);
    const onLook = (run: RunReportSoFar) => {
      notes(run);
      if (run.rollout !== undefined) progress?.at(batchOf(run), outOf(run));
    };
    const order = { reqid, signal: leave.signal, onBegin, onLook, onContact };
    const waiting = foundRun(waitFor(controller, caller, order, show), controller.config).finally(
      () => progress?.end(),
    );
    const signal = await firstSignal(STOP_SIGNALS, waiting);
    progress?.end();
    leave.abort();
    late?.stop();
    const run = await waiting;
    const { results, complete, rollout } = run;
    await shown;
    const ended = results.filter(({ state }) => !goesOn(state));
    if (progress !== undefined) await showResults(io, controller.config, ended, as);
    else if (!options.json) io.err(leftOut(ended, as));
    const out = stillOut(run) || "The rollout goes on";
    const hint = complete ? undefined : screenLine`${out}. To wait again: ${again}`;
    const more = rollout === undefined ? {} : { reqid, rollout };
    const answer = { ok: 1, results, ...more, ...(hint === undefined ? {} : { hint }) };
    if (options.json) await writeLongJson(io, answer);
    io.err(mayHaveRun(results));
    if (hint !== undefined) io.err(`${hint}\n`);
    const unwritten = (await files?.end()) ?? "";
    io.err(unwritten);
    if (signal !== undefined) return signal;
    if (!complete) return NOT_IN_TIME;
    const failed = results.some(runFailed) || rollout?.stopped !== undefined;
    return failed || unwritten !== "" ? 1 : 0;
  },
});

/** What a person would otherwise wait for in silence. */
function waitingFor(run: RunReportSoFar, own: OwnSetting): string {
  const { reqid, started, complete } = run;
  if (complete) return "";
  const output = `ctrl-exec logs ${reqid}${configArgument(own.file)} --follow`;
  const hosts = outAndQueued(run, "Waiting for ") || "Waiting for the rollout";
  return screenLine`${hosts} (started ${started}). Output: ${output}\n` + whereText(run, own);
}
