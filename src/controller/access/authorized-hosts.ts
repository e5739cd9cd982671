/**
 * The hosts of a request, for callers whom the auth hook allows. What an expression stands for is decided before the
 * hook is asked, from the index and the records of runs alone, and what the hook has judged is what is called. What was
 * wrong with it, even that nobody matches, is told only after the hook has agreed (T67, T76).
 */
import { configArgument, type OwnSetting } from "../../core/config/controller-config.ts";
import { asCtrlExecError, CtrlExecError } from "../../core/errors.ts";
import { type HostExpression, type HostTerm, termsOf } from "../../core/hosts/expression.ts";
import { sampleOf } from "../../core/hosts/sample-size.ts";
import type { Target } from "../../core/net/host-name.ts";
import { draw } from "../../core/random.ts";
import { nearestMatch } from "../../core/text.ts";
import type { Controller } from "../control-host.ts";
import { type HostChoice, readHostChoice } from "../fleet/host-choice.ts";
import { type RunHosts, type Selection, selectHosts, type Unknown } from "../fleet/selector.ts";
import type { ResolvedTarget } from "../fleet/targets.ts";
import { readInventory } from "../inventory/read-inventory.ts";
import { hostsByEnd } from "../runs/hosts-by-end.ts";
import type { AuthRequest, Caller } from "./authorize.ts";
import { authorizedTargets } from "./authorized-targets.ts";

/**
 * @throws CtrlExecError `bad-request` for what cannot be read; `denied`; and after that `bad-request` if nobody
 * matches, too many do, or a name is not known, and `config` if the registry cannot be read
 */
export async function authorizedHosts(
  controller: Controller,
  caller: Caller,
  action: Omit<AuthRequest, "hosts">,
  choice: HostChoice,
): Promise<ResolvedTarget[]> {
  const read = readHostChoice(choice, controller.config.max_hosts);
  if (read.kind === "targets") {
    return await authorizedTargets(controller, caller, action, read.targets);
  }
  const chosen = await chosenHosts(controller, caller, read.expression, choice);
  return await authorizedTargets(controller, caller, action, chosen.hosts, chosen.problem);
}

interface Chosen {
  readonly hosts: readonly Target[];
  /** For after the hook. */
  readonly problem?: CtrlExecError;
}

async function chosenHosts(
  controller: Controller,
  caller: Caller,
  expression: HostExpression,
  choice: HostChoice,
): Promise<Chosen> {
  const runs = await namedRuns(controller, caller, expression);
  const inventory = await readInventory(controller, expression, runs).catch(asCtrlExecError);
  if (inventory instanceof CtrlExecError) return { hosts: [], problem: inventory };
  const selection = selectHosts(expression, inventory);
  const hosts = sampled(selection, choice).map(({ name, port }) => ({
    name,
    port: port ?? choice.port,
  }));
  const problem = problemOf(controller, selection, hosts.length, choice, inventory.names);
  return problem === undefined ? { hosts } : { hosts, problem };
}

/** Whoever may not read a run must not learn from it who failed. @throws CtrlExecError `denied`, `not-found` */
async function namedRuns(controller: Controller, caller: Caller, expression: HostExpression) {
  const reqids = new Set(
    [...termsOf(expression)].flatMap((term) => (hasRun(term) ? [term.reqid] : [])),
  );
  const runs = new Map<string, RunHosts>();
  for (const reqid of reqids) {
    runs.set(reqid, await hostsByEnd(controller, caller, reqid));
  }
  return runs;
}

function hasRun(term: HostTerm): term is HostTerm & { readonly reqid: string } {
  return term.kind === "failed" || term.kind === "missed";
}

function sampled({ hosts }: Selection, { limit }: HostChoice): readonly Target[] {
  if (limit === undefined) return hosts;
  const count = sampleOf(limit, hosts.length);
  const drawn = new Set(draw(hosts, count, (bound) => Math.floor(Math.random() * bound)));
  return hosts.filter((host) => drawn.has(host));
}

function problemOf(
  { config }: Controller,
  { unknown }: Selection,
  count: number,
  { hosts, except = [] }: HostChoice,
  names: readonly string[],
): CtrlExecError | undefined {
  const [first] = unknown;
  if (first !== undefined) {
    const next = nextStep(config, first, names);
    return new CtrlExecError("bad-request", unknownMessage(unknown), next);
  }
  if (count === 0) {
    const typed = [hosts.join(","), ...except.map((text) => `!${text}`)].join("");
    const next = nextStep(config, { what: "host", name: typed }, names);
    return new CtrlExecError(
      "bad-request",
      `Cannot find any host: nobody matches "${typed}"`,
      next,
    );
  }
  if (count <= config.max_hosts) return undefined;
  return new CtrlExecError(
    "bad-request",
    `${count} hosts match; at most ${config.max_hosts} at once`,
    {
      hint: "Ask fewer, with --limit, --except or a closer expression; max_hosts in ctrl-exec.conf is the bound.",
      remoteHint: "Ask fewer, with limit, except or a closer expression.",
    },
  );
}

const MAX_SHOWN = 5;

function unknownMessage(unknown: readonly Unknown[]): string {
  const shown = unknown.slice(0, MAX_SHOWN).map(({ what, name }) => `${what} ${name}`);
  const more = unknown.length - shown.length;
  return `Cannot find ${shown.join(", ")}${more > 0 ? ` and ${more} more` : ""}: nothing is registered under that name`;
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
