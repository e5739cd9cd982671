/** Replaces each group in an expression with what it stands for, including groups of groups. Pure. */
import { configArgument } from "../../core/config/controller-config.ts";
import type { GroupTerm, HostExpression, HostTerm } from "../../core/hosts/expression.ts";
import { boundWork, workOf } from "../../core/hosts/expression-work.ts";
import { typedGroup } from "../../core/hosts/group-name.ts";
import type { FindGroup } from "./definition.ts";
import { unusableGroup } from "./unusable-group.ts";

/** Groups in groups. */
const MAX_DEPTH = 32;

/**
 * A group that is not found stays as it is.
 *
 * @param file this host's configuration, for hints
 * @throws CtrlExecError `unusable` for a group that cannot be read or contains itself, `bad-request` for too many hosts
 */
export function expandGroups(
  expression: HostExpression,
  find: FindGroup,
  file: string,
): HostExpression {
  const expanded = new Expanding(find, file).expression(expression, []);
  // Before anything walks through it: in a few lines, each group may contain the one before it twice.
  boundWork(workOf(expanded));
  return expanded;
}

class Expanding {
  readonly #find: FindGroup;
  readonly #hint: string;
  readonly #done = new Map<string, GroupTerm>();

  constructor(find: FindGroup, file: string) {
    this.#find = find;
    this.#hint = `See: ctrl-exec list-groups${configArgument(file)}`;
  }

  /** @param path the groups that it is in */
  expression({ first, steps }: HostExpression, path: readonly string[]): HostExpression {
    return {
      kind: "expression",
      first: this.#term(first, path),
      steps: steps.map(({ operator, term }) => ({ operator, term: this.#term(term, path) })),
    };
  }

  #term(term: HostTerm, path: readonly string[]): HostTerm {
    if (term.kind === "expression") return this.expression(term, path);
    return term.kind === "group" ? this.#group(term.name, path) : term;
  }

  #group(name: string, path: readonly string[]): GroupTerm {
    const done = this.#done.get(name);
    if (done !== undefined) return done;
    const found = this.#find(name);
    if (found === undefined) return { kind: "group", name };
    const way = [...path, name];
    if (path.includes(name)) {
      const circle = shown(way.slice(way.indexOf(name)));
      throw unusableGroup(name, found.where, `it contains itself: ${circle}`, this.#hint);
    }
    if (way.length > MAX_DEPTH) {
      const why = `more than ${MAX_DEPTH} levels of nested groups`;
      throw unusableGroup(name, found.where, why, this.#hint);
    }
    const members = found.members().map((member) => this.#term(member, way));
    const impossible = found.impossible?.() ?? [];
    const group: GroupTerm = { kind: "group", name, members, from: found.from, impossible };
    this.#done.set(name, group);
    return group;
  }
}

function shown(way: readonly string[]): string {
  return way.map(typedGroup).join(" has ");
}
