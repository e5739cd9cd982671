import { orAll } from "../../controller/access/registered-hosts.ts";
import { discoverHosts } from "../../controller/inventory/discovery.ts";
import { configArgument, type OwnSetting } from "../../core/config/controller-config.ts";
import { CtrlExecError } from "../../core/errors.ts";
import { namedHosts } from "../../core/hosts/fold.ts";
import { withNextStep } from "../../core/refusal-steps.ts";
import type { DiscoveredHost } from "../../core/results.ts";
import { screenLine } from "../../core/text.ts";
import { defineVerb } from "../command/command.ts";
import { warned, writeJson } from "../render/json.ts";
import { Progress } from "../render/progress.ts";
import { scriptTable } from "../render/script-table.ts";
import { renderTable } from "../render/table.ts";
import { hostChoice, listedHosts, sayNotes } from "./host-options.ts";
import { callerOptions, commonOptions, controllerOptions, hostOptions } from "./options.ts";
import { cliCaller, openController } from "./setting.ts";

export const discovery = defineVerb({
  positionals: "[<host>...]",
  arity: [0, 100_000],
  options: {
    ...hostOptions,
    json: controllerOptions.json,
    wide: controllerOptions.wide,
    ...callerOptions,
    ...commonOptions,
  },
  details: [
    "Asks hosts, or every registered host if you name none, which scripts they may",
    "run, and shows each script with the hosts that have it. A script that cannot be",
    "executed is marked. Hosts may be expressions, as in run: 'web-[01-20]', 'web-*',",
    "'@all!db-01'. --wide has a line for each script of each host, with its path;",
    "--json has each host's version and tags too. list-scripts is the same.",
    "",
    "Exit status: 0 when every host answered, 1 when any did not.",
  ].join("\n"),
  examples: [
    "ctrl-exec discovery",
    "ctrl-exec discovery 'web-*' --wide",
    "ctrl-exec discovery web-01 --json",
  ],
  async run({ options, positionals, io }) {
    if (options.json && options.wide) {
      throw new CtrlExecError(
        "usage",
        "--wide and --json cannot be used together: --json has everything",
      );
    }
    const more = await listedHosts(options, io);
    const caller = await cliCaller(options, io);
    const controller = await openController(options);
    const warnings: string[] = [];
    const choice = orAll({
      ...hostChoice(positionals, options, controller.agentPort, more),
      ...sayNotes(io, warnings),
    });
    let progress: Progress | undefined;
    const found = await discoverHosts(
      controller,
      caller,
      choice.hosts.length === 0 ? undefined : choice,
      {
        onHosts: (count) => {
          progress = new Progress(io, count);
        },
        onResult: () => progress?.step(() => undefined),
      },
    ).finally(() => progress?.end());
    const answered = found.filter(({ error }) => error === undefined);
    const failed = found.filter(({ error }) => error !== undefined);
    if (options.json) {
      const hosts = Object.fromEntries(found.map((host) => [host.host, host]));
      writeJson(io, { ok: 1, hosts, ...warned(warnings) });
    } else {
      const columns = io.outIsTerminal ? io.columns : Number.POSITIVE_INFINITY;
      io.out(options.wide ? renderWide(answered) : scriptTable(answered, columns));
      if (found.length === 0) {
        const pairing = `ctrl-exec pairing-mode${configArgument(controller.config.file)}`;
        io.err(`No host is registered. To pair one: ${pairing}\n`);
      }
      for (const line of failureLines(failed, controller.config)) io.err(line);
    }
    return failed.length === 0 ? 0 : 1;
  },
});

/** The same under the name that says what it shows. */
export const listScripts = defineVerb({
  ...discovery,
  examples: discovery.examples.map((example) => example.replace(" discovery", " list-scripts")),
});

function renderWide(found: readonly DiscoveredHost[]): string {
  const rows = found.flatMap(({ host, version, scripts }) =>
    scripts.map(({ name, path, executable }) => [
      host,
      version,
      name,
      executable ? "yes" : "no",
      path,
    ]),
  );
  return renderTable(["HOST", "VERSION", "SCRIPT", "EXECUTABLE", "PATH"], rows);
}

/** Hosts that have failed in the same way share a line. */
function failureLines(failed: readonly DiscoveredHost[], own: OwnSetting): string[] {
  const byReason = Map.groupBy(failed, ({ error = "" }) => withNextStep(error, own));
  return [...byReason].map(
    ([why, hosts]) => screenLine`${namedHosts(hosts.map(({ host }) => host))}: ${why}\n`,
  );
}
