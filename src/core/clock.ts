/** Whether this host's clock is right, by what others' clocks say (T68). Nothing here reads a clock. */

/** Seconds from which a difference is told; below them certificates are set back far enough (T08). */
const CLOCK_TOLERANCE = 60;

/** Hosts that must disagree before this host stops signing: fewer may be wrong themselves. */
export const ENOUGH = 3;

const HOUR_MS = 3_600_000;
const DAY_HOURS = 24;

/** A registered host's clock, as an answer of that host showed it. */
export interface ClockSighting {
  readonly host: string;
  /** Seconds by which the host's clock is ahead of this one's. */
  readonly offset: number;
  /** By this host's clock. */
  readonly seen: Date;
}

export interface ClockVerdict {
  /**
   * - `fine`: most agree, or nobody was seen
   * - `doubtful`: most disagree, and they are few: nothing is given up or dropped because of the time
   * - `wrong`: most disagree, and they are at least three: nothing is signed either
   */
  readonly kind: "fine" | "doubtful" | "wrong";
  /** Those that disagree, the furthest first. */
  readonly differ: readonly ClockSighting[];
  /** How many were seen. */
  readonly seen: number;
}

export function differs({ offset }: Pick<ClockSighting, "offset">): boolean {
  return Math.abs(offset) >= CLOCK_TOLERANCE;
}

/** Undefined for a time that lies ahead: the clock has been set back since, and nobody knows when it was. */
export function secondsSince(seen: Date, now: Date): number | undefined {
  const age = (now.getTime() - seen.getTime()) / 1000;
  return age < -CLOCK_TOLERANCE ? undefined : Math.max(0, age);
}

/**
 * Hours that have begun since it was seen; undefined as of secondsSince. Sightings are written down once
 * an hour: counted in whole hours, two hosts that answered in the same hour are of the same age, and a
 * host is no younger for saying something else each time.
 */
export function hoursSince(seen: Date, now: Date): number | undefined {
  if (secondsSince(seen, now) === undefined) return undefined;
  return Math.max(0, hourOf(now) - hourOf(seen));
}

function hourOf(time: Date): number {
  return Math.floor(time.getTime() / HOUR_MS);
}

/** By the hosts that were seen in the last day. @param sightings one of each host */
export function judgeClock(sightings: Iterable<ClockSighting>, now: Date): ClockVerdict {
  const recent = [...sightings].filter(
    ({ seen }) => (hoursSince(seen, now) ?? Number.POSITIVE_INFINITY) <= DAY_HOURS,
  );
  const differ = recent.filter(differs).sort((a, b) => Math.abs(b.offset) - Math.abs(a.offset));
  const most = differ.length * 2 > recent.length;
  const kind = !most ? "fine" : differ.length >= ENOUGH ? "wrong" : "doubtful";
  return { kind, differ, seen: recent.length };
}

const UNITS = [
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
] as const;

/** `2 hours ahead`, `1 day 3 hours behind`: the largest unit and the next, the rest left out. */
export function describeOffset(offset: number): string {
  let left = Math.abs(Math.round(offset));
  const first = UNITS.findIndex(([, seconds]) => left >= seconds);
  const parts = UNITS.slice(first, first + 2).flatMap(([name, seconds]) => {
    const count = Math.floor(left / seconds);
    left -= count * seconds;
    return count === 0 ? [] : [`${count} ${name}${count === 1 ? "" : "s"}`];
  });
  return `${parts.join(" ")} ${offset < 0 ? "behind" : "ahead"}`;
}
