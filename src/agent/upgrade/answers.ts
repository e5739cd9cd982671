/** Whether the agent of this host answers, over its own port and mutual TLS, and with which version. */
import type { AgentConfig } from "../../core/config/agent-config.ts";
import { CtrlExecError, messageOf } from "../../core/errors.ts";
import { ownAddress } from "../../core/net/own-address.ts";
import { ConnectionFailed } from "../../system/net/connection-failed.ts";
import { selfPing } from "../checks/self-ping.ts";
import { loadTrust } from "../trust/trust.ts";

/** Between two tries while nothing listens. */
const AGAIN_MS = 200;

/** Between two that reached somebody: the agent's limits for callers that it does not trust are its own. */
const REACHED_AGAIN_MS = 7000;

/**
 * Asks until it answers so, or the time is over.
 *
 * @param version that it must have; undefined takes any
 * @returns why it does not; undefined if it does
 */
export async function answersInTime(
  config: AgentConfig,
  version: string | undefined,
  timeoutMs: number,
): Promise<string | undefined> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const { problem, reached } = await answers(config, version);
    const left = end - performance.now();
    if (problem === undefined || left <= 0) return problem;
    await Bun.sleep(Math.min(left, reached ? REACHED_AGAIN_MS : AGAIN_MS));
  }
}

interface Answered {
  readonly problem: string | undefined;
  readonly reached: boolean;
}

async function answers(config: AgentConfig, version: string | undefined): Promise<Answered> {
  const steps = { onListening: () => undefined, onHandshake: () => undefined };
  try {
    const reply = await selfPing(loadTrust(config), config, ownAddress(config.bind), steps);
    if (reply.status !== 403 || reply.error !== "serial mismatch") {
      return { problem: `the agent answers ${reply.status} ${reply.error}`, reached: true };
    }
    if (version === undefined || reply.version === version) {
      return { problem: undefined, reached: true };
    }
    const said = reply.version ?? "an unknown version";
    return { problem: `the agent answers with ${said} instead of ${version}`, reached: true };
  } catch (thrown) {
    return { problem: messageOf(thrown), reached: !isRefused(thrown) };
  }
}

function isRefused(thrown: unknown): boolean {
  const { cause } = thrown instanceof CtrlExecError ? thrown : {};
  return cause instanceof ConnectionFailed && cause.code === "ECONNREFUSED";
}
