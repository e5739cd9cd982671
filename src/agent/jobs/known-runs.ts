/**
 * Which runs this agent can answer for: since when it knows all of them, and which of them it will not start. With
 * both it can be certain about a run that it does not know (docs/DECISIONS.md, "A run that its agent does not know").
 * Times are compared by a clock that may be set: if it was, nothing is known about earlier runs.
 */

import { existsSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { uptime } from "node:os";
import { join } from "node:path";
import { MAX_SHORT_FILE, readPlainFile } from "../../system/files/plain-file.ts";
import { bootId } from "../../system/process/process-table.ts";
import { WithdrawnRuns } from "./withdrawn-runs.ts";

/** In the folder of all jobs. Its modification time is the moment since which every run is known. */
const FILE = "known-since";

/** If the clocks differ by more, the clock has been set. A smaller difference is corrected for. */
const STEP_MS = 1000;

/** The same from one agent to the next: the system tells the time since boot in whole seconds. */
const STEP_BETWEEN_MS = 2000;

/** Identifies a boot: when a host goes down, what was written last may be lost, while older data remain. */
interface Boot {
  readonly boot: string;
  /** By the clock, in milliseconds since 1970: it changes when the clock is set. */
  readonly booted: number;
}

export class KnownRuns {
  readonly #file: string;
  readonly #now: () => Date;
  readonly #withdrawn: WithdrawnRuns;
  /** Milliseconds since 1970. */
  #since: number;
  /** The time of the clock when the monotonic clock was 0. */
  #zero: number;

  /** Unless an agent of this boot has left its file, by the same clock, nothing is known about runs before now. */
  constructor(folder: string, now: () => Date) {
    this.#file = join(folder, FILE);
    this.#now = now;
    this.#withdrawn = new WithdrawnRuns(folder);
    const time = now().getTime();
    this.#zero = time - performance.now();
    this.#since = earlierSince(this.#file, bootBy(time)) ?? time;
  }

  /**
   * Notes it for the next agent. Must be called when the folder of all jobs was made, or may have been made again.
   */
  note(): void {
    this.#withdrawn.noteAgain();
    this.#write(this.#look());
  }

  /** Must be called when a job has ended: between two checks, the clock may be set and set back. */
  watchClock(): void {
    this.#look();
  }

  /** A run that was asked for at this time or before is not known any more, or never was. */
  forget(time: number): void {
    this.#look();
    if (time <= this.#since) return;
    this.#since = time;
    this.#stamp();
  }

  /** The run will not start from now on. Returns why the next agent does not know that; undefined if it does. */
  withdraw(reqid: string, by: string): string | undefined {
    return this.#withdrawn.add(reqid, by);
  }

  /** Who has cancelled it, empty if that is not known; undefined if it was not withdrawn. */
  withdrawnBy(reqid: string): string | undefined {
    return this.#withdrawn.by(reqid);
  }

  /** For how many milliseconds every run is known. */
  get sinceMs(): number {
    // In this order, because a check may forget runs.
    const time = this.#look();
    return Math.max(0, time - this.#since);
  }

  /** Returns the time, by the slower of the two clocks. */
  #look(): number {
    const steady = performance.now();
    const time = this.#now().getTime();
    if (Math.abs(time - steady - this.#zero) > STEP_MS) {
      this.#zero = time - steady;
      this.#since = time;
      if (existsSync(this.#file)) this.#write(time);
    }
    return Math.min(time, this.#zero + steady);
  }

  #write(time: number): void {
    try {
      writeFileSync(this.#file, JSON.stringify(bootBy(time)), { mode: 0o600 });
      this.#stamp();
    } catch {
      // The disk is full: the next agent knows about no run before its own start.
    }
  }

  #stamp(): void {
    try {
      utimesSync(this.#file, new Date(this.#since), new Date(this.#since));
    } catch {
      // There is none yet.
    }
  }
}

function bootBy(time: number): Boot {
  return { boot: bootId(), booted: time - uptime() * 1000 };
}

/** Undefined if it cannot be determined, also if no folder of jobs can be made, or if it no longer holds. */
function earlierSince(file: string, { boot, booted }: Boot): number | undefined {
  try {
    const { bytes } = readPlainFile(file, { maxBytes: MAX_SHORT_FILE, noLink: true });
    const noted: unknown = JSON.parse(bytes.toString("utf8"));
    if (typeof noted !== "object" || noted === null) return undefined;
    if (!("boot" in noted) || noted.boot !== boot) return undefined;
    if (!("booted" in noted) || typeof noted.booted !== "number") return undefined;
    const step = Math.abs(noted.booted - booted);
    return step > STEP_BETWEEN_MS ? undefined : statSync(file).mtimeMs + STEP_BETWEEN_MS;
  } catch {
    return undefined;
  }
}
