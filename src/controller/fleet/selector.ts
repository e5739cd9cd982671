/**
 * Which hosts an expression stands for: (expression, inventory) -> hosts. Pure. It never throws: what is wrong is
 * told only to a caller who may know it, after the auth hook has agreed (T76).
 */
import { type HostExpression, type HostTerm, termsOf } from "../../core/hosts/expression.ts";
import { lowerAscii, parseTarget, type Target } from "../../core/net/host-name.ts";
import { socketAddress, typedHost } from "./targets.ts";

/** What is known of the fleet before anybody is asked. */
export interface Inventory {
  /** Every registered host in lower case, in order. */
  readonly names: readonly string[];
  /** Those that are registered under the name, or at the address and port: usually one, or none. */
  registeredAs(name: string, port: number | undefined): readonly string[];
  /** Of a registered host. */
  factsOf(host: string): HostFacts;
  /** Of the runs that are named, by their ids. */
  readonly runs: ReadonlyMap<string, RunHosts>;
}

export interface HostFacts {
  readonly stale: boolean;
  /** Until its certificate ends; undefined if it is not known. */
  readonly secondsLeft: number | undefined;
}

export interface RunHosts {
  readonly failed: readonly string[];
  readonly missed: readonly string[];
}

export interface Selection {
  /** In the order in which the expression names them. */
  readonly hosts: readonly Target[];
  /** What the expression names and nobody knows, in the order in which it does. */
  readonly unknown: readonly Unknown[];
}

export interface Unknown {
  readonly what: "host" | "run";
  readonly name: string;
}

/** Hosts by what distinguishes each from every other. */
type Chosen = ReadonlyMap<string, Target>;

export function selectHosts(expression: HostExpression, inventory: Inventory): Selection {
  const unknown = new Map<string, Unknown>();
  const selecting = new Selecting(inventory, ({ what, name }) => {
    unknown.set(`${what} ${name}`, { what, name });
  });
  const hosts = [...selecting.chosen(expression).values()];
  return { hosts, unknown: [...unknown.values()] };
}

class Selecting {
  readonly #inventory: Inventory;
  readonly #tell: (unknown: Unknown) => void;

  constructor(inventory: Inventory, tell: (unknown: Unknown) => void) {
    this.#inventory = inventory;
    this.#tell = tell;
  }

  chosen(term: HostTerm): Chosen {
    const { names, runs } = this.#inventory;
    switch (term.kind) {
      case "expression":
        return this.#expression(term);
      case "host":
        return this.#keyed([term]);
      case "nodes":
        return this.#keyed(
          term.set.names().map((name) => ({ name, port: term.port })),
          "registered",
        );
      case "glob": {
        const globs = term.patterns.map((pattern) => new Bun.Glob(lowerAscii(pattern)));
        const fit = names.filter((name) => globs.some((glob) => glob.match(name)));
        return this.#keyed(fit.map((name) => ({ name, port: term.port })));
      }
      case "failed":
      case "missed": {
        const run = runs.get(term.reqid);
        if (run === undefined) this.#tell({ what: "run", name: term.reqid });
        return this.#keyed((run?.[term.kind] ?? []).flatMap((text) => parseTarget(text) ?? []));
      }
      default: {
        const fit = names.filter((name) => isTrueOf(term, this.#inventory.factsOf(name)));
        return this.#keyed(fit.map((name) => ({ name, port: undefined })));
      }
    }
  }

  #expression({ first, steps }: HostExpression): Chosen {
    let chosen = new Map(this.chosen(first));
    for (const { operator, term } of steps) {
      const other = this.chosen(term);
      if (operator === "union") {
        for (const [key, host] of other) if (!chosen.has(key)) chosen.set(key, host);
        continue;
      }
      const [within, without] = parted(chosen, other);
      this.#mustMeanSomebody(term, chosen);
      chosen = operator === "intersection" ? within : without;
    }
    return chosen;
  }

  #keyed(hosts: readonly Target[], which: "any" | "registered" = "any"): Chosen {
    return new Map(
      hosts.map((host) => {
        if (which === "registered") this.#mustBeRegistered(host);
        return [this.#keyOf(host), { name: host.name, port: host.port }];
      }),
    );
  }

  /** A name in the second operand that is nobody's is a slip, and the host that was meant would stay. */
  #mustMeanSomebody(operand: HostTerm, chosen: Chosen): void {
    const names = new Set([...chosen.values()].map(({ name }) => typedHost(name)));
    for (const term of termsOf(operand)) {
      if (term.kind !== "host" || chosen.has(this.#keyOf(term))) continue;
      if (term.port === undefined && names.has(typedHost(term.name))) continue;
      this.#mustBeRegistered(term);
    }
  }

  /** A registered host is one host, whatever name, address or port leads to it. */
  #keyOf({ name, port }: Target): string {
    const [host, ...others] = this.#inventory.registeredAs(name, port);
    return host !== undefined && others.length === 0 ? host : socketAddress(name, port);
  }

  #mustBeRegistered({ name, port }: Target): void {
    if (this.#inventory.registeredAs(name, port).length > 0) return;
    this.#tell({ what: "host", name });
  }
}

/**
 * Those of the hosts that are among the others, and the rest. An address without a port stands for each of its
 * ports.
 */
function parted(
  hosts: Chosen,
  others: Chosen,
): [within: Map<string, Target>, without: Map<string, Target>] {
  const everyPort = new Set(
    [...others.values()].flatMap(({ name, port }) => (port === undefined ? [typedHost(name)] : [])),
  );
  const within = new Map<string, Target>();
  const without = new Map<string, Target>();
  for (const [key, host] of hosts) {
    const isWithin = others.has(key) || everyPort.has(typedHost(host.name));
    (isWithin ? within : without).set(key, host);
  }
  return [within, without];
}

type FactTerm = Exclude<
  HostTerm,
  { readonly kind: "expression" | "host" | "nodes" | "glob" | "failed" | "missed" }
>;

function isTrueOf(term: FactTerm, facts: HostFacts): boolean {
  switch (term.kind) {
    case "all":
      return true;
    case "stale":
      return facts.stale;
    case "expiring":
      return facts.secondsLeft !== undefined && facts.secondsLeft <= term.seconds;
  }
}
