import { type CancelResult, cancelRun } from "../../controller/runs/cancel.ts";
import { configArgument } from "../../core/config/controller-config.ts";
import { namedHosts } from "../../core/hosts/fold.ts";
import { screenLine } from "../../core/text.ts";
import { Deadline } from "../../system/deadline.ts";
import { defineVerb } from "../command/command.ts";
import { durationOption } from "../command/numbers.ts";
import { writeJson } from "../render/json.ts";
import { listedHosts } from "./host-options.ts";
import { callerOptions, commonOptions, controllerOptions } from "./options.ts";
import { foundRun, runIdArgument } from "./run-id.ts";
import { cliCaller, openRecords } from "./setting.ts";

const USUAL_GRACE = 10;
const MAX_GRACE = 3600;

/** An agent may be stopped, or wait until the grace is over: somebody who waits for it is told so. */
const LATE_MS = 1000;

export const cancel = defineVerb({
  positionals: "<reqid> [<host>...]",
  arity: [1, 100_001],
  options: {
    "hosts-from": controllerOptions["hosts-from"],
    except: controllerOptions.except,
    grace: controllerOptions.grace,
    json: controllerOptions.json,
    ...callerOptions,
    ...commonOptions,
  },
  details: [
    "Ends a run on its hosts, or on those that you name: everything that its script",
    "has started there gets TERM, and KILL after --grace (default 10s). The result of",
    "the run says that it was cancelled, and by whom. Hosts may be expressions, as in",
    "run, and stand only for hosts of this run: 'web-*', @all --except db-01. A host",
    "where the script has not started will not start it.",
    "",
    "Exit status: 0 when nothing of the run is left, 1 when a host could not be",
    "asked or something could not be ended.",
  ].join("\n"),
  examples: [
    "ctrl-exec cancel a1b2c3d4e5f60718",
    "ctrl-exec cancel a1b2c3d4e5f60718 web-01 --grace 60",
    "ctrl-exec cancel a1b2c3d4e5f60718 'web-[01-10]'",
  ],
  async run({ options, positionals: [typed = "", ...hosts], io }) {
    const reqid = runIdArgument(typed, "ctrl-exec cancel <reqid> [<host>...]", options.config);
    const grace =
      options.grace === undefined
        ? USUAL_GRACE
        : durationOption("grace", options.grace, 0, MAX_GRACE);
    const more = (await listedHosts(options, io)) ?? [];
    const caller = await cliCaller(options, io);
    const controller = await openRecords(options);
    const except = options.except === undefined ? [] : [options.except];
    const order = { reqid, hosts: [...hosts, ...more], except, grace };
    const again = `ctrl-exec status ${reqid}${configArgument(controller.config.file)}`;
    const say = (line: string) => {
      if (!options.json) io.out(line);
    };
    const unheard = new Set<string>();
    const late = new Deadline(LATE_MS, () => {
      const hosts = namedHosts([...unheard]);
      if (unheard.size > 0) io.err(screenLine`${endingOn(hosts, grace)}\n`);
    });
    const onResult = (result: CancelResult) => {
      unheard.delete(result.host);
      say(lineOf(result, again));
    };
    const news = {
      onStopped: () => say(screenLine`Rollout ${reqid}: ended, no further batch begins\n`),
      onAsk: (asked: readonly string[]) => {
        for (const host of asked) unheard.add(host);
        late.restart();
      },
    };
    const cancelling = cancelRun(controller, caller, order, onResult, news);
    const results = await foundRun(cancelling, controller.config).finally(() => late.stop());
    if (options.json) writeJson(io, { ok: 1, results });
    return results.every(({ status }) => status !== "failed" && status !== "running") ? 0 : 1;
  },
});

/** An agent answers when nothing of the run is left there, and a script may take its time after TERM. */
function endingOn(hosts: string, grace: number): string {
  const how = grace === 0 ? "with KILL" : `with TERM, and KILL after ${grace}s`;
  return `Waiting for ${hosts}: asked to end it ${how}`;
}

/** @param again asks how it ended */
function lineOf({ host, status, left, lost, error }: CancelResult, again: string): string {
  if (error !== undefined) return screenLine`${host}: not cancelled: ${error}\n`;
  if (status === "will-not-start") return screenLine`${host}: will not start\n`;
  if (lost && status === "not-running") return screenLine`${host}: lost, nothing to cancel\n`;
  if (lost && status === "ended") return screenLine`${host}: lost, what was left of it is ended\n`;
  if (status === "not-running") return screenLine`${host}: not running\n`;
  if (status === "ended") return screenLine`${host}: ended\n`;
  if (left === 0)
    return screenLine`${host}: still running: its end is not known yet; ask again: ${again}\n`;
  const [processes, them] = left === 1 ? ["1 process", "it"] : [`${left} processes`, "them"];
  return screenLine`${host}: still running: ${processes} could not be ended. ACTION=cancel in its agent's log says why; root may end ${them} there\n`;
}
