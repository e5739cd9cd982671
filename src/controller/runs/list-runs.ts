/** The recorded runs that a caller may see, for `list-runs`. */
import { lookupName } from "../../core/net/host-name.ts";
import { goesOn } from "../../core/run-state.ts";
import { authorize, type Caller, maySee } from "../access/authorize.ts";
import type { Controller } from "../control-host.ts";
import { readHostChoice } from "../fleet/host-choice.ts";
import type { HostContext } from "../store/host.ts";
import type { RolloutWish } from "../store/ports/rollouts.ts";
import type {
  ListedHost,
  ListedRun,
  ListedRuns,
  RunFilter,
  RunPlace,
} from "../store/ports/runs.ts";
import { type LearnedRun, learnEnds } from "./learn-ends.ts";

/** Which runs are wanted: each member that is present narrows the list. */
export interface ListOrder extends Omit<RunFilter, "hosts"> {
  /** An expression: runs on one of the hosts that it stands for. */
  readonly host?: string | undefined;
}

/** A part of the list. */
export interface RunPage extends Omit<ListedRuns, "runs"> {
  readonly runs: readonly ShownRun[];
  /** The next part begins after this position; undefined if there is none. A full page has one, whatever follows. */
  readonly next?: RunPlace;
}

export interface ShownRun extends ListedRun {
  /** A rollout of which no further batch begins. */
  readonly paused?: RolloutWish;
  /** A rollout that nobody carries out until ctrl-exec-api runs. */
  readonly waits_for_api?: true;
  /** A rollout that nobody carries out until its token is given again. */
  readonly waits_for_token?: true;
  /** Hosts that could not be asked how it ended there: they are shown as they were known last. */
  readonly unheard?: readonly string[];
}

type PlacedRun = ShownRun & { readonly place: RunPlace };

/**
 * After this many refusals, only the caller's own name is still asked about, and the runs of all others are left out.
 */
const MAX_REFUSALS = 100;

/** If failures are wanted, this many of the runs that seem to be under way are asked about, the newest ones. */
const MOST_CANDIDATES = 1000;

/**
 * The hook is asked whether the caller may see runs at all, then once for each name under which the listed ones were
 * submitted. Runs that it hides from this caller are left out (T25), and do not count against the limit, which would
 * reveal how many there are. Then the agents are asked about those of the rest whose end is not recorded and whose
 * process has gone; nothing is asked about what is hidden (T67).
 *
 * @throws CtrlExecError `bad-request` for hosts that cannot be read, or are nobody's
 * @throws DeniedError if the caller may see no runs, or the hook gave no decision
 * @throws CtrlExecError `storage` or `busy` if they cannot be read
 */
export async function listRuns(
  controller: Controller,
  caller: Caller,
  { host, ...others }: ListOrder,
): Promise<RunPage> {
  const hostsOf = host === undefined ? undefined : hostsMeant(host);
  const view = await openView(controller, caller);
  const filter: RunFilter = { ...others, hosts: await hostsOf?.(controller, caller) };
  const { runs, unreadable } = await view(filter);
  const isFull = runs.length === filter.limit;
  const last = isFull ? runs.at(-1)?.place : undefined;
  const found = filter.failed ? merged(runs, await candidates(view, filter, last)) : runs;
  const open = found.filter(({ hosts }) => hosts.some(isOpen)).map(({ reqid }) => reqid);
  const learned = await learnEnds(controller, open);
  const shown = found
    .map((run) => (open.includes(run.reqid) ? withLearned(run, learned.get(run.reqid)) : run))
    .filter((run) => !filter.failed || hasFailed(run, filter))
    .slice(0, filter.limit);
  // Whether another one follows would reveal whether there are hidden runs.
  const next = shown.length === filter.limit ? shown.at(-1)?.place : last;
  const { rollouts } = controller.store;
  const paused = open.length === 0 ? new Map() : await rollouts.paused();
  const isLeft = shown.some(({ hosts }) => hosts.some(({ state }) => state === "not-started"));
  const forToken = isLeft ? await rollouts.forToken() : new Set<string>();
  return {
    runs: shown.map(({ place: _, ...run }) => ({
      ...withPause(run, paused),
      ...(forToken.has(run.reqid) && ({ waits_for_token: true } as const)),
    })),
    unreadable,
    ...(next === undefined ? {} : { next }),
  };
}

type FindHosts = (controller: Controller, caller: Caller) => Promise<readonly string[]>;

/**
 * What cannot be read is refused at once, and which hosts it stands for is told only after the hook has agreed (T76).
 * One that is named need not be registered any more.
 */
function hostsMeant(text: string): FindHosts {
  const choice = { hosts: [text], port: undefined };
  const read = readHostChoice(choice, 1);
  if (read.kind === "targets") return async () => read.targets.map(({ name }) => name);
  return async (controller, caller) => {
    const { chosenHosts } = await import("../access/chosen-hosts.ts");
    const bound = Number.POSITIVE_INFINITY;
    const chosen = await chosenHosts(controller, caller, read.expression, choice, bound);
    const why = await chosen.problem?.();
    if (why !== undefined) throw why;
    return chosen.hosts.map(({ name }) => name);
  };
}

type View = (filter: RunFilter) => Promise<ListedRuns>;

/** What this caller may see, in the order and up to the limit of the filter. */
async function openView(host: HostContext, caller: Caller): Promise<View> {
  const question = { action: "read", script: "", hosts: [], args: [] } as const;
  await authorize(host, caller, { ...question, submitter: "" });
  // The first question also covered runs for which it is not known who submitted them.
  const shown = new Set([""]);
  const hidden = new Set<string>();
  const ask = async (submitter: string) => {
    if (shown.has(submitter) || hidden.has(submitter)) return;
    const isAsked = submitter === caller.username || hidden.size < MAX_REFUSALS;
    const may = isAsked && (await maySee(host, caller, { ...question, submitter }));
    (may ? shown : hidden).add(submitter);
  };
  return async (filter) => {
    for (let limit = filter.limit; ; limit *= 2) {
      const listed = await host.store.runs.list({ ...filter, limit, notBy: [...hidden] });
      for (const { submitter } of listed.runs) await ask(submitter);
      const runs = listed.runs.filter(({ submitter }) => shown.has(submitter));
      if (runs.length >= filter.limit || listed.runs.length < limit) {
        return { runs: runs.slice(0, filter.limit), unreadable: listed.unreadable };
      }
    }
  };
}

/**
 * Runs that seem to be under way, and may have failed by now. @param last the position of the page's last run, if the
 * page is full
 */
async function candidates(view: View, filter: RunFilter, last: RunPlace | undefined) {
  const { failed: _, ...rest } = filter;
  const { runs } = await view({ ...rest, state: "running", limit: MOST_CANDIDATES });
  return runs.filter(({ place }) => last === undefined || inListOrder(place, last) < 0);
}

function merged(runs: readonly PlacedRun[], others: readonly PlacedRun[]): readonly PlacedRun[] {
  const known = new Set(runs.map(({ reqid }) => reqid));
  const all = [...runs, ...others.filter(({ reqid }) => !known.has(reqid))];
  return all.sort((one, other) => inListOrder(one.place, other.place));
}

/** Negative if the first one comes first in the list. */
export function inListOrder(one: RunPlace, other: RunPlace): number {
  const byTime = other.began - one.began || other.touched - one.touched;
  return byTime || (one.reqid < other.reqid ? 1 : -1);
}

function withPause(run: ShownRun, paused: ReadonlyMap<string, RolloutWish>): ShownRun {
  const wish = paused.get(run.reqid);
  return wish === undefined || run.completed !== null ? run : { ...run, paused: wish };
}

function isOpen({ state }: ListedHost): boolean {
  return goesOn(state) || state === "unknown";
}

/** @param learned undefined if there was no time, or no way, to ask */
function withLearned(run: PlacedRun, learned: LearnedRun | null | undefined): PlacedRun {
  if (learned === null) return run;
  const news = new Map(learned?.hosts.map((host) => [host.host, host]));
  const hosts = run.hosts.map((host) => news.get(host.host) ?? host);
  const open = hosts.filter(isOpen).map(({ host }) => host);
  const unheard =
    learned === undefined ? open : open.filter((host) => learned.unheard.includes(host));
  return {
    ...run,
    hosts,
    completed: learned === undefined ? run.completed : learned.completed,
    ...(learned?.waits_for_api && { waits_for_api: true }),
    ...(unheard.length === 0 ? {} : { unheard }),
  };
}

function hasFailed({ hosts }: ListedRun, { hosts: wanted }: RunFilter): boolean {
  const names = wanted && new Set(wanted.map(lookupName));
  return hosts.some(({ host, failed }) => failed && names?.has(lookupName(host)) !== false);
}
