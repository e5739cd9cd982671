/** The running agent: the door, the requests that pass it, and the state that both use. */
import { type AgentShares, agentShares } from "../core/descriptor-shares.ts";
import { messageOf } from "../core/errors.ts";
import type { AgentLog } from "../core/events.ts";
import { QuietLog } from "../core/quiet-log.ts";
import type { Connection } from "../system/net/connection.ts";
import { listenTcp } from "../system/net/tcp.ts";
import { descriptorLimit } from "../system/process/descriptors.ts";
import { Door } from "./door/door.ts";
import { Requests } from "./http/requests.ts";
import { JobTable } from "./jobs/job-table.ts";
import { jobsFolderOf } from "./jobs/jobs-folder.ts";
import type { ShimProgram } from "./jobs/shim-link.ts";
import { UnkeptRuns } from "./jobs/unkept-runs.ts";
import type { Via } from "./links/kept-link.ts";
import { Links } from "./links/links.ts";
import { AgentMetrics } from "./metrics/agent-metrics-port.ts";
import { RunningScripts } from "./scripts/running-scripts.ts";
import type { AgentState } from "./state/state.ts";
import { StateKeeper } from "./state/state-keeper.ts";
import { UpgradeInbox } from "./upgrade/inbox.ts";
import { inboxOf } from "./upgrade/places.ts";

/** How long running scripts have to answer after close(). */
const CLOSE_MS = 10_000;

export interface AgentServer {
  /** Undefined with `listen = no`. */
  readonly port: number | undefined;
  /** Puts a new state in force from the next connection and the next request on; limits start afresh. */
  replaceState(state: AgentState): void;
  /** Stops accepting, and waits up to 10 s for the answers that are due. */
  close(): Promise<void>;
}

export interface AgentServerOptions {
  readonly state: AgentState;
  /** If it is undefined, runs end with this process. */
  readonly shim?: ShimProgram;
  readonly log: AgentLog;
  readonly now: () => Date;
}

/** @throws CtrlExecError `config` when the port cannot be bound */
export async function startAgentServer(options: AgentServerOptions): Promise<AgentServer> {
  const { state, shim, now } = options;
  const metrics = new AgentMetrics(now());
  const log = state.config.metrics_bind === undefined ? options.log : metrics.counting(options.log);
  const keeper = new StateKeeper(state, log);
  const { connections, processes } = shareDescriptors(state, log);
  const running = new RunningScripts(processes);
  const config = () => keeper.state.config;
  const folder = jobsFolderOf(state.config);
  const table = shim && new JobTable({ folder, shim, config, log, now, running });
  const jobs = table ?? new UnkeptRuns({ config, log, now });
  const inbox = new UpgradeInbox(inboxOf(state.config));
  inbox.removeLeft(now());
  const quiet = new QuietLog(log);
  const requests = new Requests(() => {
    return { state: keeper.current(), log, quiet, now, running, jobs, inbox };
  }, now);
  const door = new Door({
    keeper,
    log,
    now,
    cap: connections,
    onVisit: (visit) => void requests.welcome(visit),
    isIdle: (connection) => requests.isIdle(connection),
  });
  await table?.recover();
  const closeMetrics = await metrics.serve(state.config, log, () => ({
    certificateEnd: keeper.state.trust.identity.certificate.notAfter,
    scripts: keeper.state.allowlist.scripts.size,
    processes: running.total,
    connections: door.connections,
    spoolBytes: table?.spoolBytes,
    spoolLimit: keeper.state.config.run_spool,
  }));
  const accept = (connection: Connection, via?: Via) => {
    door.accept(connection, via).catch((thrown) => {
      log({ event: "accept-fatal", peer: connection.address, reason: messageOf(thrown) });
      connection.close();
    });
  };
  const { bind, listen, connect = [] } = state.config;
  const listening = listen ? listenTcp(bind, state.config.port, (one) => accept(one)) : undefined;
  const links = new Links({
    state: () => keeper.current(),
    log,
    now,
    onCaller: accept,
    random: Math.random,
  });
  log({ event: "start", port: listening?.port });
  links.keep(connect);
  return {
    port: listening?.port,
    replaceState(next) {
      keeper.replace(next);
      const measured = shareDescriptors(next, log);
      running.resize(measured.processes);
      door.reset(next, measured.connections);
      links.keep(next.config.connect ?? []);
    },
    async close() {
      listening?.stop();
      links.stop();
      closeMetrics?.();
      door.closeAll((connection) => requests.isBusy(connection));
      await requests.finish(CLOSE_MS);
      door.closeAll();
      table?.close();
    },
  };
}

function shareDescriptors({ config }: AgentState, log: AgentLog): AgentShares {
  const descriptors = descriptorLimit();
  const measured = agentShares(descriptors, config.max_connections);
  if (measured.connections < config.max_connections) {
    log({
      event: "config-warn",
      key: "max_connections",
      msg: `ulimit -n ${descriptors} leaves room for ${measured.connections} connections`,
    });
  }
  return measured;
}
