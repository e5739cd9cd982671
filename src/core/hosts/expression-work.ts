/** What it costs to find out which hosts an expression stands for, and the limit (T67, T76). Pure. */
import { CtrlExecError } from "../errors.ts";
import type { HostExpression, HostTerm } from "./expression.ts";
import { MAX_NODES } from "./node-set.ts";

/** Terms each of which looks at every registered host. */
const MAX_SCANS = 64;

/** How many hosts a term that looks at the registered ones may stand for. */
const FLEET = 10_000;
/** Hosts that are looked at again for each `&` and `!` that follows them. */
const MAX_COMPARED = 1_000_000;

export interface Work {
  /** Names that node sets and groups stand for. */
  readonly nodes: number;
  readonly scans: number;
  readonly compared: number;
}

const NONE: Work = { nodes: 0, scans: 0, compared: 0 };

export function workOf(...terms: readonly HostTerm[]): Work {
  return sum(terms, new Map());
}

/** @param counted groups that were counted: a group that is contained in many others is counted once */
function sum(terms: readonly HostTerm[], counted: Map<string, Work>): Work {
  return terms.map((term) => termWork(term, counted)).reduce(both, NONE);
}

function both(one: Work, other: Work): Work {
  return {
    nodes: one.nodes + other.nodes,
    scans: one.scans + other.scans,
    compared: one.compared + other.compared,
  };
}

/** Each `&` and `!` looks at everything before it. */
function expressionWork({ first, steps }: HostExpression, counted: Map<string, Work>): Work {
  let work = termWork(first, counted);
  for (const { operator, term } of steps) {
    const size = work.nodes + work.scans * FLEET;
    work = both(work, termWork(term, counted));
    if (operator !== "union") work = { ...work, compared: work.compared + size };
  }
  return work;
}

function termWork(term: HostTerm, counted: Map<string, Work>): Work {
  switch (term.kind) {
    case "host":
      return NONE;
    case "nodes":
      return { ...NONE, nodes: term.set.count };
    case "glob":
      return { ...NONE, scans: term.patterns.length };
    case "tags":
      return { ...NONE, scans: term.conditions.length };
    case "expression":
      return expressionWork(term, counted);
    case "group": {
      const known = counted.get(term.name);
      if (known !== undefined) return known;
      const { members = [] } = term;
      const inside = sum(members, counted);
      const work = { ...inside, nodes: inside.nodes + members.length };
      counted.set(term.name, work);
      return work;
    }
    default:
      return { ...NONE, scans: 1 };
  }
}

/** @throws CtrlExecError `bad-request` */
export function boundWork({ nodes, scans, compared }: Work): void {
  if (nodes > MAX_NODES) {
    throw tooMuch(
      `its node sets and groups stand for ${nodes} hosts; at most ${MAX_NODES} can be named`,
    );
  }
  if (scans > MAX_SCANS) {
    throw tooMuch(`${scans} patterns and words with @; at most ${MAX_SCANS} at once`);
  }
  if (compared > MAX_COMPARED) {
    throw tooMuch("each & and ! looks at all hosts before it, and there are too many of both");
  }
}

function tooMuch(why: string): CtrlExecError {
  return new CtrlExecError("bad-request", `Cannot read the hosts: ${why}`, {
    hint: "Write it in a shorter way, such as '@all!(db-01,db-02)', or in several requests.",
  });
}
