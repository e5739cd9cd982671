/** Judges this host's clock by those of other hosts (T68). Nothing here reads a clock. */
import { counted } from "./text.ts";

/** Seconds from which a difference is reported; for less, certificates are backdated far enough (T08). */
const CLOCK_TOLERANCE = 60;

/** How many hosts must disagree before this host stops signing: fewer may themselves be wrong. */
export const ENOUGH = 3;

const HOUR_MS = 3_600_000;
const DAY_HOURS = 24;

/** A registered host's clock, as shown in one of its answers. */
export interface ClockSighting {
  readonly host: string;
  /** Seconds by which the host's clock is ahead of this one's. */
  readonly offset: number;
  /** When it was seen, by this host's clock. */
  readonly seen: Date;
}

export interface ClockVerdict {
  /**
   * - `fine`: most agree, or none was seen
   * - `doubtful`: most disagree, but they are few: nothing is given up or dropped because of the time
   * - `wrong`: most disagree, and they are at least three: nothing is signed either
   */
  readonly kind: "fine" | "doubtful" | "wrong";
  /** Those that disagree, the largest difference first. */
  readonly differ: readonly ClockSighting[];
  /** How many were seen. */
  readonly seen: number;
}

export function differs({ offset }: Pick<ClockSighting, "offset">): boolean {
  return Math.abs(offset) >= CLOCK_TOLERANCE;
}

/** Undefined for a time in the future: the clock has been set back since, so its age is unknown. */
export function secondsSince(seen: Date, now: Date): number | undefined {
  const age = (now.getTime() - seen.getTime()) / 1000;
  return age < -CLOCK_TOLERANCE ? undefined : Math.max(0, age);
}

/**
 * Hours begun since it was seen; undefined like secondsSince. Sightings are recorded once an hour: in whole
 * hours, two hosts that answered in the same hour have the same age, and a host does not count as more recent
 * because it says something else each time.
 */
export function hoursSince(seen: Date, now: Date): number | undefined {
  if (secondsSince(seen, now) === undefined) return undefined;
  return Math.max(0, hourOf(now) - hourOf(seen));
}

function hourOf(time: Date): number {
  return Math.floor(time.getTime() / HOUR_MS);
}

/** Judges by the hosts seen in the last day. @param sightings one for each host */
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
    return count === 0 ? [] : [counted(count, name)];
  });
  return `${parts.join(" ")} ${offset < 0 ? "behind" : "ahead"}`;
}
