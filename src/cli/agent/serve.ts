import type { ShimProgram } from "../../agent/jobs/shim-link.ts";
import { removeLeftovers } from "../../agent/pairing/storing.ts";
import { startAgentServer } from "../../agent/server.ts";
import { loadState, logStateWarnings } from "../../agent/state/state.ts";
import { formatHostPort } from "../../core/net/host-name.ts";
import { startWorkerThreads } from "../../system/process/helper-threads.ts";
import { leaveJobs } from "../../system/process/job-mark.ts";
import { reapOrphans } from "../../system/process/orphans.ts";
import { nameProcess } from "../../system/process/process-name.ts";
import { notifyReady } from "../../system/process/service-manager.ts";
import { defineVerb, type VerbInput } from "../command/command.ts";
import { untilStopped } from "../command/stop-signals.ts";
import { Reloads } from "../reload-requests.ts";
import { sayUp } from "../render/up.ts";
import { agentOptions } from "./options.ts";
import { reload, type Serving, warningsFor } from "./reload.ts";
import { openAgentSetting } from "./setting.ts";

const options = {
  config: agentOptions.config,
  allowlist: agentOptions.allowlist,
  log: agentOptions.log,
} as const;

export const serve = defineVerb({
  positionals: "",
  arity: [0, 0],
  options,
  details: [
    "Listens on the port of agent.conf (default 7443) for the control host, and runs",
    "the scripts that scripts.conf lists. The init system usually starts it.",
    "",
    "SIGHUP reloads agent.conf (except addresses and ports), scripts.conf, the",
    "certificates, the serial and the revocation list. If one of them cannot be",
    "used, the old state stays in force; a bad line of scripts.conf is only skipped,",
    "with a warning in the log. SIGTERM stops accepting connections and gives running",
    "scripts up to 10 seconds to answer. The mode reload does what SIGHUP does, and",
    "says whether it worked and what was skipped.",
  ].join("\n"),
  examples: ["ctrl-exec-agent serve", "ctrl-exec-agent serve --log stderr"],
  async run(input) {
    reapOrphans();
    // A script may have started this agent: then it is not part of that script's job.
    leaveJobs();
    const stopped = untilStopped();
    const started = Promise.withResolvers<Serving>();
    // Before anything else: a SIGHUP while the agent is starting must not end it.
    const ready = started.promise.then(() => undefined);
    const reloads = new Reloads(ready, async () => reload(input.options, await started.promise));
    process.on("SIGHUP", () => void reloads.ask());
    nameProcess("ctrl-exec-agent");
    await startWorkerThreads();
    const serving = await start(input);
    started.resolve(serving);
    reloads.serve(input.io.env, serving.log);
    notifyReady(input.io.env.NOTIFY_SOCKET);
    sayUp(input.io, `ctrl-exec-agent is up: ${whereOf(serving)}`);
    await stopped;
    reloads.stop();
    await serving.server.close();
    return 0;
  },
});

function whereOf({ config, server: { port } }: Serving): string {
  if (port !== undefined) return `it listens on ${formatHostPort(config.bind, port)}`;
  const hubs = (config.connect ?? []).map(({ label }) => label);
  return `it opens no port, and waits for calls through ${hubs.join(", ")}`;
}

type Input = VerbInput<typeof options>;

async function start(input: Input): Promise<Serving> {
  const setting = await openAgentSetting(input.options, "error");
  const { config, log } = setting;
  removeLeftovers(config);
  const state = await loadState(config, setting.allowlistPath);
  logStateWarnings(state, warningsFor(setting), log);
  const server = await startAgentServer({ state, shim: shimProgram(), log, now: () => new Date() });
  return { server, config, log };
}

/** The file that this process runs, whatever is now at its path; with it, when run from the sources, main. */
function shimProgram(): ShimProgram {
  const file = process.platform === "linux" ? "/proc/self/exe" : process.execPath;
  const main = Bun.main.startsWith("/$bunfs/") ? [] : [Bun.main];
  return { file, args: main };
}
