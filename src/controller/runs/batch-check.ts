/** The check after a batch, of a rollout or an upgrade: a run of the check's script. */
import { formatHostPort } from "../../core/net/host-name.ts";
import type { RunResult } from "../../core/run-result.ts";
import type { Caller } from "../access/authorize.ts";
import type { Controller } from "../control-host.ts";
import { ownPort, type ResolvedTarget } from "../fleet/targets.ts";
import { findRun } from "./recorded-run.ts";
import { mustBeRegistered } from "./registered-hosts.ts";
import type { RunUnderWay } from "./run.ts";
import { startRun } from "./start-run.ts";
import { watchRun } from "./watch-run.ts";

/**
 * A run of its own, with its own id: an agent accepts each id once.
 *
 * @param registered the hosts that were registered when all of it was accepted
 * @param rollout its id; an upgrade has none
 */
export function checkOf(
  current: () => Controller,
  caller: Caller,
  script: string,
  registered: ReadonlySet<string>,
  rollout?: string,
) {
  return async (batch: readonly ResolvedTarget[], reqid: string) => {
    const hosts = batch.map((target) => {
      const port = ownPort(target);
      return port === undefined ? target.name : formatHostPort(target.name, port);
    });
    const of = rollout === undefined ? {} : { checkOf: rollout };
    const order = { hosts, port: undefined, script, args: [], mustBeRecorded: true, ...of };
    // An earlier process may have begun it.
    if ((await findRun(current(), reqid)) !== undefined) return awaited(current(), reqid);
    // It is given names: one that is no longer registered would be called as any other host.
    await mustBeRegistered(current(), batch, registered);
    return await startRun(current(), { ...caller, requestId: reqid }, order, () => undefined);
  };
}

/** A run that another process has begun. */
function awaited(controller: Controller, reqid: string): RunUnderWay {
  const gone = new AbortController();
  const { promise: givenUp, resolve } = Promise.withResolvers<void>();
  let results: readonly RunResult[] = [];
  const follow = async () => {
    for await (const run of watchRun(controller, reqid, gone.signal)) results = run.results;
  };
  const giveUp = () => {
    gone.abort();
    // A question may be on its way to a host that does not answer.
    resolve();
  };
  const finished = Promise.race([follow(), givenUp]).then(() => {
    const report = { reqid, results, recorded: true };
    return gone.signal.aborted ? ({ ...report, givenUp: true } as const) : report;
  });
  return { reqid, finished, abandon: async () => giveUp(), giveUpUnheard: giveUp };
}
