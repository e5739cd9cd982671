/**
 * Fair shares of a resource that strangers can fill (T19, T21): when it is full, a newcomer is let in as long
 * as somebody else holds more. Networks are counted first, since a stranger may have all addresses of one, and
 * then callers within a network.
 */
import { callerNetwork, callerSite } from "./net/caller-network.ts";

/** Where an address belongs: its network, then the caller within it. */
export type Origin = readonly [site: string, caller: string];

export function originOf(address: string): Origin {
  return [callerSite(address), callerNetwork(address)];
}

export interface Holder {
  readonly origin: Origin;
  /** Whether it may be evicted for somebody else. */
  mayGo(): boolean;
}

/** Who holds what, counted incrementally, because a full port asks at each accept (T19). */
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
   * The holder that gives way to a newcomer: the oldest one of the largest caller in the largest network. A
   * network or caller that holds nothing yet is let in even if others hold only one each; one that holds
   * something gets more only from those that hold more than it would then.
   *
   * @returns undefined if the newcomer must be refused
   */
  whoGivesWay(newcomer: Origin): Held | undefined {
    return this.#all.choose(newcomer);
  }
}

/** Holders that share the part of an origin before `rest`. */
class Group<Held extends Holder> {
  /** With the sequence number of their arrival, the oldest first. */
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
    // Among groups of equal size, the one with the oldest holder comes first.
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

/** The oldest holder of the largest caller in the largest network. */
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
