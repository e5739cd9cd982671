import { pingHosts } from "../../controller/inventory/ping.ts";
import { renewSeen } from "../../controller/upkeep/renew-seen.ts";
import { type ClockVerdict, judgeClock } from "../../core/clock.ts";
import { withNextStep } from "../../core/refusal-steps.ts";
import type { PingResult } from "../../core/results.ts";
import { forOneLine } from "../../core/text.ts";
import { defineVerb } from "../command/command.ts";
import { renderClocks } from "../render/clock.ts";
import { warned, writeJson } from "../render/json.ts";
import { Progress } from "../render/progress.ts";
import { tableFor } from "../render/table.ts";
import { wayText } from "../render/way.ts";
import { hostChoice, listedHosts, sayNotes } from "./host-options.ts";
import { callerOptions, commonOptions, controllerOptions, hostOptions } from "./options.ts";
import { cliCaller, openController } from "./setting.ts";

export const ping = defineVerb({
  positionals: "<host>[:<port>]...",
  arity: [1, 100_000],
  leastWith: { "hosts-from": 0 },
  options: {
    ...hostOptions,
    json: controllerOptions.json,
    ...callerOptions,
    ...commonOptions,
  },
  details: [
    "Calls each host over mutual TLS, and names each host whose clock differs from",
    "this one's by a minute or more. Hosts may be expressions, as in run:",
    "'web-[01-20]', 'web-*', @all, '@all!@stale'. --hosts-from takes more of them",
    "from a file.",
    "",
    "Exit status: 0 when every host answered, 1 when any did not.",
  ].join("\n"),
  examples: [
    "ctrl-exec ping web-01",
    "ctrl-exec ping web-01 web-02:7450 --json",
    "ctrl-exec ping @all --limit 10%",
  ],
  async run({ options, positionals, io }) {
    const more = await listedHosts(options, io);
    const caller = await cliCaller(options, io);
    const controller = await openController(options);
    const { agentPort: port } = controller;
    const warnings: string[] = [];
    const choice = {
      ...hostChoice(positionals, options, port, more),
      ...sayNotes(io, warnings),
    };
    let progress: Progress | undefined;
    const results = await pingHosts(controller, caller, choice, {
      onHosts: (count) => {
        progress = new Progress(io, count);
      },
      onResult: () => progress?.step(() => undefined),
      onSeen: (records) => renewSeen(controller, records),
    }).finally(() => progress?.end());
    if (options.json) writeJson(io, { ok: 1, results, ...warned(warnings) });
    else {
      // Where no hub is in use, nothing is said of hubs.
      const hubs = results.some(({ via }) => via !== undefined);
      const rows = results.map(
        ({ host, status, rtt, expiry, version, via: hub, via_since: since = "" }) => [
          host,
          status,
          rtt,
          expiry,
          version,
          ...(hubs ? [wayText(hub === undefined ? undefined : { hub, since })] : []),
        ],
      );
      const header = ["HOST", "STATUS", "RTT", "CERT EXPIRY", "VERSION", ...(hubs ? ["WAY"] : [])];
      io.out(tableFor(io, header, rows));
      for (const { host, error } of results) {
        if (error !== undefined)
          io.err(`${host}: ${forOneLine(withNextStep(error, controller.config))}\n`);
      }
      renderClocks(io, clocksOf(results));
    }
    return results.some(({ status }) => status !== "ok") ? 1 : 0;
  },
});

/** As if every answer had come just now. */
function clocksOf(results: readonly PingResult[]): ClockVerdict {
  const seen = new Date();
  const answered = results.filter(({ status }) => status === "ok");
  const sightings = answered.map(({ host, clock_offset: offset = 0 }) => ({ host, offset, seen }));
  return judgeClock(sightings, seen);
}
