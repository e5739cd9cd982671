/** Starts a run that is done a few hosts at a time, or goes on with one that has stopped. */
import { configArgument } from "../../core/config/controller-config.ts";
import { CtrlExecError } from "../../core/errors.ts";
import { namedHosts } from "../../core/hosts/fold.ts";
import { formatHostPort, lowerAscii } from "../../core/net/host-name.ts";
import { allowedFailures, PLAIN_ROLLOUT, type RolloutSetting } from "../../core/rollout.ts";
import type { RunResult } from "../../core/run-result.ts";
import { isoSeconds } from "../../core/time.ts";
import type { Caller } from "../access/authorize.ts";
import { authorizedHosts } from "../access/authorized-hosts.ts";
import { hostsOfRun } from "../access/authorized-targets.ts";
import { type Controller, openDialler, openReplies } from "../control-host.ts";
import type { FleetDialler } from "../fleet/fan-out.ts";
import { ownPort, type ResolvedTarget } from "../fleet/targets.ts";
import type { RolloutOrder as KeptOrder, OwnedRollout } from "../store/ports/rollouts.ts";
import type { RunRecord } from "../store/ports/runs.ts";
import { authorizeRun, noSuchRun } from "./authorize-run.ts";
import { endRun } from "./cancel.ts";
import { authorizeBatch, placesOf, planRollout } from "./plan-rollout.ts";
import { Rollout, type RolloutParts } from "./rollout.ts";
import type { BatchNews, RolloutNews } from "./rollout-news.ts";
import type { RunUnderWay } from "./run.ts";
import { runBody, runFacts } from "./run-body.ts";
import { type RunOrder, startRun } from "./start-run.ts";
import { watchRun } from "./watch-run.ts";

/** What is to be done, and nothing of who hears of it. */
export interface NewRollout extends Omit<RunOrder, "detach" | "mustBeRecorded" | "watch"> {
  /** What is left out is as in PLAIN_ROLLOUT, or as the rollout had it that is gone on with. */
  readonly rollout: Partial<RolloutSetting>;
  /** The rollout to go on with; then it says which hosts. */
  readonly resume?: string | undefined;
}

export interface RolloutOrder extends NewRollout, Pick<RunOrder, "watch"> {
  readonly onNews: (news: RolloutNews) => void;
  /** Whether a person lets the next batch begin. */
  readonly confirm?: ((next: BatchNews) => Promise<boolean>) | undefined;
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
  const accepted = await acceptRollout(controller, caller, order, needed);
  return carryOut(() => controller, caller, accepted, { ...order, onResult }, needed);
}

/** @throws as startRollout() */
export async function acceptRollout(
  controller: Controller,
  caller: Caller,
  order: NewRollout,
  needed?: Promise<unknown>,
): Promise<AcceptedRollout> {
  return order.resume === undefined
    ? await begun(controller, caller, order)
    : await resumed(controller, caller, order, order.resume, needed);
}

/** Who hears of it, and who is asked. */
export interface Audience extends Pick<RolloutOrder, "watch" | "onNews" | "confirm"> {
  readonly onResult: (result: RunResult) => void;
}

/** @param current as it is now: a service may have read its configuration anew */
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
  const rollout = new Rollout(
    current(),
    {
      ...{ ...parts, watcher, onResult, onNews, confirm, mayFail },
      pause: setting.pause,
      openDialler: () => ({ ...openDialler(current()), budget }),
      authorize: async (batch) => {
        await mustBeRegisteredStill(current(), batch, registered);
        await authorizeBatch(current(), caller, action, batch);
      },
      check: check === "" ? undefined : checkOf(current, caller, check),
      endCheck: async (reqid, username) => {
        // Whoever cancels it asks as well, and is told what could not be ended.
        await endRun(current(), reqid, { grace: GRACE, username }).catch(() => undefined);
      },
    },
    needed,
  );
  rollout.begin();
  return rollout;
}

/** Of so many its record says who. */
const MOST_RESUMES = 50;

/** Seconds between TERM and KILL for a check. */
const GRACE = 10;

/** A rollout whose record is written, and that this process owns. */
export interface AcceptedRollout
  extends Pick<RolloutParts, "body" | "targets" | "batches" | "before" | "owned" | "record"> {
  readonly setting: RolloutSetting;
  readonly mayFail: number;
  /** Those of its hosts that were registered when it was accepted. */
  readonly registered: ReadonlySet<string>;
  /** One for all batches. */
  readonly budget: FleetDialler["budget"];
}

/** For another process to go on with it. The token is not in it. */
export function orderOf(
  { face, username, token, sourceIp, route }: Caller,
  { body, registered, mayFail }: AcceptedRollout,
): KeptOrder {
  const { args, timeout } = body;
  const who = { face, username, sourceIp, ...(route === undefined ? {} : { route }) };
  const hasToken = token !== "";
  return { args, timeout, ...who, hasToken, registered: [...registered], mayFail };
}

async function begun(
  controller: Controller,
  caller: Caller,
  order: NewRollout,
): Promise<AcceptedRollout> {
  const { script, args } = order;
  const body = runBody(controller, caller, order);
  const setting = { ...PLAIN_ROLLOUT, ...order.rollout };
  const action = { action: "run", script, args } as const;
  const targets = await authorizedHosts(controller, caller, action, order);
  const total = targets.length;
  const { batches, facts } = await planRollout(controller, caller, setting, targets, total);
  const { budget } = openDialler(controller);
  const head = runFacts(body, targets);
  const rollout = { ...facts, batches: placesOf(batches, head.hosts) };
  const owned = await ownRollout(controller, body.reqid);
  return await orElse(owned.end, async () => {
    const record = await controller.store.runs.begin({ ...head, rollout }, true);
    await mustBeStored(record);
    const mayFail = allowedFailures(setting.max_failures, total);
    const registered = registeredOf(targets);
    return { body, setting, targets, batches, mayFail, registered, budget, owned, record };
  });
}

function registeredOf(targets: readonly ResolvedTarget[]): ReadonlySet<string> {
  return new Set(targets.flatMap(({ record, label }) => (record === undefined ? [] : [label])));
}

async function resumed(
  controller: Controller,
  caller: Caller,
  order: NewRollout,
  reqid: string,
  needed: Promise<unknown> | undefined,
): Promise<AcceptedRollout> {
  const { script, args } = order;
  const { runs } = controller.store;
  await authorizeRun(controller, caller, { action: "read", reqid });
  const account = openReplies(controller);
  try {
    const found = await runs.readOpen(reqid, account);
    if (found === undefined) throw noSuchRun(reqid);
    const { report, rollout, asked } = found;
    // Those of a detached one that nobody carries out now are queued.
    const left = report.results.filter(
      ({ state }) => state === "not-started" || (state === "queued" && found.detached),
    );
    const isLeft = new Set(left.map(({ host }) => host));
    const isUnderWay = found.alive && !found.detached;
    if (rollout === undefined || isUnderWay || isLeft.size === 0) {
      throw nothingLeft(controller, reqid, isUnderWay);
    }
    if (report.script !== script) {
      throw new CtrlExecError(
        "bad-request",
        `Cannot go on with run ${reqid}: it runs ${report.script}, not ${script}`,
        { hint: "Give the same script and arguments as before." },
      );
    }
    const body = runBody(controller, caller, order, reqid);
    const setting = { ...rollout, ...order.rollout };
    const targets = await hostsOfRun(
      controller,
      asked.filter(({ host }) => isLeft.has(host)),
    );
    await authorizeBatch(controller, caller, { action: "run", script, args }, targets);
    const total = asked.length;
    const { batches, facts } = await planRollout(controller, caller, setting, targets, total);
    const { budget } = openDialler(controller);
    const { hosts, submitter } = report;
    const ports = asked.map(({ port }) => port ?? null);
    const some = ports.some((port) => port !== null) ? { ports } : {};
    const head = { reqid, script, hosts, ...some, submitter, token: caller.token };
    const owned = await ownRollout(controller, reqid);
    return await orElse(owned.leave, async () => {
      const hand = { by: caller.username, since: isoSeconds(controller.now()) };
      const resumed_by = [...(rollout.resumed_by ?? []), hand].slice(-MOST_RESUMES);
      const rolloutFacts = { ...facts, batches: placesOf(batches, hosts), resumed_by };
      const record = await runs.goOn({ ...head, rollout: rolloutFacts }, account);
      if (record === undefined) throw nothingLeft(controller, reqid, true);
      await mustBeStored(record);
      await owned.renew();
      controller.log({ event: "rollout-resume", reqid, script, user: caller.username });
      const mayFail = allowedFailures(setting.max_failures, total);
      const registered = registeredOf(targets);
      return { body, setting, targets, batches, mayFail, registered, budget, owned, record };
    });
  } finally {
    if (needed === undefined) account.close();
    else void needed.finally(() => account.close());
  }
}

/** @throws CtrlExecError `bad-request` while another process carries it out */
async function ownRollout(controller: Controller, reqid: string): Promise<OwnedRollout> {
  const owned = await controller.store.rollouts.own(reqid);
  if (owned === undefined) throw nothingLeft(controller, reqid, true);
  return owned;
}

/** @param letGo of what was not accepted */
async function orElse<Value>(
  letGo: () => Promise<void>,
  work: () => Promise<Value>,
): Promise<Value> {
  try {
    return await work();
  } catch (thrown) {
    await letGo();
    throw thrown;
  }
}

/** A run of its own, with an id of its own: an agent takes each id once. */
function checkOf(current: () => Controller, caller: Caller, script: string) {
  return async (batch: readonly ResolvedTarget[], reqid: string) => {
    const hosts = batch.map((target) => {
      const port = ownPort(target);
      return port === undefined ? target.name : formatHostPort(target.name, port);
    });
    const order = { hosts, port: undefined, script, args: [], mustBeRecorded: true };
    // An earlier process may have begun it.
    if (await isRecorded(current(), reqid)) return awaited(current(), reqid);
    return await startRun(current(), { ...caller, requestId: reqid }, order, () => undefined);
  };
}

async function isRecorded(controller: Controller, reqid: string): Promise<boolean> {
  const account = openReplies(controller);
  try {
    return (await controller.store.runs.read(reqid, account)) !== undefined;
  } finally {
    account.close();
  }
}

/** A run that another process has begun. */
function awaited(controller: Controller, reqid: string): RunUnderWay {
  const gone = new AbortController();
  const follow = async () => {
    let results: readonly RunResult[] = [];
    for await (const run of watchRun(controller, reqid, gone.signal)) results = run.results;
    return { reqid, results, recorded: true };
  };
  return { reqid, finished: follow(), abandon: async () => gone.abort() };
}

/** Whoever unpairs a host in mid-rollout must be sure that nothing is sent there any more. @throws CtrlExecError */
async function mustBeRegisteredStill(
  { store }: Controller,
  batch: readonly ResolvedTarget[],
  registered: ReadonlySet<string>,
): Promise<void> {
  const names = batch.flatMap(({ record, label, name }) =>
    registered.has(label) ? [record?.hostname ?? name] : [],
  );
  const known = await store.registry.findAll(names);
  const gone = names.filter((name) => known.get(lowerAscii(name))?.kind !== "agent");
  if (gone.length === 0) return;
  throw new CtrlExecError("bad-request", `no longer registered: ${namedHosts(gone)}`);
}

async function mustBeStored(record: RunRecord): Promise<void> {
  if (await record.stored) return;
  record.discard();
  throw new CtrlExecError("unrecorded", "Cannot start the run: its record cannot be written", {
    hint: "Nothing was sent to any host. The log of the control host says what is wrong: ACTION=run-store-fail.",
  });
}

function nothingLeft({ config }: Controller, reqid: string, alive: boolean): CtrlExecError {
  const state = alive ? "it is under way" : "no host of it is not-started";
  return new CtrlExecError("bad-request", `Cannot go on with run ${reqid}: ${state}`, {
    hint: `See: ctrl-exec status ${reqid}${configArgument(config.file)}`,
    remoteHint: `See GET /runs/${reqid}.`,
  });
}
