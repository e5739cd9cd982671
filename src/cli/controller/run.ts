import type { Contact } from "../../controller/fleet/contact-watch.ts";
import type { RunReport, RunUnderWay } from "../../controller/runs/run.ts";
import { startRun } from "../../controller/runs/start-run.ts";
import { configArgument } from "../../core/config/controller-config.ts";
import type { UnlistedScript } from "../../core/dry-run.ts";
import { MAX_TYPED_SECONDS } from "../../core/duration.ts";
import { CtrlExecError } from "../../core/errors.ts";
import { HOST_HINT } from "../../core/hosts/parse-expression.ts";
import { type RunResult, runFailed } from "../../core/run-result.ts";
import { goesOn } from "../../core/run-state.ts";
import { defineVerb } from "../command/command.ts";
import { rightsAreLent } from "../command/lent-rights.ts";
import { durationOption } from "../command/numbers.ts";
import { Reader } from "../command/reader.ts";
import { scriptArguments } from "../command/script-arguments.ts";
import { firstSignal, STOP_SIGNALS } from "../command/stop-signals.ts";
import { ContactNotes } from "../render/contact-notes.ts";
import { warned, writeJson } from "../render/json.ts";
import { letGoView, timeoutIgnored, wasTaken } from "../render/let-go.ts";
import { mayHaveRun } from "../render/may-have-run.ts";
import { stoppedHandOver, stoppedText } from "../render/rollout.ts";
import { NO_VIEW, type RunView, runView } from "../render/run-view.ts";
import { unlistedText } from "../render/unlisted-script.ts";
import { wayBack } from "../render/way-back.ts";
import type { RunWords } from "./forgotten-mark.ts";
import { hostChoice, listedHosts, sayNotes } from "./host-options.ts";
import {
  callerOptions,
  commonOptions,
  controllerOptions,
  hostOptions,
  rolloutOptions,
  shownOptions,
} from "./options.ts";
import { openOutput } from "./output-files.ts";
import { checkResume, rolloutChoice, rolloutOrder } from "./rollout-options.ts";
import { cliCaller, openController } from "./setting.ts";
import { shownAs } from "./shown-options.ts";

const STOPPED = "ctrl-exec was stopped";

/** The exit status of a rollout that has hosts left. */
const ROLLOUT_STOPPED = 3;

export const run = defineVerb({
  positionals: "<host>[:<port>]... <script> [-- <arg>...]",
  arity: [2, 100_001],
  leastWith: { "hosts-from": 1, resume: 1 },
  options: {
    ...hostOptions,
    live: controllerOptions.live,
    "no-live": controllerOptions["no-live"],
    ...shownOptions,
    output: controllerOptions.output,
    json: controllerOptions.json,
    "json-stream": controllerOptions["json-stream"],
    "dry-run": controllerOptions["dry-run"],
    ...rolloutOptions,
    detach: controllerOptions.detach,
    async: controllerOptions.async,
    timeout: {
      ...controllerOptions.timeout,
      description: "End the script on its hosts after this time: 90s, 15m",
    },
    ...callerOptions,
    ...commonOptions,
  },
  details: [
    "Runs the script on every host in parallel. On a terminal, and with --live, its",
    "output is shown as it comes. With more than five hosts and without --live, it is",
    "shown when all have ended, and hosts with the same outcome and output share a",
    "block (--fold). A pipe gets each result as it arrives.",
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
    "--hosts-from takes more of them from a file, in words or lines; # begins a",
    "comment. The command line may then name none.",
    "",
    "--dry-run shows which hosts would be asked, and where they would be called. The",
    "auth hook is asked as for the run; nothing is locked, recorded or sent.",
    "",
    "--batch 1,10%,100% runs it on one host, then on a tenth of them, rounded down,",
    "then on the rest. Each batch begins when the one before has ended. The run stops",
    "when more hosts have failed than --max-failures allows. Exit status 3: some were",
    "not started (130 after Ctrl-C); run --resume <reqid> <script> goes on. See",
    'docs/OPERATIONS.md, "A few at a time".',
    "",
    "Under sudo, give your own name with --username, and a file of your own with",
    "--token-file.",
    "",
    "Exit status: 0 when every host succeeded, 1 when any host failed or a script",
    "ended non-zero. Ctrl-C stops the waiting, not the scripts; hosts that have not",
    "answered are then shown as such, here and in the record.",
    "",
    "--detach prints only the run's id, and ends when every host has started the",
    "script: 0, or 1 when one has not. Then: wait, status, logs, cancel. With --batch",
    "it hands the rollout over to ctrl-exec-api, which must be running; then: pause,",
    "continue.",
    "",
    "RUNNING in a header: the script goes on there. A line STATE below a host says",
    "never-ran, unknown, running or lost. If it says unknown, running or lost, look",
    "there before you run the script again. Without RUNNING and STATE, the script has",
    "ended. With --json, every result has a state.",
  ].join("\n"),
  examples: [
    "ctrl-exec run web-01 deploy-app",
    "ctrl-exec run web-01 web-02 web-03 deploy-app",
    "ctrl-exec run 'web-[01-20]' deploy-app --except web-07",
    "ctrl-exec run --hosts-from hosts.txt deploy-app",
    "ctrl-exec run '@all!db-*' deploy-app --dry-run",
    "ctrl-exec run '@all!db-01' deploy-app --batch 1,10%,100% --max-failures 5%",
    "ctrl-exec run db-01 backup-mysql -- --database myapp",
    "ctrl-exec run web-01 web-02 deploy-app --live | tee deploy.log",
    'sudo ctrl-exec run web-01 deploy-app --username "$USER" --token-file ~/.token',
    "ctrl-exec run db-01 backup-mysql --detach --timeout 1h",
    "ENVEXEC_TOKEN=mytoken ctrl-exec run web-01:7450 deploy-app --json",
  ],
  async run({ options, positionals, scriptArgs, io }) {
    const as = shownAs(options, "run");
    const choice = rolloutChoice(options, io.inIsTerminal && io.errIsTerminal);
    const timeout = timeoutOption(options.timeout);
    const hosts = positionals.slice(0, -1);
    const more = await listedHosts(options, io);
    const script = positionals.at(-1) ?? "";
    if (choice?.resume !== undefined) checkResume([...hosts, ...(more ?? [])], options);
    const args = scriptArguments(scriptArgs ?? []);
    const caller = await cliCaller(options, io);
    const controller = await openController(options);
    const { agentPort: port } = controller;
    const detach = options.detach || options.async;
    // Without hosts nothing can be shown: the view is made when they are known.
    let view: RunView = NO_VIEW;
    const reader = new Reader(io);
    using files = openOutput(options.output);
    const begun = performance.now();
    const shown = new Set<string>();
    const warnings: string[] = [];
    const show = (result: RunResult) => {
      shown.add(result.host);
      view.show(result);
      files?.keep(result);
    };
    try {
      const mustBeRecorded = rightsAreLent();
      let contacts: ContactNotes | undefined;
      const onContact = (host: string, contact: Contact) => {
        view.note(contacts?.text(host, contact) ?? "");
      };
      const onUnlisted = (check: UnlistedScript) => io.err(unlistedText(check, controller.config));
      const order = {
        ...hostChoice(hosts, options, port, more),
        ...sayNotes(io, warnings),
        ...{ script, args, mustBeRecorded, timeout, detach },
        watch: (labels: readonly string[]) => {
          view = detach
            ? letGoView(io, controller.config)
            : runView(io, controller.config, labels, { ...options, warnings }, as);
          return { onEvent: reader.heldBack(view.hear), onContact };
        },
      };
      if (options["dry-run"]) {
        const { dryRun } = await import("../../controller/runs/dry-run.ts");
        const { rollout, resume } = choice ?? {};
        const would = await dryRun(controller, caller, order, rollout, resume);
        if (options.json) writeJson(io, { ok: 1, ...would, ...warned(warnings) });
        else (await import("../render/dry-run.ts")).renderDryRun(io, would, controller.config);
        return 0;
      }
      if (choice !== undefined && detach) {
        const { handOver } = await import("../../controller/runs/hand-over.ts");
        const { rollout, resume } = choice;
        const whole = { ...order, rollout, resume, onUnlisted };
        const handed = await handOver(controller, caller, whole, (work) =>
          firstSignal(STOP_SIGNALS, work),
        );
        if (handed.isTaken) io.out(`${handed.reqid}\n`);
        if (handed.signal !== undefined) io.err(stoppedHandOver(handed, controller.config));
        return handed.signal ?? 0;
      }
      const starting =
        choice === undefined
          ? startRun(controller, caller, order, show)
          : (await import("../../controller/runs/start-rollout.ts")).startRollout(
              controller,
              caller,
              { ...order, onUnlisted, ...rolloutOrder(choice, io, () => view) },
              show,
            );
      const started: RunUnderWay = await starting.catch(async (thrown) => {
        const hintless = scriptArgs === undefined && choice?.resume === undefined;
        throw hintless ? await withHint(thrown, { hosts, script }) : thrown;
      });
      const option = configArgument(controller.config.file);
      contacts = new ContactNotes(`ctrl-exec logs ${started.reqid}${option} --follow`);
      view.begin?.(started.reqid);
      const signal = await firstSignal(STOP_SIGNALS, Promise.race([started.finished, reader.gone]));
      if (signal !== undefined || reader.hasGone) {
        // Something may still take its time: a hook that decides about a batch.
        view.end();
        await started.abandon(STOPPED);
      }
      const report = await started.finished;
      const { reqid, results, recorded } = report;
      const command = `ctrl-exec status ${reqid}${option}`;
      const record = recorded ? "Its results" : "What could be recorded of it";
      const carriedOut = `Run ${reqid} was carried out all the same. ${record}: ${command}`;
      io.hintWhenLost(carriedOut);
      for (const result of results) if (!shown.has(result.host)) show(result);
      const unwritten = (await files?.end()) ?? "";
      // Nobody would read it: main() ends quietly.
      if (reader.hasGone) return 1;
      await view.close(report, performance.now() - begun);
      if (unwritten !== "") io.err(`${unwritten}${carriedOut}\n`);
      if (signal !== undefined && mayGoOn(report))
        io.err("Stopped waiting. Scripts that have started keep running.\n");
      io.err(stoppedText(report, script, args.length > 0, controller.config));
      io.err(mayHaveRun(results));
      const back = wayBack(reqid, results, controller.config, recorded, signal !== undefined);
      if (back !== undefined) io.err(`${back}\n`);
      if (timeout !== undefined) io.err(timeoutIgnored(results));
      if (!recorded) {
        io.err(
          `ctrl-exec: Cannot keep all of the record of run ${reqid}: ACTION=run-store-fail in the log says why\nWhat the record lacks is shown here alone, unless an agent still keeps it.\n`,
        );
      }
      if (detach && signal === undefined) return results.every(wasTaken) ? 0 : 1;
      if (signal !== undefined) return signal;
      if ((report.rollout?.not_started ?? 0) > 0) return ROLLOUT_STOPPED;
      const failed = results.some(runFailed) || report.rollout?.stopped !== undefined;
      const isForAPerson = scriptArgs === undefined && !options.json && !options["json-stream"];
      if (failed && isForAPerson && hosts.length > 1 && results.length === hosts.length) {
        const { hintOnResults, recorded: known } = await import("./forgotten-mark.ts");
        const hint = await hintOnResults({ hosts, script }, results, known(controller));
        if (hint !== undefined) io.err(`${hint}\n`);
      }
      return failed || unwritten !== "" ? 1 : 0;
    } finally {
      view.end();
    }
  },
});

/** Whether something of it may still be running, although nobody here waits for it. */
function mayGoOn({ results, rollout }: RunReport): boolean {
  const isOut = results.some(({ state }) => goesOn(state) || state === "unknown");
  return isOut || rollout?.checking !== undefined;
}

function timeoutOption(text: string | undefined): number | undefined {
  return text === undefined ? undefined : durationOption("timeout", text, 1, MAX_TYPED_SECONDS);
}

/** A word that is not a host may be meant for the script. */
async function withHint(thrown: unknown, words: RunWords): Promise<unknown> {
  if (!(thrown instanceof CtrlExecError) || thrown.code !== "bad-request") return thrown;
  // "a=b" may be a tag without its @, but is more often an argument.
  const looksLikeTag = words.hosts.some((word) => word.includes("=") && !word.includes("@"));
  const saysMore = thrown.hint !== undefined && thrown.hint !== HOST_HINT;
  if (saysMore && !looksLikeTag) return thrown;
  const { hintOnWords } = await import("./forgotten-mark.ts");
  const hint = hintOnWords(words);
  return hint === undefined ? thrown : new CtrlExecError(thrown.code, thrown.message, { hint });
}
