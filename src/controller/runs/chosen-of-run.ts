/** Which hosts of a run are selected: an expression is answered from the run's own hosts, not from the registry. */
import { CtrlExecError } from "../../core/errors.ts";
import {
  type HostExpression,
  type HostTerm,
  termsOf,
  unionOf,
} from "../../core/hosts/expression.ts";
import { namedHosts } from "../../core/hosts/fold.ts";
import { formatHostPort, lowerAscii, parseTarget } from "../../core/net/host-name.ts";
import { typedHost } from "../../core/net/socket-address.ts";
import type { Caller } from "../access/authorize.ts";
import { notInRun } from "../access/authorize-run.ts";
import { namedRuns, noSuchGroup } from "../access/chosen-hosts.ts";
import { orAll } from "../access/registered-hosts.ts";
import type { RunReader } from "../control-host.ts";
import { readHostExpression } from "../fleet/host-choice.ts";
import { ignoredClaim } from "../fleet/host-tags.ts";
import { readInventory } from "../fleet/read-inventory.ts";
import { type Inventory, type RunHosts, selectHosts } from "../fleet/selector.ts";
import { withGroups } from "../groups/groups.ts";
import { impossibleExclusion } from "../groups/impossible-names.ts";

/** Undefined for every host of the run. @throws CtrlExecError `bad-request` for an expression that cannot be read */
export function readRunHosts(
  hosts: readonly string[],
  except: readonly string[] = [],
): HostExpression | undefined {
  const choice = orAll({ hosts, except, port: undefined });
  return choice.hosts.length === 0 ? undefined : readHostExpression(choice);
}

/**
 * The selected hosts, in the order of the run, for a caller whom the hook lets see it.
 *
 * @throws CtrlExecError `bad-request` for a name that is not in the run, or if no host matches; `denied` or
 * `not-found` for another run that is named
 */
export async function chosenOfRun(
  controller: RunReader,
  caller: Caller,
  run: { readonly reqid: string; readonly hosts: readonly string[] },
  typed: HostExpression | undefined,
): Promise<readonly string[]> {
  if (typed === undefined) return run.hosts;
  const expression = await withGroups(controller, typed);
  for (const term of termsOf(expression)) {
    if (term.kind === "group") throw await noSuchGroup(controller, term.name);
  }
  const ignored = ignoredClaim(controller.config, expression) ?? impossibleExclusion(expression);
  if (ignored !== undefined) throw ignored;
  const runs = await namedRuns(controller, caller, expression);
  const ofRun = new HostsOfRun(run.reqid, run.hosts, runs);
  const known = await readInventory(controller, expression, runs);
  const { hosts } = selectHosts(ofRun.inLabels(expression), ofRun.inventory(known));
  const chosen = new Set(hosts.map(({ name }) => name));
  if (chosen.size === 0) {
    throw new CtrlExecError(
      "bad-request",
      `Cannot find any host of run ${run.reqid} that is meant`,
      {
        hint: `Its hosts: ${namedHosts(run.hosts)}`,
      },
    );
  }
  return run.hosts.filter((label) => chosen.has(lowerAscii(label)));
}

/**
 * The hosts of a run by their labels, each of which stands for one of them, whatever its name and port mean
 * elsewhere.
 */
class HostsOfRun {
  readonly #reqid: string;
  readonly #hosts: readonly string[];
  readonly #runs: ReadonlyMap<string, RunHosts>;
  /** By the label, and by the name or address alone for all of its ports. */
  readonly #labels = new Map<string, readonly string[]>();

  constructor(reqid: string, hosts: readonly string[], runs: ReadonlyMap<string, RunHosts>) {
    this.#reqid = reqid;
    this.#hosts = hosts;
    this.#runs = runs;
    for (const label of hosts) {
      const lower = lowerAscii(label);
      const name = typedHost(parseTarget(label)?.name ?? label);
      for (const key of new Set([lower, name])) {
        this.#labels.set(key, [...(this.#labels.get(key) ?? []), lower]);
      }
    }
  }

  /** The same expression, with each name replaced by the labels that it stands for. */
  inLabels(expression: HostExpression, isTyped = true): HostExpression {
    const { first, steps } = expression;
    return {
      ...expression,
      first: this.#term(first, isTyped),
      steps: steps.map((step) => ({ ...step, term: this.#term(step.term, isTyped) })),
    };
  }

  inventory(known: Inventory): Inventory {
    const names = this.#hosts.map(lowerAscii);
    const all = new Set(names);
    return {
      ...known,
      names,
      registeredAs: (name) => (all.has(name) ? [name] : []),
      factsOf: (label) => known.factsOf(lowerAscii(parseTarget(label)?.name ?? label)),
    };
  }

  /** @param isTyped a typed name that is not in the run is a slip; a name from a group simply matches no host here */
  #term(term: HostTerm, isTyped: boolean): HostTerm {
    switch (term.kind) {
      case "expression":
        return this.inLabels(term, isTyped);
      case "host":
        return anyOf(this.#named(term.name, term.port, isTyped));
      case "nodes":
        return anyOf(term.set.names().flatMap((name) => this.#named(name, term.port, isTyped)));
      case "group":
        return unionOf((term.members ?? []).map((member) => this.#term(member, false)));
      case "failed":
      case "missed": {
        const there = this.#runs.get(term.reqid)?.[term.kind] ?? [];
        return anyOf(there.flatMap((label) => this.#labels.get(lowerAscii(label)) ?? []));
      }
      default:
        return term;
    }
  }

  #named(name: string, port: number | undefined, isTyped: boolean): readonly string[] {
    const typed = port === undefined ? name : formatHostPort(name, port);
    const found = this.#labels.get(lowerAscii(typed)) ?? this.#labels.get(typedHost(typed));
    if (found === undefined && isTyped) throw notInRun(this.#reqid, typed, this.#hosts);
    return found ?? [];
  }
}

function anyOf(labels: readonly string[]): HostTerm {
  return unionOf(labels.map((name) => ({ kind: "host", name, port: undefined })));
}
