/**
 * What an expression stands for: decided before the auth hook is asked, from the index and the records of runs alone.
 * Errors in it, even that no host matches, are reported only after the hook has agreed (T67, T76).
 */
import { configArgument, type OwnSetting } from "../../core/config/controller-config.ts";
import { asCtrlExecError, CtrlExecError } from "../../core/errors.ts";
import { type HostExpression, hasRun, termsOf } from "../../core/hosts/expression.ts";
import { hostCount } from "../../core/hosts/fold.ts";
import { typedGroup } from "../../core/hosts/group-name.ts";
import { sampleOf } from "../../core/hosts/sample-size.ts";
import type { Target } from "../../core/net/host-name.ts";
import { draw } from "../../core/random.ts";
import { shellWord } from "../../core/shell-word.ts";
import { nearestMatch } from "../../core/text.ts";
import type { RunReader } from "../control-host.ts";
import type { ChoiceNote, HostChoice } from "../fleet/host-choice.ts";
import { ignoredClaim } from "../fleet/host-tags.ts";
import { emptyGroup, unknownVersions } from "../fleet/nobody-hints.ts";
import { readInventory } from "../fleet/read-inventory.ts";
import {
  type Inventory,
  type RunHosts,
  type Selection,
  selectHosts,
  type Unknown,
} from "../fleet/selector.ts";
import { tagHint } from "../fleet/tag-hint.ts";
import { unknownMessage } from "../fleet/unknown-message.ts";
import { knownGroupNames, withGroups } from "../groups/groups.ts";
import { impossibleExclusion } from "../groups/impossible-names.ts";
import { type Caller, isRefusedAnyway } from "./authorize.ts";
import { choiceNotes } from "./choice-notes.ts";
import { hostsByEnd } from "./hosts-by-end.ts";

interface Chosen {
  readonly hosts: readonly Target[];
  /** With its groups looked up; undefined if there is a problem with them, or no host is chosen anyway. */
  readonly expression?: HostExpression;
  /** To be called after the hook has agreed, because it reveals what exists, and takes a while to find out (T76). */
  problem?(): Promise<CtrlExecError | undefined>;
  /** To be called after the hook has agreed, too. */
  notes?(): readonly ChoiceNote[];
}

/**
 * @param choice that the expression belongs to
 * @param maxHosts more are a problem
 * @throws CtrlExecError `denied` or `not-found` for a run that is named
 */
export async function chosenHosts(
  controller: RunReader,
  caller: Caller,
  typed: HostExpression,
  choice: HostChoice,
  maxHosts = controller.config.max_hosts,
): Promise<Chosen> {
  if (isRefusedAnyway(controller, caller)) return { hosts: [] };
  const runs = await namedRuns(controller, caller, typed);
  const expression = await withGroups(controller, typed).catch(asCtrlExecError);
  if (expression instanceof CtrlExecError) return { hosts: [], problem: async () => expression };
  const ignored = ignoredClaim(controller.config, expression) ?? impossibleExclusion(expression);
  if (ignored !== undefined) return { hosts: [], problem: async () => ignored };
  const inventory = await readInventory(controller, expression, runs).catch(asCtrlExecError);
  if (inventory instanceof CtrlExecError) return { hosts: [], problem: async () => inventory };
  const selection = selectHosts(expression, inventory);
  const sample = sampled(selection, choice);
  // If there are more than may be asked, the hook gets these: the length of its list must not reveal how many there
  // are (T76).
  const hosts = sample.slice(0, maxHosts).map(({ name, port }) => ({
    name,
    port: port ?? choice.port,
  }));
  const count = { hosts: sample.length, maxHosts };
  const { names } = inventory;
  const next = () =>
    unendedRun(controller.config, runs) ?? whyNobody(controller.config, expression, inventory);
  return {
    hosts,
    expression,
    problem: () => problemOf(controller, selection, count, choice, names, next),
    notes: () => choiceNotes(typed, expression, selection, inventory),
  };
}

/**
 * A caller who may not read a run must not learn from it which hosts failed. @throws CtrlExecError `denied`,
 * `not-found`
 */
export async function namedRuns(
  controller: RunReader,
  caller: Caller,
  expression: HostExpression,
): Promise<ReadonlyMap<string, RunHosts>> {
  const reqids = new Set(
    [...termsOf(expression)].flatMap((term) => (hasRun(term) ? [term.reqid] : [])),
  );
  const runs = new Map<string, RunHosts>();
  for (const reqid of reqids) {
    runs.set(reqid, await hostsByEnd(controller, caller, reqid));
  }
  return runs;
}

function sampled({ hosts }: Selection, { limit }: HostChoice): readonly Target[] {
  if (limit === undefined) return hosts;
  const count = sampleOf(limit, hosts.length);
  const drawn = new Set(draw(hosts, count, (bound) => Math.floor(Math.random() * bound)));
  return hosts.filter((host) => drawn.has(host));
}

interface NextStep {
  readonly hint: string;
  readonly remoteHint?: string;
}

/** What is known about the tags, versions and groups that it names. */
function whyNobody(
  own: OwnSetting,
  expression: HostExpression,
  inventory: Inventory,
): NextStep | undefined {
  const hint = tagHint(expression, inventory);
  if (hint !== undefined) return { hint };
  const option = configArgument(own.file);
  const versions = unknownVersions(expression, inventory);
  if (versions !== undefined) {
    return {
      hint: `${versions}. To learn them: ctrl-exec discovery${option}`,
      remoteHint: `${versions}: GET /discovery learns them.`,
    };
  }
  const group = emptyGroup(expression, inventory);
  if (group === undefined) return undefined;
  const problem = `There is no host in ${typedGroup(group)}`;
  return {
    hint: `${problem}. See: ctrl-exec list-groups${option}`,
    remoteHint: `${problem}: the operator of the control host fills it.`,
  };
}

/** While a run goes on, no host counts as failed or missed yet: that will be known when it has ended. */
function unendedRun(own: OwnSetting, runs: ReadonlyMap<string, RunHosts>): NextStep | undefined {
  for (const [reqid, { goesOn }] of runs) {
    if (goesOn.length === 0) continue;
    const what = `Run ${reqid} goes on on ${hostCount(goesOn.length)}`;
    return {
      hint: `${what}. See: ctrl-exec wait ${reqid}${configArgument(own.file)}`,
      remoteHint: `${what}: see GET /status/${reqid}.`,
    };
  }
  return undefined;
}

/** How many characters of what was typed an error repeats. */
const MAX_TYPED = 200;

/** @param next what to say about its runs, or about the tags in it, if no host matches */
async function problemOf(
  controller: RunReader,
  { unknown, unseen }: Selection,
  count: { readonly hosts: number; readonly maxHosts: number },
  { hosts, except = [] }: HostChoice,
  names: readonly string[],
  next: () => NextStep | undefined,
): Promise<CtrlExecError | undefined> {
  const { config } = controller;
  const [first] = unknown;
  if (first?.what === "group") return noSuchGroup(controller, first.name);
  if (first !== undefined) {
    const step = nextStep(config, first, names);
    return new CtrlExecError("bad-request", unknownMessage(unknown, unseen), step);
  }
  if (count.hosts === 0) {
    const all = [hosts.join(","), ...except.map((text) => `!${text}`)].join("");
    const typed = all.length > MAX_TYPED ? `${all.slice(0, MAX_TYPED)}...` : all;
    return new CtrlExecError(
      "bad-request",
      `Cannot find any host: no host matches "${typed}"`,
      next() ?? nextStep(config, { what: "host", name: typed, group: undefined }, names),
    );
  }
  if (count.hosts <= count.maxHosts) return undefined;
  return new CtrlExecError(
    "bad-request",
    `${count.hosts} hosts match; at most ${count.maxHosts} at once`,
    {
      hint: "Ask fewer, with --limit, --except or a narrower expression; max_hosts in ctrl-exec.conf is the limit.",
      remoteHint: "Ask fewer, with limit, except or a narrower expression.",
    },
  );
}

/** For list-groups too. */
export async function noSuchGroup(controller: RunReader, name: string): Promise<CtrlExecError> {
  const list = `ctrl-exec list-groups${configArgument(controller.config.file)}`;
  const near = nearestMatch(name, await knownGroupNames(controller));
  return new CtrlExecError(
    "bad-request",
    `Cannot find group ${typedGroup(name)}: no group has that name`,
    near === undefined
      ? {
          hint: `See: ${list}`,
          remoteHint: "No route lists groups: the operator of the control host knows them.",
        }
      : {
          hint: `Did you mean ${shellWord(typedGroup(near))}?`,
          remoteHint: `Did you mean ${typedGroup(near)}?`,
        },
  );
}

/** The registered name that is nearest to what was typed, without its wildcards, or where they all are. */
function nextStep(own: OwnSetting, { what, name }: Unknown, names: readonly string[]) {
  const near = what === "host" ? nearestMatch(name.replaceAll(/[*?]/g, ""), names) : undefined;
  if (near !== undefined) return { hint: `Did you mean ${near}?` };
  return {
    hint: `See: ctrl-exec list-agents${configArgument(own.file)}`,
    remoteHint: "GET /discovery names every registered host.",
  };
}
