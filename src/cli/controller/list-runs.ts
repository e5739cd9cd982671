import { listRuns as listRecordedRuns } from "../../controller/runs/list-runs.ts";
import { configArgument } from "../../core/config/controller-config.ts";
import { CtrlExecError } from "../../core/errors.ts";
import { namedHosts } from "../../core/hosts/fold.ts";
import { parseSince } from "../../core/since.ts";
import { forOneLine } from "../../core/text.ts";
import { defineVerb } from "../command/command.ts";
import { numberOption } from "../command/numbers.ts";
import { writeJson } from "../render/json.ts";
import { runsTable } from "../render/run-list.ts";
import { callerOptions, commonOptions, controllerOptions } from "./options.ts";
import { cliCaller, openRecords } from "./setting.ts";

const USUAL_LIMIT = 20;
const MAX_LIMIT = 100_000;
const MOST_NAMED = 3;

export const listRuns = defineVerb({
  positionals: "",
  arity: [0, 0],
  options: {
    host: controllerOptions.host,
    script: controllerOptions.script,
    user: controllerOptions.user,
    failed: controllerOptions.failed,
    since: controllerOptions.since,
    limit: controllerOptions.limit,
    json: controllerOptions.json,
    ...callerOptions,
    ...commonOptions,
  },
  details: [
    "Lists the recorded runs, the newest first, with their outcomes: ok, or 2/4 with",
    "failed or never-ran for that many of the hosts. Each option narrows the list.",
    "--host takes an expression, as run does: 'web-*', @role=db, @@frontends; a host",
    "that is named need not be registered any more.",
    "--since takes 90s, 15m, 2h or 7d before now, or a day or time (UTC). If an auth",
    "hook hides another user's runs from you, they are left out.",
    "",
    "If the command of a run is gone, the agents are asked how the run ended, for",
    "five seconds at most. Those that cannot be asked are listed as last known, and",
    "stderr names them.",
    "",
    "ctrl-exec status <reqid> shows one run's results. --json has every host. Records",
    "are kept for run_retention seconds (default 86400, a day), or for less once they",
    "take run_records_max of disk space.",
  ].join("\n"),
  examples: [
    "ctrl-exec list-runs",
    "ctrl-exec list-runs --host web-01 --failed",
    "ctrl-exec list-runs --host 'web-*' --since 7d",
    "ctrl-exec list-runs --script deploy-app --user alice --since 2h",
  ],
  async run({ options, io }) {
    const { host, script, user, limit } = options;
    const since = sinceOption(options.since);
    const most = limit === undefined ? USUAL_LIMIT : numberOption("limit", limit, 1, MAX_LIMIT);
    const caller = await cliCaller(options, io);
    const controller = await openRecords(options);
    const { runs, unreadable, next } = await listRecordedRuns(controller, caller, {
      limit: most,
      host,
      script,
      submitter: user,
      failed: options.failed || undefined,
      since,
    });
    if (options.json) writeJson(io, runs);
    else {
      if (runs.length > 0) io.out(runsTable(io, runs));
      else io.err("No recorded run matches.\n");
      if (next !== undefined && limit === undefined)
        io.err(`The newest ${runs.length}. With --limit there may be more.\n`);
    }
    const unheard = runs.flatMap(({ reqid, unheard: hosts }) => (hosts ? [{ reqid, hosts }] : []));
    if (unheard.length > 0) io.err(`ctrl-exec: ${unheardNote(unheard)}\n`);
    if (unreadable.length > 0) {
      const records = unreadable.length === 1 ? "1 record is" : `${unreadable.length} records are`;
      io.err(`ctrl-exec: ${records} damaged, and not listed: ${named(unreadable)}\n`);
    }
    if (unheard.length + unreadable.length > 0) {
      const option = configArgument(controller.config.file);
      io.err(`To see more of one: ctrl-exec status <reqid>${option}\n`);
    }
    return unreadable.length === 0 ? 0 : 1;
  },
});

interface Unheard {
  readonly reqid: string;
  readonly hosts: readonly string[];
}

/** `1 run may have ended: a1b2c3d4e5f60718 on web-01, which could not be asked now` */
function unheardNote(unheard: readonly Unheard[]): string {
  const [runs, which] =
    unheard.length === 1 ? ["1 run", "which"] : [`${unheard.length} runs`, "hosts which"];
  const where = unheard.map(({ reqid, hosts }) => `${reqid} on ${namedHosts(hosts)}`);
  const more = where.length > MOST_NAMED ? " ..." : "";
  const text = `${runs} may have ended: ${where.slice(0, MOST_NAMED).join("; ")}${more}`;
  return forOneLine(`${text}, ${which} could not be asked now`);
}

function named(reqids: readonly string[]): string {
  return `${reqids.slice(0, MOST_NAMED).join(" ")}${reqids.length > MOST_NAMED ? " ..." : ""}`;
}

function sinceOption(text: string | undefined): Date | undefined {
  if (text === undefined) return undefined;
  const since = parseSince(text, new Date());
  if (since !== undefined) return since;
  throw new CtrlExecError(
    "usage",
    `--since takes 90s, 15m, 2h, 7d, 2026-01-15 or 2026-01-15T12:00:00Z, not "${text}"`,
  );
}
