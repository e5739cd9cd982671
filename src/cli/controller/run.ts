import { startRun } from "../../controller/runs/start-run.ts";
import { configArgument } from "../../core/config/controller-config.ts";
import { CtrlExecError } from "../../core/errors.ts";
import { type RunResult, runFailed } from "../../core/run-result.ts";
import { defineVerb } from "../command/command.ts";
import { rightsAreLent } from "../command/lent-rights.ts";
import { scriptArguments } from "../command/script-arguments.ts";
import { firstSignal, STOP_SIGNALS } from "../command/stop-signals.ts";
import { writeJson } from "../render/json.ts";
import { mayHaveRun } from "../render/may-have-run.ts";
import { Progress } from "../render/progress.ts";
import { RunBlocks } from "../render/run-result.ts";
import type { RunWords } from "./forgotten-mark.ts";
import { callerOptions, commonOptions, controllerOptions } from "./options.ts";
import { cliCaller, openController } from "./setting.ts";

const STOPPED = "ctrl-exec was stopped";

export const run = defineVerb({
  positionals: "<host>[:<port>]... <script> [-- <arg>...]",
  arity: [2, 100_001],
  options: {
    port: controllerOptions.port,
    json: controllerOptions.json,
    ...callerOptions,
    ...commonOptions,
  },
  details: [
    "Runs the script on every host in parallel and shows each result as it arrives.",
    "The script must be listed in scripts.conf on the host; everything after -- is",
    "passed to it unchanged. A host is a registered name, or any name or address,",
    "with :port if needed; write IPv6 as [::1]:7443.",
    "",
    "Under sudo, give your own name with --username, and a file of your own with",
    "--token-file.",
    "",
    "Exit status: 0 when every host succeeded, 1 when any host failed or a script",
    "ended non-zero. Ctrl-C stops the waiting, not the scripts; hosts that have not",
    "answered are then shown as such, here and in the record.",
    "",
    "STATE below a host says that the script never ran there, or that this is",
    "unknown: look there before you run it again. Without STATE, the script has",
    "ended. With --json, every result has a state.",
  ].join("\n"),
  examples: [
    "ctrl-exec run web-01 deploy-app",
    "ctrl-exec run web-01 web-02 web-03 deploy-app",
    "ctrl-exec run db-01 backup-mysql -- --database myapp",
    'sudo ctrl-exec run web-01 deploy-app --username "$USER" --token-file ~/.token',
    "ENVEXEC_TOKEN=mytoken ctrl-exec run web-01:7450 deploy-app --json",
  ],
  async run({ options, positionals, scriptArgs, io }) {
    const hosts = positionals.slice(0, -1);
    const script = positionals.at(-1) ?? "";
    const args = scriptArguments(scriptArgs ?? []);
    const caller = await cliCaller(options, io);
    const controller = await openController(options);
    const { agentPort: port } = controller;
    const progress = new Progress(io, hosts.length);
    const blocks = new RunBlocks(io, controller.config);
    const shown = new Set<string>();
    const show = (result: RunResult) => {
      shown.add(result.host);
      progress.step(() => {
        if (!options.json) blocks.show(result);
      });
    };
    try {
      const order = { hosts, port, script, args, mustBeRecorded: rightsAreLent() };
      const started = await startRun(controller, caller, order, show).catch(async (thrown) => {
        throw scriptArgs === undefined ? await withHint(thrown, order) : thrown;
      });
      const signal = await firstSignal(STOP_SIGNALS, started.finished);
      if (signal !== undefined) await started.abandon(STOPPED);
      const { reqid, results, recorded } = await started.finished;
      const command = `ctrl-exec status ${reqid}${configArgument(controller.config.file)}`;
      const record = recorded ? "Its results" : "What could be recorded of it";
      io.hintWhenLost(`Run ${reqid} was carried out all the same. ${record}: ${command}`);
      for (const result of results) if (!shown.has(result.host)) show(result);
      if (options.json) {
        writeJson(io, { ok: 1, results });
      }
      io.err(mayHaveRun(results));
      if (!recorded) {
        io.err(
          `ctrl-exec: Cannot keep all of the record of run ${reqid}: ACTION=run-store-fail in the log says why\nWhat is shown here is all there is.\n`,
        );
      }
      if (signal === undefined) {
        const failed = results.some(runFailed);
        const isForAPerson = scriptArgs === undefined && !options.json;
        if (failed && isForAPerson && hosts.length > 1) {
          const { hintOnResults, recorded: known } = await import("./forgotten-mark.ts");
          const hint = await hintOnResults(order, results, known(controller));
          if (hint !== undefined) io.err(`${hint}\n`);
        }
        return failed ? 1 : 0;
      }
      const look = `; the record: ${command}`;
      io.err(`Stopped. What has begun on a host runs on${recorded ? look : ""}\n`);
      return signal;
    } finally {
      progress.end();
    }
  },
});

/** A word that is not a host may be meant for the script. */
async function withHint(thrown: unknown, words: RunWords): Promise<unknown> {
  if (!(thrown instanceof CtrlExecError) || thrown.code !== "bad-request") return thrown;
  if (thrown.hint !== undefined) return thrown;
  const { hintOnWords } = await import("./forgotten-mark.ts");
  const hint = hintOnWords(words);
  return hint === undefined ? thrown : new CtrlExecError(thrown.code, thrown.message, { hint });
}
