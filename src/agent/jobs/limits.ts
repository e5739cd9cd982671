/** The limits of one run: those of its script, and what its request asks for. */
import type { AgentConfig } from "../../core/config/agent-config.ts";
import type { RunOrder } from "./job.ts";

export interface RunLimits {
  /** Seconds; undefined means no limit. */
  readonly timeout: number | undefined;
  /** How many bytes of each stream are kept. */
  readonly maxOutput: number;
}

export function limitsOf({ script, timeout }: RunOrder, config: AgentConfig): RunLimits {
  const { timeout: own, max_output = config.max_output } = script.options;
  return { timeout: least(own, timeout), maxOutput: max_output };
}

function least(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? (one ?? other) : Math.min(one, other);
}
