/** Which registered hosts are selected, for a person who may read the registry anyway: no hook is asked about it. */
import type { HostExpression } from "../../core/hosts/expression.ts";
import type { RunReader } from "../control-host.ts";
import { type HostChoice, readHostExpression } from "../fleet/host-choice.ts";
import type { Caller } from "./authorize.ts";
import { chosenHosts } from "./chosen-hosts.ts";

/**
 * Each of them by its name in lower case; undefined if the choice names none, and all are selected.
 *
 * @param caller whom the hook must let read the runs that are named
 * @throws CtrlExecError `bad-request` if no host matches, or a name is not registered; `denied` or `not-found` for a
 * run that is named
 */
export async function registeredHosts(
  controller: RunReader,
  caller: Caller,
  choice: HostChoice,
): Promise<ReadonlySet<string> | undefined> {
  const wanted = orAll(choice);
  if (wanted.hosts.length === 0) return undefined;
  // A name that is not registered stands for no host here, and is reported.
  const registered: HostExpression = {
    kind: "expression",
    first: { kind: "all" },
    steps: [{ operator: "intersection", term: readHostExpression(wanted) }],
  };
  const bound = Number.POSITIVE_INFINITY;
  const { hosts, problem, notes } = await chosenHosts(
    controller,
    caller,
    registered,
    wanted,
    bound,
  );
  const why = await problem?.();
  if (why !== undefined) throw why;
  if (choice.onNote !== undefined) for (const note of notes?.() ?? []) choice.onNote(note);
  return new Set(hosts.map(({ name }) => name));
}

/** A choice that names no host, but says what is left out or how many, refers to all hosts. */
export function orAll(choice: HostChoice): HostChoice {
  const { hosts, except = [], limit } = choice;
  const narrows = except.length > 0 || limit !== undefined;
  return hosts.length === 0 && narrows ? { ...choice, hosts: ["@all"] } : choice;
}
