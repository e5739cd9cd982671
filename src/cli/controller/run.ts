import type { Contact } from "../../controller/fleet/contact-watch.ts";
import { startRun } from "../../controller/runs/start-run.ts";
import { configArgument } from "../../core/config/controller-config.ts";
import { CtrlExecError } from "../../core/errors.ts";
import { type RunResult, runFailed } from "../../core/run-result.ts";
import { defineVerb } from "../command/command.ts";
import { rightsAreLent } from "../command/lent-rights.ts";
import { numberOption } from "../command/numbers.ts";
import { Reader } from "../command/reader.ts";
import { scriptArguments } from "../command/script-arguments.ts";
import { firstSignal, STOP_SIGNALS } from "../command/stop-signals.ts";
import { ContactNotes } from "../render/contact-notes.ts";
import { letGoView, timeoutIgnored, wasTaken } from "../render/let-go.ts";
import { mayHaveRun } from "../render/may-have-run.ts";
import { NO_VIEW, type RunView, runView, type ViewOptions } from "../render/run-view.ts";
import { wayBack } from "../render/way-back.ts";
import type { RunWords } from "./forgotten-mark.ts";
import { hostChoice } from "./host-options.ts";
import { callerOptions, commonOptions, controllerOptions, hostOptions } from "./options.ts";
import { cliCaller, openController } from "./setting.ts";

const STOPPED = "ctrl-exec was stopped";

export const run = defineVerb({
  positionals: "<host>[:<port>]... <script> [-- <arg>...]",
  arity: [2, 100_001],
  options: {
    ...hostOptions,
    live: controllerOptions.live,
    "no-live": controllerOptions["no-live"],
    json: controllerOptions.json,
    "json-stream": controllerOptions["json-stream"],
    detach: controllerOptions.detach,
    async: controllerOptions.async,
    timeout: {
      ...controllerOptions.timeout,
      description: "End the script on its hosts after so many seconds",
    },
    ...callerOptions,
    ...commonOptions,
  },
  details: [
    "Runs the script on every host in parallel. On a terminal, and with --live, its",
    "output is shown as it comes; with more than five hosts and without --live, only",
    "failures are shown before all have ended. A pipe gets each result as it arrives.",
    "",
    "The script must be listed in scripts.conf on the host; everything after -- is",
    "passed to it unchanged. A host is a registered name, or any name or address,",
    "with :port if needed; write IPv6 as [::1]:7443. Or it is an expression:",
    "",
    "  'web-[01-20,25]'   each of these",
    "  'web-*'            registered hosts whose names match",
    "  @all @stale        all of them; those that do not know our serial",
    "  @expiring=30d      those whose certificate ends within 30 days",
    "  @failed=<reqid>    those on which that run failed",
    "  @missed=<reqid>    those where it never ran, or has no known end",
    "  @@frontends        the hosts of a group (list-groups)",
    "  'a,b' 'a&b' 'a!b'  union, intersection, difference, from left to right",
    "",
    "Under sudo, give your own name with --username, and a file of your own with",
    "--token-file.",
    "",
    "Exit status: 0 when every host succeeded, 1 when any host failed or a script",
    "ended non-zero. Ctrl-C stops the waiting, not the scripts; hosts that have not",
    "answered are then shown as such, here and in the record.",
    "",
    "--detach prints the run's id alone, and ends when every host has started the",
    "script: 0, or 1 when one has not. Then: wait, status, logs, cancel.",
    "",
    "STATE below a host says that the script never ran there, or that this is",
    "unknown: look there before you run it again. Without STATE, the script has",
    "ended. With --json, every result has a state.",
  ].join("\n"),
  examples: [
    "ctrl-exec run web-01 deploy-app",
    "ctrl-exec run web-01 web-02 web-03 deploy-app",
    "ctrl-exec run 'web-[01-20]' deploy-app --except web-07",
    "ctrl-exec run db-01 backup-mysql -- --database myapp",
    "ctrl-exec run web-01 web-02 deploy-app --live | tee deploy.log",
    'sudo ctrl-exec run web-01 deploy-app --username "$USER" --token-file ~/.token',
    "ctrl-exec run db-01 backup-mysql --detach --timeout 3600",
    "ENVEXEC_TOKEN=mytoken ctrl-exec run web-01:7450 deploy-app --json",
  ],
  async run({ options, positionals, scriptArgs, io }) {
    checkViewOptions(options);
    const hosts = positionals.slice(0, -1);
    const script = positionals.at(-1) ?? "";
    const args = scriptArguments(scriptArgs ?? []);
    const caller = await cliCaller(options, io);
    const controller = await openController(options);
    const { agentPort: port } = controller;
    const timeout = timeoutOption(options.timeout);
    const detach = options.detach || options.async;
    // Without hosts nothing can be shown: the view is made when they are known.
    let view: RunView = NO_VIEW;
    const reader = new Reader(io);
    const begun = performance.now();
    const shown = new Set<string>();
    const show = (result: RunResult) => {
      shown.add(result.host);
      view.show(result);
    };
    try {
      const mustBeRecorded = rightsAreLent();
      let contacts: ContactNotes | undefined;
      const onContact = (host: string, contact: Contact) => {
        view.note(contacts?.text(host, contact) ?? "");
      };
      const order = {
        ...hostChoice(hosts, options, port),
        ...{ script, args, mustBeRecorded, timeout, detach },
        watch: (labels: readonly string[]) => {
          view = detach
            ? letGoView(io, controller.config)
            : runView(io, controller.config, labels, options);
          return { onEvent: reader.heldBack(view.hear), onContact };
        },
      };
      const started = await startRun(controller, caller, order, show).catch(async (thrown) => {
        throw scriptArgs === undefined ? await withHint(thrown, order) : thrown;
      });
      const option = configArgument(controller.config.file);
      contacts = new ContactNotes(`ctrl-exec logs ${started.reqid}${option} --follow`);
      view.begin?.(started.reqid);
      const signal = await firstSignal(STOP_SIGNALS, Promise.race([started.finished, reader.gone]));
      if (signal !== undefined || reader.hasGone) await started.abandon(STOPPED);
      const report = await started.finished;
      // Nobody would read it: main() ends quietly.
      if (reader.hasGone) return 1;
      const { reqid, results, recorded } = report;
      const command = `ctrl-exec status ${reqid}${option}`;
      const record = recorded ? "Its results" : "What could be recorded of it";
      io.hintWhenLost(`Run ${reqid} was carried out all the same. ${record}: ${command}`);
      for (const result of results) if (!shown.has(result.host)) show(result);
      await view.close(report, performance.now() - begun);
      if (signal !== undefined)
        io.err("Stopped waiting. Scripts that have started keep running.\n");
      io.err(mayHaveRun(results));
      const back = wayBack(reqid, results, controller.config, recorded);
      if (back !== undefined) io.err(`${back}\n`);
      if (timeout !== undefined) io.err(timeoutIgnored(results));
      if (!recorded) {
        io.err(
          `ctrl-exec: Cannot keep all of the record of run ${reqid}: ACTION=run-store-fail in the log says why\nWhat is shown here is all there is.\n`,
        );
      }
      if (detach && signal === undefined) return results.every(wasTaken) ? 0 : 1;
      if (signal !== undefined) return signal;
      const failed = results.some(runFailed);
      const isForAPerson = scriptArgs === undefined && !options.json && !options["json-stream"];
      if (failed && isForAPerson && hosts.length > 1 && results.length === hosts.length) {
        const { hintOnResults, recorded: known } = await import("./forgotten-mark.ts");
        const hint = await hintOnResults(order, results, known(controller));
        if (hint !== undefined) io.err(`${hint}\n`);
      }
      return failed ? 1 : 0;
    } finally {
      view.end();
    }
  },
});

/** Two that cannot be used together are told, since obeying one would be ignoring the other. */
function checkViewOptions(
  options: ViewOptions & { readonly detach: boolean; readonly async: boolean },
): void {
  const views = ["live", "no-live", "json", "json-stream", "detach", "async"] as const;
  const given = views.filter((name) => options[name]);
  if (given.length < 2) return;
  const names = given.map((name) => `--${name}`).join(" and ");
  throw new CtrlExecError("usage", `${names} cannot be used together`, {
    hint: "See: ctrl-exec run --help",
  });
}

const MAX_SECONDS = 2_000_000;

function timeoutOption(text: string | undefined): number | undefined {
  return text === undefined ? undefined : numberOption("timeout", text, 1, MAX_SECONDS);
}

/** A word that is not a host may be meant for the script. */
async function withHint(thrown: unknown, words: RunWords): Promise<unknown> {
  if (!(thrown instanceof CtrlExecError) || thrown.code !== "bad-request") return thrown;
  if (thrown.hint !== undefined) return thrown;
  const { hintOnWords } = await import("./forgotten-mark.ts");
  const hint = hintOnWords(words);
  return hint === undefined ? thrown : new CtrlExecError(thrown.code, thrown.message, { hint });
}
