/** What a request says about its hosts, read and combined; nothing is looked up. */
import { CtrlExecError } from "../../core/errors.ts";
import { type HostExpression, unionOf } from "../../core/hosts/expression.ts";
import { boundWork, workOf } from "../../core/hosts/expression-work.ts";
import { parseHostExpression } from "../../core/hosts/parse-expression.ts";
import type { SampleSize } from "../../core/hosts/sample-size.ts";
import type { Target } from "../../core/net/host-name.ts";
import { readTargets } from "./targets.ts";

export interface HostChoice {
  /** Host expressions: all hosts that match any of them. */
  readonly hosts: readonly string[];
  /** A host may be named more than once, as in an expression, even if there are only names. */
  readonly mayRepeat?: boolean;
  /** Host expressions: hosts that match any of them are left out. */
  readonly except?: readonly string[] | undefined;
  /** This many of those, chosen at random. */
  readonly limit?: SampleSize | undefined;
  /** The call's own port, for hosts typed without one. */
  readonly port: number | undefined;
  /** Is told, when the hook has agreed, what may be a slip. */
  readonly onNote?: ((note: ChoiceNote) => void) | undefined;
}

/** That a part leaves out no host, or hosts of which something is not known, or names that no host can have. */
export interface ChoiceNote {
  readonly text: string;
  /** What may have been meant, or can be done; it may have several lines. */
  readonly hint: string | undefined;
}

/** For programs. */
export function noteInOneLine({ text, hint }: ChoiceNote): string {
  return hint === undefined ? text : `${text}. ${hint.replaceAll("\n", " ")}`;
}

export type ReadChoice =
  /** Each host by its name or address, none twice, as before there were expressions. */
  | { readonly kind: "targets"; readonly targets: readonly Target[] }
  | { readonly kind: "expression"; readonly expression: HostExpression };

/** @throws CtrlExecError `bad-request` for input that cannot be read, a host given twice, or too many */
export function readHostChoice(choice: HostChoice, maxHosts: number): ReadChoice {
  const { hosts, mayRepeat = false, except = [], limit, port } = choice;
  const wanted = readWanted(choice);
  const namesAlone = wanted.every(
    ({ first, steps }) => first.kind === "host" && steps.length === 0,
  );
  if (namesAlone && !mayRepeat && except.length === 0 && limit === undefined) {
    return {
      kind: "targets",
      targets: readTargets(
        hosts.map((text) => text.trim()),
        port,
        maxHosts,
      ),
    };
  }
  return { kind: "expression", expression: bounded(wanted, choice) };
}

/**
 * Even plain names as an expression. @throws CtrlExecError `bad-request` for what cannot be read, or costs too much
 */
export function readHostExpression(choice: HostChoice): HostExpression {
  return bounded(readWanted(choice), choice);
}

function readWanted({ hosts }: HostChoice): HostExpression[] {
  if (hosts.length === 0) throw new CtrlExecError("bad-request", "no host given");
  return hosts.map(parseHostExpression);
}

/** Everything that is left out is removed in one step, because each step looks at all hosts before it. */
function bounded(wanted: readonly HostExpression[], { except = [] }: HostChoice): HostExpression {
  const unwanted = except.map(parseHostExpression);
  const without = { operator: "without", term: unionOf(unwanted) } as const;
  const steps = unwanted.length === 0 ? [] : [without];
  const expression: HostExpression = { kind: "expression", first: unionOf(wanted), steps };
  boundWork(workOf(expression));
  return expression;
}
