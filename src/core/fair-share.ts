/**
 * Fair shares of what strangers fill (T19, T21): whoever comes to find it full is let in as long as somebody
 * else holds more. What is counted is a network first, since a stranger may have all addresses of one, and
 * within it the single caller.
 */
import { callerNetwork, callerSite } from "./net/caller-network.ts";

/** Of an address: its network, then the caller within it. */
export type Origin = readonly [site: string, caller: string];

export function originOf(address: string): Origin {
  return [callerSite(address), callerNetwork(address)];
}

export interface Holder {
  readonly origin: Origin;
  /** Whether it may be put out for somebody else. */
  mayGo(): boolean;
}

/** Who holds what, counted as it comes and goes: a full port asks at each accept (T19). */
export class FairShares<Held extends Holder> {
  readonly #all = new Group<Held>();
  #arrivals = 0;

  get size(): number {
    return this.#all.holders.size;
  }

  add(held: Held): void {
    this.#arrivals += 1;
    this.#all.add(held, held.origin, this.#arrivals);
  }

  remove(held: Held): void {
    this.#all.remove(held, held.origin);
  }

  /**
   * Who gives way to a newcomer: of the network that holds most the caller that holds most, of its holders
   * the oldest. A network or caller that holds nothing yet is let in beside others that have as little; one
   * that holds something gets more only from those that hold more than it would then.
   *
   * @returns undefined when the newcomer is the one to be refused
   */
  whoGivesWay(newcomer: Origin): Held | undefined {
    return this.#all.choose(newcomer);
  }
}

/** Holders who share the part of an origin that stands before `rest`. */
class Group<Held extends Holder> {
  /** With the number of their arrival, the oldest first. */
  readonly holders = new Map<Held, number>();
  readonly #parts = new Map<string, Group<Held>>();

  add(held: Held, [name, ...rest]: readonly string[], arrival: number): void {
    this.holders.set(held, arrival);
    if (name === undefined) return;
    const part = this.#parts.get(name) ?? new Group<Held>();
    this.#parts.set(name, part);
    part.add(held, rest, arrival);
  }

  remove(held: Held, [name, ...rest]: readonly string[]): void {
    this.holders.delete(held);
    const part = name === undefined ? undefined : this.#parts.get(name);
    if (name === undefined || part === undefined) return;
    part.remove(held, rest);
    if (part.holders.size === 0) this.#parts.delete(name);
  }

  choose([name, ...rest]: readonly string[]): Held | undefined {
    if (name === undefined) return this.#oldestThatMayGo();
    const own = this.#parts.get(name);
    const enough = own === undefined ? 0 : own.holders.size + 1;
    const larger = [...this.#parts.values()].filter(
      (part) => part !== own && part.holders.size > enough,
    );
    // Of groups as large as each other the one with the oldest holder comes first.
    larger.sort((a, b) => b.holders.size - a.holders.size || a.#firstArrival - b.#firstArrival);
    for (const part of larger) {
      const found = part.choose(rest);
      if (found !== undefined) return found;
    }
    return rest.length > 0 ? own?.choose(rest) : undefined;
  }

  get #firstArrival(): number {
    const [first = 0] = this.holders.values();
    return first;
  }

  #oldestThatMayGo(): Held | undefined {
    for (const held of this.holders.keys()) if (held.mayGo()) return held;
    return undefined;
  }
}

/** Who holds most: of the network that holds most the caller, and of that one what it holds longest. */
export function whoHoldsMost<Held extends { readonly origin: Origin; readonly weight: number }>(
  holders: Iterable<Held>,
): Held | undefined {
  let left = [...holders];
  for (const level of [0, 1]) {
    let most = -1;
    for (const group of Map.groupBy(left, ({ origin }) => origin[level]).values()) {
      const weight = group.reduce((sum, held) => sum + held.weight, 0);
      if (weight <= most) continue;
      most = weight;
      left = group;
    }
  }
  return left[0];
}
