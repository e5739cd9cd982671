/** What it costs to find out which hosts an expression stands for, and its bound (T67, T76). Pure. */
import { CtrlExecError } from "../errors.ts";
import type { HostTerm } from "./expression.ts";
import { MAX_NODES } from "./node-set.ts";

/** Terms for each of which every registered host is looked at. */
const MAX_SCANS = 64;

export interface Work {
  /** Names that node sets and groups stand for. */
  readonly nodes: number;
  readonly scans: number;
}

const NONE: Work = { nodes: 0, scans: 0 };

export function workOf(...terms: readonly HostTerm[]): Work {
  return sum(terms, new Map());
}

/** @param counted groups that were counted: one that many others have in them is looked into once */
function sum(terms: readonly HostTerm[], counted: Map<string, Work>): Work {
  let { nodes, scans } = NONE;
  for (const term of terms) {
    const more = termWork(term, counted);
    nodes += more.nodes;
    scans += more.scans;
  }
  return { nodes, scans };
}

function termWork(term: HostTerm, counted: Map<string, Work>): Work {
  switch (term.kind) {
    case "host":
      return NONE;
    case "nodes":
      return { nodes: term.set.count, scans: 0 };
    case "glob":
      return { nodes: 0, scans: term.patterns.length };
    case "tags":
      return { nodes: 0, scans: term.conditions.length };
    case "expression":
      return sum([term.first, ...term.steps.map((step) => step.term)], counted);
    case "group": {
      const known = counted.get(term.name);
      if (known !== undefined) return known;
      const { members = [] } = term;
      const { nodes, scans } = sum(members, counted);
      const work = { nodes: nodes + members.length, scans };
      counted.set(term.name, work);
      return work;
    }
    default:
      return { nodes: 0, scans: 1 };
  }
}

/** @throws CtrlExecError `bad-request` */
export function boundWork({ nodes, scans }: Work): void {
  if (nodes > MAX_NODES) {
    throw tooMuch(
      `its node sets and groups stand for ${nodes} hosts; at most ${MAX_NODES} can be named`,
    );
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
