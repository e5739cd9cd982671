import { resolve } from "node:path";
import { hostOf } from "../../controller/fleet/targets.ts";
import { isAddress } from "../../controller/upgrade/release.ts";
import {
  FleetUpgrade,
  planUpgrade,
  type UpgradeCheck,
  type UpgradePlan,
} from "../../controller/upgrade/upgrade-fleet.ts";
import { CtrlExecError } from "../../core/errors.ts";
import { namedHosts } from "../../core/hosts/fold.ts";
import { isUpToDate, type UpgradeResult } from "../../core/release/upgrade-result.ts";
import { PLAIN_ROLLOUT } from "../../core/rollout.ts";
import { forOneLine, screenLine } from "../../core/text.ts";
import { defineVerb } from "../command/command.ts";
import type { Io } from "../command/io.ts";
import { rightsAreLent } from "../command/lent-rights.ts";
import { durationOption } from "../command/numbers.ts";
import { firstSignal, STOP_SIGNALS } from "../command/stop-signals.ts";
import { warned, writeJson } from "../render/json.ts";
import { checkText } from "../render/rollout.ts";
import { unlistedText } from "../render/unlisted-script.ts";
import { hostChoice, listedHosts, sayNotes } from "./host-options.ts";
import { callerOptions, commonOptions, controllerOptions, hostOptions } from "./options.ts";
import { rolloutChoice } from "./rollout-options.ts";
import { cliCaller, openController } from "./setting.ts";

/** As `run` ends when it has left hosts out. */
const UPGRADE_STOPPED = 3;

/** Seconds. An agent takes its own upgrade_timeout, and for a roll-back as long again, or a minute. */
const DEFAULT_WAIT = 300;

export const upgrade = defineVerb({
  positionals: "<host>[:<port>]...",
  arity: [1, 100_000],
  leastWith: { "hosts-from": 0 },
  options: {
    from: {
      ...controllerOptions.from,
      valueHint: "release",
      description: "Folder or address of a signed release",
    },
    ...hostOptions,
    batch: controllerOptions.batch,
    "max-failures": controllerOptions["max-failures"],
    "per-tag": controllerOptions["per-tag"],
    pause: controllerOptions.pause,
    check: controllerOptions.check,
    downgrade: controllerOptions.downgrade,
    timeout: {
      ...controllerOptions.timeout,
      description: "Wait so long for a host that has it (default 5m)",
    },
    "dry-run": controllerOptions["dry-run"],
    json: controllerOptions.json,
    ...callerOptions,
    ...commonOptions,
  },
  details: [
    "Brings a release to agents that allow it (allow_upgrade in agent.conf). Its",
    "signature must be that of release_key, here and on each host. A host checks it",
    "itself, restarts its agent, and puts the old program back if the agent does not",
    "answer with the new version. Hosts that have the version are left alone. Hosts",
    "may be expressions, as in run. Only the program itself is replaced: units, man",
    "pages and completions on a host stay those that its install.sh wrote.",
    "",
    "With --batch 1,10%,100% each batch begins when all hosts of the one before have",
    "answered with the new version. It stops when more hosts have failed than",
    "--max-failures allows, or when the script of --check fails on one that has the",
    "version; the same command goes on with the others.",
    "",
    "--dry-run checks the release and shows the batches; no host is asked.",
    "",
    "Exit status: 0 when every host has the version, 1 when any has not or the last",
    "check failed, 3 when hosts were not started. Ctrl-C stops the waiting: a host",
    "that has the release goes on.",
  ].join("\n"),
  examples: [
    "ctrl-exec upgrade web-01 --from /srv/releases/1.2.0",
    "ctrl-exec upgrade @all --from /srv/releases/1.2.0 --batch 1,10% --check health",
    "ctrl-exec upgrade 'web-*' --from /srv/releases/1.2.0 --dry-run",
  ],
  async run({ options, positionals, io }) {
    const { from } = options;
    if (from === undefined) {
      throw new CtrlExecError("usage", "--from names the release, and is missing", {
        hint: "For example --from /srv/releases/1.2.0.",
      });
    }
    const unused = { confirm: false, resume: undefined };
    const choice = rolloutChoice({ ...options, ...unused, detach: false, async: false }, false);
    const wait = durationOption("timeout", options.timeout ?? String(DEFAULT_WAIT), 1, 86_400);
    const more = await listedHosts(options, io);
    const caller = await cliCaller(options, io);
    const controller = await openController(options);
    const warnings: string[] = [];
    const order = {
      choice: {
        ...hostChoice(positionals, options, controller.agentPort, more),
        ...sayNotes(io, warnings),
      },
      from: isAddress(from) ? from : resolve(from),
      tellsWhy: !rightsAreLent(),
      rollout: { ...PLAIN_ROLLOUT, ...choice?.rollout },
      downgrade: options.downgrade,
      waitMs: wait * 1000,
    };
    const plan = await planUpgrade(controller, caller, order);
    if (plan.unlisted !== undefined) io.err(unlistedText(plan.unlisted, controller.config));
    if (options["dry-run"]) {
      showPlan(io, plan, options.json, warnings);
      return 0;
    }
    const ending = new AbortController();
    const checks: UpgradeCheck[] = [];
    const work = new FleetUpgrade(
      controller,
      caller,
      order,
      plan,
      {
        onBatch: (batch, of, hosts) => {
          if (of > 1) io.err(`Batch ${batch} of ${of}: ${namedHosts(hosts)}\n`);
        },
        onResult: (result) => {
          if (!options.json) io.out(`${resultLine(result)}\n`);
        },
        onCheck: (check) => {
          checks.push(check);
          io.err(checkText(check, controller.config));
        },
      },
      ending.signal,
    ).carryOut();
    const signal = await firstSignal(STOP_SIGNALS, work);
    if (signal !== undefined) ending.abort();
    const { results, stopped } = await work;
    if (options.json) {
      const checked = order.rollout.check === "" ? {} : { checks };
      writeJson(io, {
        ok: 1,
        version: plan.release.version,
        results,
        ...checked,
        ...warned(warnings),
      });
    }
    if (signal !== undefined) return signal;
    const left = results.filter(({ state }) => state === "not-started").length;
    if (left > 0) {
      io.err(`Stopped: ${left} of ${results.length} hosts were not started.\n`);
      io.err("The same command goes on with them: hosts that have the version are left alone.\n");
      return UPGRADE_STOPPED;
    }
    if (stopped !== undefined) io.err(screenLine`Stopped: ${stopped}\n`);
    return stopped === undefined && results.every(isUpToDate) ? 0 : 1;
  },
});

function showPlan(
  io: Io,
  { release, batches }: UpgradePlan,
  json: boolean,
  warnings: readonly string[],
): void {
  const { version, builds } = release;
  const hosts = batches.map((batch) => batch.map(hostOf));
  if (json) {
    writeJson(io, { ok: 1, version, builds, batches: hosts, ...warned(warnings) });
    return;
  }
  io.out(`Release ${version}, signed by release_key, with ${builds.length} builds\n`);
  for (const [position, batch] of hosts.entries()) {
    io.out(`Batch ${position + 1} of ${hosts.length}: ${namedHosts(batch)}\n`);
  }
}

function resultLine({ host, state, from, to, error }: UpgradeResult): string {
  const why = error === undefined || error === "" ? "" : `: ${forOneLine(error)}`;
  switch (state) {
    case "upgraded":
      return `${host}: upgraded from ${forOneLine(from)} to ${to}`;
    case "current":
      return `${host}: has ${to} already`;
    case "rolled-back":
      return `${host}: ${forOneLine(from)} was put back${why}`;
    case "refused":
      return `${host}: refused by the host, nothing has changed${why}`;
    case "failed":
      return `${host}: not upgraded, nothing has changed${why}`;
    case "unknown":
      return `${host}: not known whether it was upgraded${why}`;
    case "not-started":
      return `${host}: not started${why}`;
  }
}
