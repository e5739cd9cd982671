/** `metrics_bind` of an agent: what it has counted since its start, for programs on its host. */
import type { AgentConfig } from "../../core/config/agent-config.ts";
import { messageOf } from "../../core/errors.ts";
import type { AgentLog } from "../../core/events.ts";
import { agentTally, countAgentEvent } from "../../core/metrics/agent-counting.ts";
import { AGENT_GAUGES as M } from "../../core/metrics/agent-metrics.ts";
import { exposition, type Format } from "../../core/metrics/exposition.ts";
import { type Series, series } from "../../core/metrics/metric.ts";
import { COMMIT, VERSION } from "../../core/version.ts";
import { startMetricsServer } from "../../system/net/metrics-server.ts";

/** What the agent is doing just now. */
export interface AgentLoad {
  readonly certificateEnd: Date;
  readonly scripts: number;
  readonly processes: number;
  readonly connections: number;
  /** Undefined if no runs are kept. */
  readonly spoolBytes: number | undefined;
  readonly spoolLimit: number;
}

export class AgentMetrics {
  readonly #tally = agentTally();
  readonly #started: Date;

  constructor(started: Date) {
    this.#started = started;
  }

  /** A log that also counts. */
  counting(log: AgentLog): AgentLog {
    return (event) => {
      log(event);
      countAgentEvent(event, this.#tally);
    };
  }

  /** @returns how to close it; undefined if there is no `metrics_bind` @throws CtrlExecError `config` */
  async serve(
    { metrics_bind: bind, metrics_port: port }: AgentConfig,
    log: AgentLog,
    load: () => AgentLoad,
  ): Promise<(() => void) | undefined> {
    if (bind === undefined) return undefined;
    const server = await startMetricsServer({
      bind,
      port,
      token: () => undefined,
      secureContext: () => undefined,
      text: async (format) => this.#text(load(), format),
      onFailure: (thrown) =>
        log({ event: "config-warn", key: "metrics_bind", msg: messageOf(thrown) }),
      onTlsFailure: () => undefined,
    });
    log({ event: "metrics-start", bind, port: server.port });
    return () => {
      server.stopAccepting();
      server.closeAll();
    };
  }

  #text(load: AgentLoad, format: Format): string {
    const spool: readonly Series[] =
      load.spoolBytes === undefined
        ? []
        : [series(M.spool, {}, load.spoolBytes), series(M.spoolLimit, {}, load.spoolLimit)];
    const gauges = [
      series(M.build, { version: VERSION, commit: COMMIT }, 1),
      series(M.started, {}, this.#started.getTime() / 1000),
      series(M.certificateEnd, {}, load.certificateEnd.getTime() / 1000),
      series(M.scripts, {}, load.scripts),
      series(M.running, {}, load.processes),
      series(M.connections, {}, load.connections),
      ...spool,
    ];
    return exposition([...gauges, ...this.#tally.series], format);
  }
}
