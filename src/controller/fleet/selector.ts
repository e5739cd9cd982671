/**
 * Which hosts an expression stands for: (expression, inventory) -> hosts. Pure. It never throws: errors are reported
 * only to a caller who may know them, after the auth hook has agreed (T76).
 */
import type { GroupTerm, HostExpression, HostTerm } from "../../core/hosts/expression.ts";
import { lowerAscii, parseTarget, type Target } from "../../core/net/host-name.ts";
import { socketAddress, typedHost } from "../../core/net/socket-address.ts";
import { type Bound, type HostFacts, isTrueFor } from "./host-facts.ts";

/** What is known of the fleet before any host is asked. */
export interface Inventory {
  /** Every registered host in lower case, in order. */
  readonly names: readonly string[];
  /** Those that are registered under the name, or at the address and port: usually one, or none. */
  registeredAs(name: string, port: number | undefined): readonly string[];
  /** About a registered host. */
  factsOf(host: string): HostFacts;
  /** About the runs that are named, by their ids. */
  readonly runs: ReadonlyMap<string, RunHosts>;
}

export interface RunHosts {
  /** Where it is still running, or has yet to begin: neither failed nor missed. */
  readonly goesOn: readonly string[];
  readonly failed: readonly string[];
  readonly missed: readonly string[];
}

export interface Selection {
  /** In the order in which the expression names them. */
  readonly hosts: readonly Target[];
  /** Names in the expression that nobody knows, in their order. */
  readonly unknown: readonly Unknown[];
  /** Names of node sets that were not checked, because many before them are unknown. */
  readonly unseen: number;
}

export interface Unknown {
  readonly what: "host" | "run" | "group";
  readonly name: string;
  /** The group that names it; undefined if it was typed. */
  readonly group: string | undefined;
}

/** Hosts, by what distinguishes each from every other. */
type Chosen = ReadonlyMap<string, Target>;

/** The hosts of a term, which its caller may modify. */
type NewlyChosen = Map<string, Target>;

/**
 * @param leftOut what is left out by `!`: whom it may mean, so that nobody is asked because something is not known; or
 * "sure", whom it is known to mean
 */
export function selectHosts(
  expression: HostExpression,
  inventory: Inventory,
  leftOut: Bound = "perhaps",
): Selection {
  const unknown: Unknown[] = [];
  const told = { host: new Set<string>(), run: new Set<string>(), group: new Set<string>() };
  const tell = (found: Unknown) => {
    if (told[found.what].has(found.name)) return;
    told[found.what].add(found.name);
    unknown.push(found);
  };
  const selecting = new Selecting(inventory, leftOut, tell);
  const hosts = [...selecting.chosen(expression, "sure").values()];
  return { hosts, unknown, unseen: selecting.unseen };
}

/** How many names of a node set are checked before all others are generated. */
const FIRST_NODES = 5_000;

type NodesTerm = Extract<HostTerm, { readonly kind: "nodes" }>;

class Selecting {
  readonly #inventory: Inventory;
  readonly #leftOut: Bound;
  readonly #tell: (unknown: Unknown) => void;
  /** The group whose members are chosen. */
  #group: string | undefined;
  /** As in Selection. */
  unseen = 0;

  constructor(inventory: Inventory, leftOut: Bound, tell: (unknown: Unknown) => void) {
    this.#inventory = inventory;
    this.#leftOut = leftOut;
    this.#tell = tell;
  }

  chosen(term: HostTerm, bound: Bound): NewlyChosen {
    const { names, runs } = this.#inventory;
    switch (term.kind) {
      case "expression":
        return this.#expression(term, bound);
      case "host":
        return this.#keyed([{ name: term.name, port: term.port }]);
      case "nodes":
        return this.#keyed(
          this.#namesOf(term).map((name) => ({ name, port: term.port })),
          "registered",
        );
      case "glob": {
        const globs = term.patterns.map((pattern) => new Bun.Glob(lowerAscii(pattern)));
        const fit = names.filter((name) => globs.some((glob) => glob.match(name)));
        return registered(fit, term.port);
      }
      case "group":
        return this.#members(term, bound);
      case "failed":
      case "missed": {
        const run = runs.get(term.reqid);
        if (run === undefined) this.#tell({ what: "run", name: term.reqid, group: this.#group });
        return this.#keyed((run?.[term.kind] ?? []).flatMap((text) => parseTarget(text) ?? []));
      }
      default: {
        const fit = names.filter((name) => isTrueFor(term, this.#inventory.factsOf(name), bound));
        return registered(fit, undefined);
      }
    }
  }

  #expression({ first, steps }: HostExpression, bound: Bound): NewlyChosen {
    // What is left out of what is left out is asked.
    const opposite = bound === "sure" ? this.#leftOut : "sure";
    let chosen = this.chosen(first, bound);
    for (const { operator, term } of steps) {
      const other = this.chosen(term, operator === "without" ? opposite : bound);
      if (operator === "union") {
        addAll(chosen, other);
        continue;
      }
      const [within, without] = parted(chosen, other);
      this.#mustMeanSomebody(
        term,
        chosen,
        lazily(() => typedNames(chosen.values())),
      );
      chosen = operator === "intersection" ? within : without;
    }
    return chosen;
  }

  #members({ name, members }: GroupTerm, bound: Bound): NewlyChosen {
    if (members === undefined) this.#tell({ what: "group", name, group: this.#group });
    return this.#within(name, () => {
      const chosen = new Map<string, Target>();
      for (const member of members ?? []) addAll(chosen, this.chosen(member, bound));
      return chosen;
    });
  }

  #within<Result>(group: string, choose: () => Result): Result {
    const outer = this.#group;
    this.#group = group;
    const result = choose();
    this.#group = outer;
    return result;
  }

  /** If one of them is unknown, the expression is refused: `n[1-99990]` must not take long for that (T67). */
  #namesOf({ set, port }: NodesTerm): readonly string[] {
    if (set.count <= FIRST_NODES) return set.names();
    const first = set.names(FIRST_NODES);
    const isKnown = (name: string) => this.#inventory.registeredAs(name, port).length > 0;
    if (first.every(isKnown)) return set.names();
    this.unseen += set.count - first.length;
    return first;
  }

  #keyed(hosts: readonly Target[], which: "any" | "registered" = "any"): NewlyChosen {
    const chosen: NewlyChosen = new Map();
    for (const host of hosts) {
      const there = this.#inventory.registeredAs(host.name, host.port);
      if (which === "registered" && there.length === 0) this.#tellHost(host.name);
      chosen.set(keyOf(host, there), host);
    }
    return chosen;
  }

  /**
   * A name in the second operand that belongs to no host is a slip, and the host that was meant would stay. But a
   * program that lists the hosts of a whole company does not mistype them, and not all of them are paired with this
   * host.
   *
   * @param names of the chosen hosts
   */
  #mustMeanSomebody(operand: HostTerm, chosen: Chosen, names: () => ReadonlySet<string>): void {
    if (operand.kind === "expression") {
      this.#mustMeanSomebody(operand.first, chosen, names);
      for (const { term } of operand.steps) this.#mustMeanSomebody(term, chosen, names);
    } else if (operand.kind === "group") {
      if (operand.from === "command") return;
      this.#within(operand.name, () => {
        for (const member of operand.members ?? []) this.#mustMeanSomebody(member, chosen, names);
      });
    } else if (operand.kind === "host") {
      if (chosen.has(this.#keyOf(operand))) return;
      if (operand.port === undefined && names().has(typedHost(operand.name))) return;
      this.#mustBeRegistered(operand);
    }
  }

  #keyOf(host: Target): string {
    return keyOf(host, this.#inventory.registeredAs(host.name, host.port));
  }

  #mustBeRegistered({ name, port }: Target): void {
    if (this.#inventory.registeredAs(name, port).length === 0) this.#tellHost(name);
  }

  #tellHost(name: string): void {
    this.#tell({ what: "host", name, group: this.#group });
  }
}

/**
 * A registered host is one host, whatever name, address or port leads to it.
 *
 * @param there the hosts that are registered there
 */
function keyOf({ name, port }: Target, there: readonly string[]): string {
  const [host] = there;
  return host !== undefined && there.length === 1 ? host : socketAddress(name, port);
}

/** The key of a registered host is its name: nothing has to be looked up for thousands of them. */
function registered(names: readonly string[], port: number | undefined): NewlyChosen {
  return new Map(names.map((name) => [name, { name, port }]));
}

function typedNames(hosts: Iterable<Target>): ReadonlySet<string> {
  return new Set([...hosts].map(({ name }) => typedHost(name)));
}

function lazily<Value>(make: () => Value): () => Value {
  let made: { readonly value: Value } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

function addAll(chosen: Map<string, Target>, others: Chosen): void {
  for (const [key, host] of others) if (!chosen.has(key)) chosen.set(key, host);
}

/**
 * Those of the hosts that are among the others, and the rest. An address without a port stands for all of its ports.
 */
function parted(
  hosts: Chosen,
  others: Chosen,
): [within: Map<string, Target>, without: Map<string, Target>] {
  // If a host was named as it is registered, the key is enough.
  const everyPort = lazily(() =>
    typedNames(
      [...others].flatMap(([key, host]) =>
        host.port === undefined && key !== host.name ? [host] : [],
      ),
    ),
  );
  const within = new Map<string, Target>();
  const without = new Map<string, Target>();
  for (const [key, host] of hosts) {
    const isWithin =
      others.has(key) || (key !== host.name && everyPort().has(typedHost(host.name)));
    (isWithin ? within : without).set(key, host);
  }
  return [within, without];
}
