/** What a request says about its hosts, read and put together; nothing is looked up. */
import { CtrlExecError } from "../../core/errors.ts";
import { type HostExpression, termsOf } from "../../core/hosts/expression.ts";
import { MAX_NODES } from "../../core/hosts/node-set.ts";
import { parseHostExpression } from "../../core/hosts/parse-expression.ts";
import type { SampleSize } from "../../core/hosts/sample-size.ts";
import type { Target } from "../../core/net/host-name.ts";
import { readTargets } from "./targets.ts";

export interface HostChoice {
  /** Host expressions: all that any of them stands for. */
  readonly hosts: readonly string[];
  /** Host expressions: none that any of them stands for. */
  readonly except?: readonly string[] | undefined;
  /** So many of those, chosen at random. */
  readonly limit?: SampleSize | undefined;
  /** The call's own port, for hosts typed without one. */
  readonly port: number | undefined;
}

export type ReadChoice =
  /** Each host by its name or address, none twice: as before there were expressions. */
  | { readonly kind: "targets"; readonly targets: readonly Target[] }
  | { readonly kind: "expression"; readonly expression: HostExpression };

/** @throws CtrlExecError `bad-request` for what cannot be read, a host given twice, or too many */
export function readHostChoice(choice: HostChoice, maxHosts: number): ReadChoice {
  const { hosts, except = [], limit, port } = choice;
  if (hosts.length === 0) throw new CtrlExecError("bad-request", "no host given");
  const wanted = hosts.map(parseHostExpression);
  const unwanted = except.map(parseHostExpression);
  const namesAlone = wanted.every(
    ({ first, steps }) => first.kind === "host" && steps.length === 0,
  );
  if (namesAlone && unwanted.length === 0 && limit === undefined) {
    return {
      kind: "targets",
      targets: readTargets(
        hosts.map((text) => text.trim()),
        port,
        maxHosts,
      ),
    };
  }
  boundWork([...wanted, ...unwanted]);
  const [first, ...others] = wanted;
  if (first === undefined) throw new CtrlExecError("internal", "no expression was read");
  const steps = [
    ...others.map((term) => ({ operator: "union", term }) as const),
    ...unwanted.map((term) => ({ operator: "without", term }) as const),
  ];
  return { kind: "expression", expression: { kind: "expression", first, steps } };
}

/** Terms for each of which every registered host is looked at. */
const MAX_SCANS = 64;

/** A request costs little before the hook has agreed to it (T67, T76). @throws CtrlExecError `bad-request` */
function boundWork(expressions: readonly HostExpression[]): void {
  let nodes = 0;
  let scans = 0;
  for (const term of expressions.flatMap((expression) => [...termsOf(expression)])) {
    if (term.kind === "nodes") nodes += term.set.count;
    else if (term.kind === "glob") scans += term.patterns.length;
    else if (term.kind !== "host") scans += 1;
  }
  if (nodes > MAX_NODES) {
    throw tooMuch(`its node sets stand for ${nodes} hosts; at most ${MAX_NODES} can be named`);
  }
  if (scans > MAX_SCANS) {
    throw tooMuch(`${scans} patterns and words with @; at most ${MAX_SCANS} at once`);
  }
}

function tooMuch(why: string): CtrlExecError {
  return new CtrlExecError("bad-request", `Cannot read the hosts: ${why}`, {
    hint: "Say it in a shorter way, or in several requests.",
  });
}
