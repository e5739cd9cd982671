/** Fan-out: the same work on many hosts, a bounded number at once, each with a result of its own. */
import { CtrlExecError, messageOf } from "../core/errors.ts";
import { Semaphore } from "../core/semaphore.ts";
import {
  type AgentReply,
  type AgentRequest,
  askAgent,
  type Dialler,
  MAX_HANDSHAKES,
} from "./agent-client.ts";
import type { Controller } from "./controller.ts";
import { clientContext, loadCredential } from "./credential.ts";
import type { ResolvedTarget } from "./targets.ts";

/** What one host answered, or why it did not. */
export interface HostOutcome {
  readonly target: ResolvedTarget;
  readonly reply: AgentReply | undefined;
  /** Set when there is no reply. */
  readonly error: string | undefined;
  /** Milliseconds from the host's own start. */
  readonly rtt: number;
}

/** @throws CtrlExecError `config` when this host's own credential cannot be used */
export function openDialler({ config, now }: Controller): Dialler {
  return {
    config,
    context: clientContext(loadCredential(config, now())),
    handshakes: new Semaphore(MAX_HANDSHAKES),
  };
}

/**
 * Asks every target and calls back once for each, as they answer (T23: never a host without a result).
 * The promise resolves when all have.
 */
export async function askFleet(
  dialler: Dialler,
  targets: readonly ResolvedTarget[],
  request: AgentRequest,
  onOutcome: (outcome: HostOutcome) => void,
): Promise<void> {
  const queue = targets.values();
  const worker = async () => {
    for (const target of queue) onOutcome(await askOne(dialler, target, request));
  };
  const workers = Math.min(dialler.config.max_parallel, targets.length);
  await Promise.all(Array.from({ length: workers }, worker));
}

async function askOne(
  dialler: Dialler,
  target: ResolvedTarget,
  request: AgentRequest,
): Promise<HostOutcome> {
  const started = performance.now();
  const rtt = () => Math.round(performance.now() - started);
  try {
    const reply = await askAgent(dialler, target, request);
    return { target, reply, error: undefined, rtt: rtt() };
  } catch (thrown) {
    return { target, reply: undefined, error: reasonOf(thrown), rtt: rtt() };
  }
}

/** A result has one line for what happened and its likely cause. */
function reasonOf(thrown: unknown): string {
  const hint = thrown instanceof CtrlExecError ? thrown.hint : undefined;
  return hint === undefined
    ? messageOf(thrown)
    : `${messageOf(thrown)}. ${hint.replace(/\.$/, "")}`;
}
