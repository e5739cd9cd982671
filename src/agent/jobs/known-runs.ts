/**
 * Which runs this agent can answer for: since when it knows all of them, and which of them it will not start. With
 * both it is certain of a run that it does not know (docs/DECISIONS.md, "A run that its agent does not know"). Times
 * are compared by a clock that may be set: then nothing is known of runs before.
 */
import { existsSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { uptime } from "node:os";
import { join } from "node:path";
import { bootId } from "../../system/process/process-table.ts";
import { WithdrawnRuns } from "./withdrawn-runs.ts";

/** In the folder of all jobs. Its time is the moment since which every run is known. */
const FILE = "known-since";

/** By more the clock has been set. Less is made up for. */
const STEP_MS = 1000;

/** The same from one agent to the next: the system tells the time since its boot in whole seconds. */
const STEP_BETWEEN_MS = 2000;

/** Of a boot: what went down with the one before may have lost what it had written, and kept what is older. */
interface Boot {
  readonly boot: string;
  /** By the clock, in milliseconds since 1970: it changes when that is set. */
  readonly booted: number;
}

export class KnownRuns {
  readonly #file: string;
  readonly #now: () => Date;
  readonly #withdrawn: WithdrawnRuns;
  /** Milliseconds since 1970. */
  #since: number;
  /** What the clock says when the steady one says 0. */
  #zero: number;

  /** Without the file of an agent of this boot, by the same clock, nothing is known of runs before now. */
  constructor(folder: string, now: () => Date) {
    this.#file = join(folder, FILE);
    this.#now = now;
    this.#withdrawn = new WithdrawnRuns(folder);
    const time = now().getTime();
    this.#zero = time - performance.now();
    this.#since = earlierSince(this.#file, bootBy(time)) ?? time;
  }

  /** For the next agent. To be called when the folder of all jobs was made, or may have been made anew. */
  note(): void {
    this.#withdrawn.noteAgain();
    this.#write(this.#look());
  }

  /** To be called when a job has ended: between two looks, the clock may be set and set back. */
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

  /** It does not start from now on. Returns why the next agent does not know that; undefined if it does. */
  withdraw(reqid: string, by: string): string | undefined {
    return this.#withdrawn.add(reqid, by);
  }

  /** Who has cancelled it, empty if that is not known; undefined if it was not withdrawn. */
  withdrawnBy(reqid: string): string | undefined {
    return this.#withdrawn.by(reqid);
  }

  /** For how many milliseconds every run is known. */
  get sinceMs(): number {
    // In this order: a look may forget.
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
      // The disk is full: the next agent knows of no run before its own start.
    }
  }

  #stamp(): void {
    try {
      utimesSync(this.#file, new Date(), new Date(this.#since));
    } catch {
      // There is none yet.
    }
  }
}

function bootBy(time: number): Boot {
  return { boot: bootId(), booted: time - uptime() * 1000 };
}

/** Undefined if it cannot be seen, also where no folder of jobs can be made, or does not hold any more. */
function earlierSince(file: string, { boot, booted }: Boot): number | undefined {
  try {
    const noted: unknown = JSON.parse(readFileSync(file, "utf8"));
    if (typeof noted !== "object" || noted === null) return undefined;
    if (!("boot" in noted) || noted.boot !== boot) return undefined;
    if (!("booted" in noted) || typeof noted.booted !== "number") return undefined;
    const step = Math.abs(noted.booted - booted);
    return step > STEP_BETWEEN_MS ? undefined : statSync(file).mtimeMs + STEP_BETWEEN_MS;
  } catch {
    return undefined;
  }
}
