/** Starts a run that is done a few hosts at a time, and carries it out. */
import { CtrlExecError } from "../../core/errors.ts";
import { formatHostPort, lowerAscii } from "../../core/net/host-name.ts";
import type { RunResult } from "../../core/run-result.ts";
import type { Caller } from "../access/authorize.ts";
import { type Controller, openDialler } from "../control-host.ts";
import { ownPort, type ResolvedTarget } from "../fleet/targets.ts";
import type { HostContext } from "../store/host.ts";
import { type AcceptedRollout, acceptRollout, type NewRollout } from "./accept-rollout.ts";
import { endRun } from "./cancel.ts";
import { authorizeBatch } from "./plan-rollout.ts";
import { findRun } from "./recorded-run.ts";
import { noLongerRegistered } from "./rejoined-batch.ts";
import { Rollout } from "./rollout.ts";
import type { BatchNews, RolloutNews } from "./rollout-news.ts";
import type { RunUnderWay } from "./run.ts";
import { type RunOrder, startRun } from "./start-run.ts";
import { watchRun } from "./watch-run.ts";

export interface RolloutOrder extends NewRollout, Pick<RunOrder, "watch"> {
  readonly onNews: (news: RolloutNews) => void;
  /** Whether a person lets the next batch begin, unless the rollout stops before that. */
  readonly confirm?: ((next: BatchNews, stopped: AbortSignal) => Promise<boolean>) | undefined;
}

/**
 * Resolves as soon as the rollout is accepted: then its record can be read, and nothing has been sent. It is always
 * recorded, because without a record nobody could say where it stopped.
 *
 * @param onResult called once per host that was asked, as they answer
 * @param needed settles when nobody needs the results any more
 * @throws CtrlExecError as startRun(), and `not-found`, `bad-request` or `busy` for what cannot be resumed
 */
export async function startRollout(
  controller: Controller,
  caller: Caller,
  order: RolloutOrder,
  onResult: (result: RunResult) => void,
  needed?: Promise<unknown>,
): Promise<Rollout> {
  const accepted = await acceptRollout(controller, caller, order, needed && { needed });
  return carryOut(() => controller, caller, accepted, { ...order, onResult }, needed);
}

/** Who is told about it, and who is asked. */
export interface Audience extends Pick<RolloutOrder, "watch" | "onNews" | "confirm"> {
  readonly onResult: (result: RunResult) => void;
}

/** @param current as it is now: a service may have read its configuration again */
export function carryOut(
  current: () => Controller,
  caller: Caller,
  accepted: AcceptedRollout,
  { watch, onNews, confirm, onResult }: Audience,
  needed?: Promise<unknown>,
): Rollout {
  const { setting, mayFail, budget, registered, ...parts } = accepted;
  const { body, targets } = parts;
  const watcher = watch?.(targets.map(({ label }) => label)) ?? { onEvent: undefined };
  const action = { action: "run", script: body.script, args: body.args } as const;
  const { check } = setting;
  const mustBeRegistered = async (hosts: readonly ResolvedTarget[]) => {
    const gone = await unregisteredOf(current(), hosts, registered);
    if (gone.length > 0) throw new CtrlExecError("bad-request", noLongerRegistered(gone));
  };
  const rollout = new Rollout(
    current(),
    {
      ...{ ...parts, watcher, onResult, onNews, confirm, mayFail },
      pause: setting.pause,
      openDialler: async () => ({ ...(await openDialler(current())), budget }),
      authorize: async (batch) => {
        await mustBeRegistered(batch);
        await authorizeBatch(current(), caller, action, batch);
      },
      unregistered: async (hosts) => await unregisteredOf(current(), hosts, registered),
      check: check === "" ? undefined : checkOf(current, caller, check, mustBeRegistered),
      endCheck: async (reqid, username) => {
        // Whoever cancels it also asks, and learns what could not be ended.
        await endRun(current(), reqid, { grace: GRACE, username }).catch(() => undefined);
      },
    },
    needed,
  );
  rollout.begin();
  return rollout;
}

/** Seconds between TERM and KILL for a check. */
const GRACE = 10;

/** A run of its own, with its own id: an agent accepts each id once. */
function checkOf(
  current: () => Controller,
  caller: Caller,
  script: string,
  mustBeRegistered: (hosts: readonly ResolvedTarget[]) => Promise<void>,
) {
  return async (batch: readonly ResolvedTarget[], reqid: string) => {
    const hosts = batch.map((target) => {
      const port = ownPort(target);
      return port === undefined ? target.name : formatHostPort(target.name, port);
    });
    const order = { hosts, port: undefined, script, args: [], mustBeRecorded: true };
    // An earlier process may have begun it.
    if ((await findRun(current(), reqid)) !== undefined) return awaited(current(), reqid);
    // It is given names: one that is no longer registered would be called as any other host.
    await mustBeRegistered(batch);
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

/** When a host is unpaired during a rollout, it must be certain that nothing is sent there any more. */
async function unregisteredOf(
  { store }: HostContext,
  batch: readonly ResolvedTarget[],
  registered: ReadonlySet<string>,
): Promise<readonly ResolvedTarget[]> {
  const asked = batch.filter(({ label }) => registered.has(label));
  const nameOf = ({ record, name }: ResolvedTarget) => record?.hostname ?? name;
  const known = await store.registry.findAll(asked.map(nameOf));
  return asked.filter((target) => known.get(lowerAscii(nameOf(target)))?.kind !== "agent");
}
