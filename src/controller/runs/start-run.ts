/** Starts a run of one allowlisted script on many hosts. */
import type { RunResult } from "../../core/run-result.ts";
import { isSendableName } from "../../core/script-name.ts";
import type { Caller } from "../access/authorize.ts";
import { authorizedHosts } from "../access/authorized-hosts.ts";
import { type Controller, openDialler } from "../control-host.ts";
import type { HostChoice } from "../fleet/host-choice.ts";
import type { RunWatcher } from "./listener.ts";
import { takeRunLocks } from "./locks.ts";
import { Run } from "./run.ts";
import { runBody, runFacts } from "./run-body.ts";

export interface RunOrder extends HostChoice {
  /**
   * Any text: each agent answers for its own allowlist, and refuses names that no allowlist can contain. A name that
   * must not even be sent is refused here, for all hosts.
   */
  readonly script: string;
  readonly args: readonly string[];
  /**
   * A run that cannot be recorded is not begun, because nobody waits for its results, or because the caller
   * uses lent rights (T62).
   */
  readonly mustBeRecorded?: boolean;
  /** Seconds after which the agents end the script; agents before 1.1 do not. */
  readonly timeout?: number | undefined;
  /** The run is finished when every host has accepted it: their states are `running`. It must be recorded. */
  readonly detach?: boolean;
  /** The rollout of which it is a check. */
  readonly checkOf?: string;
  /**
   * Called when the hook has agreed and before anything is sent, with the hosts as they are named in the results.
   * Returns the listener for the run while it is under way.
   */
  readonly watch?: (hosts: readonly string[]) => RunWatcher;
}

/**
 * Resolves as soon as the run is accepted: then its record can be read, and nothing has been sent.
 *
 * @param onResult called once per host, as they answer
 * @param needed settles when nobody needs the results any more; until then, and until the run has ended, they
 * count against the replies that are held
 * @throws CtrlExecError if nothing was dialled: bad request, denied, no credential, locked, `unrecorded`
 */
export async function startRun(
  controller: Controller,
  caller: Caller,
  order: RunOrder,
  onResult: (result: RunResult) => void,
  needed?: Promise<unknown>,
): Promise<Run> {
  const { script, args, detach = false } = order;
  const mustBeRecorded = detach || order.mustBeRecorded === true;
  const { username } = caller;
  const body = runBody(controller, caller, order);
  const { reqid } = body;
  const action = { action: "run", script, args } as const;
  const targets = await authorizedHosts(controller, caller, action, order);
  const dialler = await openDialler(controller);
  const sentTo = isSendableName(script) ? targets : [];
  const locks = await takeRunLocks(controller, { targets: sentTo, script, reqid, username });
  const { checkOf } = order;
  const facts = { ...runFacts(body, targets), check_of: checkOf };
  const record = await controller.store.runs.begin(facts, mustBeRecorded).catch((thrown) => {
    locks.releaseAll();
    throw thrown;
  });
  const { onEvent, onContact } = order.watch?.(facts.hosts) ?? { onEvent: undefined };
  const parts = { body, targets, sentTo, dialler, locks, record, onEvent, onContact, checkOf };
  const run = new Run(controller, parts, onResult);
  await run.begin(mustBeRecorded, needed);
  return run;
}
